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

/// Whether a person on the terminal wants what is offered: anything but `n` and `no` is a yes.
///
/// # Errors
/// When the terminal cannot be read.
pub fn accepts(offer: &str) -> Result<bool> {
    offered(offer, &mut io::stdin().lock(), &mut io::stderr())
}

fn offered(offer: &str, input: &mut impl BufRead, output: &mut impl Write) -> Result<bool> {
    write!(output, "{offer} [Y/n] ")?;
    output.flush()?;
    let mut answer = String::new();
    // A terminal that is closed has not answered.
    let is_answer = input.read_line(&mut answer)? > 0;
    Ok(is_answer && !["n", "no"].contains(&answer.trim().to_lowercase().as_str()))
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
    fn an_offer_is_taken_unless_it_is_declined() {
        for (typed, taken) in [("\n", true), ("y\n", true), ("n\n", false), ("No\n", false), ("", false)] {
            let mut told = Vec::new();
            assert_eq!(offered("A backup?", &mut typed.as_bytes(), &mut told).unwrap(), taken, "{typed:?}");
            assert_eq!(String::from_utf8(told).unwrap(), "A backup? [Y/n] ");
        }
    }

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
