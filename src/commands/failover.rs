//! `keyboss failover`.

use anyhow::{Result, bail};

use super::confirm::confirm;
use super::reach::reach;
use crate::cli::FailoverArgs;
use crate::report::{Redactor, print_lines};
use crate::watchdog::switch_over;

/// Makes the standby primary, or the replica master, while both are well.
///
/// # Errors
/// When it is not confirmed, or no watchdog does it.
pub async fn run(arguments: FailoverArgs, redactor: Redactor) -> Result<()> {
    let reached = reach(&arguments.place.environment, &arguments.place.cluster).await?;
    reached.check_expected()?;
    let (cluster, system) = (&reached.cluster, arguments.system);
    let question = format!("this leads the shop of namespace {} to its other {system} pod", cluster.namespace());
    if !confirm(&question, "yes", arguments.place.yes)? {
        bail!("not confirmed: nothing has changed");
    }
    let leads = switch_over(cluster, system).await?;
    Ok(print_lines(&[format!("{system}: {leads} leads now")], &redactor)?)
}
