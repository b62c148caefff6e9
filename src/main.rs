//! Arguments, to a command, to an exit code.

use std::process::ExitCode;

use clap::Parser;
use keyboss::cli::{Cli, Command};
use keyboss::commands;
use keyboss::report::{self, Redactor};

/// Usage and precondition errors: nothing was touched.
const NOTHING_TOUCHED: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let redactor = Redactor::default();
    report::log_to_stderr(cli.verbose, redactor.clone());
    let outcome = match cli.command {
        Command::Deploy(arguments) => commands::deploy::run(arguments, redactor.clone()).await,
        Command::Render(arguments) => commands::render::run(&arguments).map(|()| ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|error| {
        report::error(&error, &redactor);
        ExitCode::from(NOTHING_TOUCHED)
    })
}
