//! How a shop stands, for people.

use serde_json::json;

use crate::pipeline::Workload;
use crate::report::status::{releases, roles, workloads};
use crate::watchdog::{Postgres, Redis, Roles};

use super::described::assert_described;

fn known() -> Roles {
    Roles {
        watchdog: Some("postgres-watchdog-1".into()),
        unknown: None,
        postgres: Postgres {
            primary: "postgres-1".into(),
            synchronous_standby: Some("postgres-0".into()),
            timeline: 3,
            failovers: 2,
            lag_bytes: Some(0),
        },
        redis: Redis { master: "redis-0".into(), replica_attached: Some(true), lag_bytes: Some(12) },
    }
}

#[test]
fn who_leads_and_who_may_take_over() {
    let well = [
        "  PostgreSQL  postgres-1 is primary, postgres-0 is its synchronous standby (0 bytes behind); timeline 3, failovers 2",
        "  Redis       redis-0 is master, a replica is attached (12 bytes behind)",
        "  watchdog    postgres-watchdog-1 leads",
    ];
    assert_eq!(roles(&known()), well);
    let mut alone = known();
    alone.postgres = Postgres { synchronous_standby: None, lag_bytes: None, ..alone.postgres };
    alone.redis = Redis { replica_attached: Some(false), lag_bytes: None, ..alone.redis };
    alone.watchdog = None;
    let said = roles(&alone);
    assert!(
        said[0].contains("postgres-1 is primary, no standby has everything, so nobody can take over; "),
        "{said:?}"
    );
    assert!(said[1].ends_with("redis-0 is master, no replica is attached, so nobody can take over"), "{said:?}");
    assert!(said[2].ends_with("none leads: nothing fails over"), "{said:?}");
    alone.unknown = Some("a cannot be asked: no answer".into());
    assert!(roles(&alone)[2].ends_with("it is not known which one leads: a cannot be asked: no answer"));
}

#[test]
fn the_schema_of_the_output_has_every_field() {
    for roles in [Some(known()), None] {
        let workload = Workload { kind: "Deployment", name: "a".into(), ready: 1, wanted: 2, why: Some("b".into()) };
        let workloads = [&workload, &Workload { why: None, ..workload.clone() }];
        let status = json!({"namespace": "a", "release": 1, "unfinished": [2], "locks": ["b"], "workloads": workloads, "roles": roles});
        assert_described("status", &status);
    }
}

#[test]
fn what_is_not_ready_comes_first() {
    let workload = |name: &str, ready, why: Option<&str>| Workload {
        kind: "Deployment",
        name: name.into(),
        ready,
        wanted: 2,
        why: why.map(Into::into),
    };
    let lines = workloads(&[workload("a", 2, None), workload("celery-worker", 1, Some("1 of 2 updated"))]);
    assert_eq!(lines, ["  Deployment celery-worker  1/2  1 of 2 updated", "  Deployment a              2/2  ready"]);
    assert_eq!(releases(None, &[], "keyboss"), ["namespace keyboss: no release is in place"]);
}
