//! A failover whose watchdog is killed between two steps: the other one finishes it, once (HA.md, rule 12).
//!
//! The API server tells the steps apart: it holds the request of one of them, before it is done or after, and the watchdog
//! is killed while it waits for the answer.

use keyboss::rehearsal::faults::{Fault, Rule};

use super::shop::{ONE, Shop, ZERO};
use crate::postgres::is_primary;

/// The request of a step is not done.
const BEFORE: Fault = Fault::Silence;
/// It is done, and the watchdog does not learn of it.
const AFTER: Fault = Fault::Unanswered;

/// A request of a failover: the n-th to change such an object.
struct Moment(&'static str, &'static str, u64, Fault);

/// Who plays which part; they swap with each failover.
struct Parts {
    shop: Shop,
    primary: &'static str,
    standby: &'static str,
    failovers: usize,
}

impl Parts {
    fn new() -> Self {
        let mut shop = Shop::with(&["watchdog-0", "watchdog-1"]);
        shop.world.until("somebody leads", |world| !world.api().leader().is_empty());
        Self { shop, primary: ZERO, standby: ONE, failovers: 0 }
    }

    /// Waits until a request of that kind is there, as often as the moment says.
    fn until_held(&mut self, Moment(verb, resource, nth, _): &Moment) {
        let what = format!("{verb} {resource}");
        self.shop.world.until(&format!("{what} {nth}"), |world| {
            let received = world.api().faults().received();
            received.iter().filter(|request| request.what == what).count() as u64 >= *nth
        });
    }

    /// The primary is lost, and the watchdog dies at that moment.
    fn fail_over(&mut self, what: &str, moment: &Moment) {
        let (old, new) = (self.primary, self.standby);
        self.shop.write();
        let api = std::sync::Arc::clone(self.shop.world.api());
        let leader = api.leader();
        api.faults().forget();
        let Moment(verb, resource, nth, fault) = moment;
        let (verb, resource) = ((*verb).to_owned(), (*resource).to_owned());
        api.faults().add(Rule { verb, resource, fault: *fault, at: Some(*nth) });
        self.shop.world.kill(&[old]);
        self.until_held(moment);
        self.shop.world.signal_watchdog(&leader, "KILL");
        api.faults().clear();
        self.failovers += 1;
        self.shop.failed_over_to(new, &format!("primary killed, and its watchdog {what}"));
        self.shop.world.start_watchdog(&leader, &[]);
        self.shop.world.start(&[old]);
        self.shop.until_whole(new, old);
        assert!(is_primary(&self.shop.world, new));
        assert_eq!(self.shop.recorded("POSTGRES_EPOCH"), self.failovers.to_string(), "{what}");
        assert_eq!(api.led("postgres-primary"), new, "{what}");
        for client in ["saleor-api", "celery-worker", "celery-beat"] {
            let client = api.get("apps/v1", "Deployment", client);
            let noted = &client["spec"]["template"]["metadata"]["annotations"]["keyboss.io/postgres-epoch"];
            assert_eq!(*noted, self.failovers.to_string(), "{what}");
        }
        let told = api.events("PostgresFailover");
        assert_eq!(told.len(), self.failovers, "{what}: {told:?}");
        (self.primary, self.standby) = (new, old);
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_watchdog_dies_as_it_decides_or_promotes() {
    let mut parts = Parts::new();
    for (what, moment) in [
        ("before it recorded the decision", Moment("patch", "configmaps", 1, BEFORE)),
        ("after it recorded the decision", Moment("patch", "configmaps", 1, AFTER)),
        ("before it moved the Service", Moment("patch", "services", 1, BEFORE)),
        ("after it moved the Service", Moment("patch", "services", 1, AFTER)),
    ] {
        parts.fail_over(what, &moment);
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run servers"]
fn a_watchdog_dies_as_it_brings_the_clients_over() {
    let mut parts = Parts::new();
    for (what, moment) in [
        ("before it restarted a client", Moment("patch", "deployments", 1, BEFORE)),
        ("after it restarted a client", Moment("patch", "deployments", 1, AFTER)),
        ("before it restarted the last client", Moment("patch", "deployments", 3, BEFORE)),
        ("after it restarted the last client", Moment("patch", "deployments", 3, AFTER)),
        ("before it recorded the new timeline", Moment("patch", "configmaps", 2, BEFORE)),
        ("after it recorded the new timeline", Moment("patch", "configmaps", 2, AFTER)),
    ] {
        parts.fail_over(what, &moment);
    }
}
