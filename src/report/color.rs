//! Whether there are colours.

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set; elsewhere where `CLICOLOR_FORCE` is (<https://no-color.org>,
    /// <https://bixense.com/clicolors/>).
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// From now on colours are used as asked for, in the log too.
pub fn use_colors(color: Color) {
    let are_used = match color {
        // The console crate has looked at the terminal and the environment.
        Color::Auto => return,
        Color::Always => true,
        Color::Never => false,
    };
    console::set_colors_enabled(are_used);
    console::set_colors_enabled_stderr(are_used);
}
