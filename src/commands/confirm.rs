//! Asking before something is done that cannot simply be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::{Result, bail};

/// Whether a person agrees: with `--yes`, or by typing what is `expected` on a terminal.
///
/// # Errors
/// When there is no terminal to ask on, and no `--yes`.
pub fn confirm(question: &str, expected: &str, yes: bool) -> Result<bool> {
    let stdin = io::stdin();
    if !yes && !stdin.is_terminal() {
        bail!("{question}\nthere is no terminal to ask on: add --yes if that is what you want");
    }
    ask(question, expected, yes, &mut stdin.lock(), &mut io::stderr())
}

fn ask(question: &str, expected: &str, yes: bool, input: &mut impl BufRead, output: &mut impl Write) -> Result<bool> {
    writeln!(output, "{question}")?;
    if yes {
        return Ok(true);
    }
    write!(output, "Type {expected} to go on: ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(answer.trim() == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_expected_is_a_yes() {
        for (typed, yes, agreed) in [
            ("keyboss\n", false, true),
            ("yes\n", false, false),
            ("", false, false),
            ("", true, true),
            ("key", true, true),
        ] {
            let mut told = Vec::new();
            let answer = ask("everything goes", "keyboss", yes, &mut typed.as_bytes(), &mut told).unwrap();
            assert_eq!(answer, agreed, "{typed:?} {yes}");
            let told = String::from_utf8(told).unwrap();
            assert!(told.starts_with("everything goes\n"), "{told}");
            assert_eq!(told.contains("Type keyboss"), !yes, "{told}");
        }
    }
}
