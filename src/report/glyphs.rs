//! The signs of the live terminal, for those that show Unicode and those that do not.

/// One sign for each meaning.
#[derive(Debug)]
pub struct Glyphs {
    /// A phase is done, ...
    pub done: &'static str,
    /// ... has failed, ...
    pub failed: &'static str,
    /// ... is still to come, ...
    pub pending: &'static str,
    /// ... or runs: in turn.
    pub turns: &'static [&'static str],
    /// Something is left out.
    pub cut: &'static str,
    /// Between who says something and what is said.
    pub rule: &'static str,
    /// The ends of a bar, and a full cell of it parted in growing parts, an empty one first.
    ends: [&'static str; 2],
    cells: &'static [&'static str],
}

/// Unicode.
pub static UNICODE: Glyphs = Glyphs {
    done: "✔",
    failed: "✘",
    pending: "·",
    turns: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
    cut: "…",
    rule: "│",
    ends: ["▕", "▏"],
    cells: &[" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
};

/// ASCII.
pub static ASCII: Glyphs = Glyphs {
    done: "+",
    failed: "x",
    pending: ".",
    turns: &["|", "/", "-", "\\"],
    cut: "...",
    rule: "|",
    ends: ["[", "]"],
    cells: &[" ", "#"],
};

/// The cells of a bar.
const CELLS: usize = 6;

impl Glyphs {
    /// Those that the locale can show: the first of these variables that is set decides
    /// (<https://pubs.opengroup.org/onlinepubs/9699919799/basedefs/V1_chap08.html>).
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> &'static Self {
        let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(variable).find(|value| !value.is_empty());
        let is_unicode = set.is_some_and(|locale| {
            let locale = locale.to_lowercase();
            locale.ends_with("utf-8") || locale.ends_with("utf8") || locale.contains("utf-8@")
        });
        if is_unicode { &UNICODE } else { &ASCII }
    }

    /// How much is done, as a bar.
    pub fn bar(&self, done: u32, total: u32) -> String {
        let parts = self.cells.len() - 1;
        let filled = u64::from(done.min(total)) * (CELLS * parts) as u64 / u64::from(total.max(1));
        let filled = usize::try_from(filled).unwrap_or(0);
        let cell = |index: usize| self.cells[filled.saturating_sub(index * parts).min(parts)];
        let cells: String = (0..CELLS).map(cell).collect();
        format!("{}{cells}{}", self.ends[0], self.ends[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_full_as_what_it_shows() {
        for (done, total, unicode, ascii) in [
            (0, 2, "▕      ▏", "[      ]"),
            (1, 2, "▕███   ▏", "[###   ]"),
            (1, 5, "▕█▏    ▏", "[#     ]"),
            (4, 7, "▕███▍  ▏", "[###   ]"),
            (7, 7, "▕██████▏", "[######]"),
            (3, 2, "▕██████▏", "[######]"),
            (0, 0, "▕      ▏", "[      ]"),
        ] {
            assert_eq!((UNICODE.bar(done, total).as_str(), ASCII.bar(done, total).as_str()), (unicode, ascii));
        }
    }

    #[test]
    fn the_locale_decides() {
        for (set, is_unicode) in [
            (&[("LANG", "en_GB.UTF-8")][..], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "de_DE.UTF-8@euro")], true),
            (&[("LC_ALL", ""), ("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], true),
            (&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")], false),
            (&[("LANG", "de_DE.ISO-8859-1")], false),
            (&[], false),
        ] {
            let variable = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Glyphs::of_locale(variable).done == UNICODE.done, is_unicode, "{set:?}");
        }
    }
}
