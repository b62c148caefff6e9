//! Arguments, to a command, to an exit code.

use std::process::ExitCode;

use clap::Parser;
use keyboss::cli::{Cli, Command, asks_for_failures};
use keyboss::commands;
use keyboss::pipeline::Refused;
use keyboss::rehearsal::scenario::FORMS;
use keyboss::report::{self, Redactor};

/// Usage and precondition errors: nothing was touched.
const NOTHING_TOUCHED: u8 = 2;
/// Another deploy holds the lock: nothing was touched either.
const LOCKED: u8 = 4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if asks_for_failures(&error) => {
            print!("{FORMS}");
            return ExitCode::SUCCESS;
        }
        Err(error) => error.exit(),
    };
    let redactor = Redactor::default();
    let verbose = cli.verbose + u8::from(matches!(cli.command, Command::Watchdog(_) | Command::Exporter(_)));
    report::log_to_stderr(verbose, redactor.clone());
    let output = cli.command.output();
    let outcome = match cli.command {
        Command::Deploy(arguments) => commands::deploy::run(arguments, redactor.clone()).await,
        Command::Rehearse(arguments) => commands::rehearse::run(arguments, redactor.clone()).await,
        Command::Diff(arguments) => commands::diff::run(arguments, redactor.clone()).await,
        Command::Rollback(arguments) => commands::rollback::run(arguments, redactor.clone()).await,
        Command::History(arguments) => done(commands::history::run(arguments, redactor.clone()).await),
        Command::Status(arguments) => done(commands::status::run(arguments, redactor.clone()).await),
        Command::Doctor(arguments) => commands::doctor::run(arguments, redactor.clone()).await,
        Command::Logs(arguments) => done(commands::logs::run(arguments, redactor.clone()).await),
        Command::Open(arguments) => done(commands::open::run(arguments, redactor.clone()).await),
        Command::Unlock(arguments) => done(commands::unlock::run(arguments, redactor.clone()).await),
        Command::Backup(arguments) => commands::backup::run(arguments, redactor.clone()).await,
        Command::Render(arguments) => done(commands::render::run(&arguments)),
        Command::Failover(arguments) => done(commands::failover::run(arguments, redactor.clone()).await),
        Command::Watchdog(arguments) => done(commands::watchdog::run(arguments, &redactor).await),
        Command::Completions(arguments) => done(commands::shell::completions(&arguments)),
        Command::Man(arguments) => done(commands::shell::man(&arguments)),
        Command::Exporter(arguments) => done(commands::exporter::run(arguments).await),
        Command::OffSite(arguments) => commands::off_site::run(arguments, redactor.clone()).await,
    };
    outcome.unwrap_or_else(|error| {
        report::failure(&error, output, &redactor);
        let is_locked = matches!(error.downcast_ref(), Some(Refused::Locked(_)));
        ExitCode::from(if is_locked { LOCKED } else { NOTHING_TOUCHED })
    })
}

fn done(outcome: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    outcome.map(|()| ExitCode::SUCCESS)
}
