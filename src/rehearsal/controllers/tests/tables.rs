//! The rules that are easy to get wrong, as tables.

use std::collections::BTreeMap;

use serde_json::json;

use super::super::ordinals::{Action, Seen, Wanted, plan};
use super::super::proportional::{Part, spread};
use super::super::rolling::{Bounds, Count, scale_down, scale_up};

#[test]
fn a_share_is_rounded_up_for_the_surge_and_down_for_the_unavailable() {
    let of = |rolling, wanted| {
        let bounds = Bounds::of(&json!({"spec": {"strategy": {"rollingUpdate": rolling}}}), wanted);
        (bounds.surge, bounds.unavailable)
    };
    assert_eq!(of(json!(null), 1), (1, 0));
    assert_eq!(of(json!(null), 2), (1, 0));
    assert_eq!(of(json!(null), 4), (1, 1));
    assert_eq!(of(json!(null), 5), (2, 1));
    assert_eq!(of(json!({"maxSurge": 0, "maxUnavailable": 0}), 3), (0, 1), "never both nothing");
    assert_eq!(of(json!({"maxSurge": 0, "maxUnavailable": "10%"}), 3), (0, 1));
    assert_eq!(of(json!({"maxSurge": 1, "maxUnavailable": 5}), 3), (1, 3), "no more than there are");
    let recreate = Bounds::of(&json!({"spec": {"strategy": {"type": "Recreate"}}}), 3);
    assert_eq!(recreate, Bounds { surge: 0, unavailable: 0 });
}

#[test]
fn new_pods_come_as_far_as_the_surge_allows() {
    let bounds = |surge| Bounds { surge, unavailable: 0 };
    assert_eq!(scale_up(3, bounds(1), 0, 0), 3, "a first rollout is all at once");
    assert_eq!(scale_up(3, bounds(1), 3, 0), 1);
    assert_eq!(scale_up(3, bounds(1), 4, 1), 1, "the room is taken");
    assert_eq!(scale_up(3, bounds(2), 4, 2), 3, "no more than wanted");
    assert_eq!(scale_up(3, bounds(1), 9, 5), 3, "too many go at once");
}

#[test]
fn old_pods_go_as_new_ones_are_available() {
    let bounds = |unavailable| Bounds { surge: 1, unavailable };
    let count = |replicas, available| Count { replicas, available };
    let down = |unavailable, new, old: &[Count]| scale_down(3, bounds(unavailable), new, old);
    assert_eq!(down(0, count(1, 0), &[count(3, 3)]), [3], "nothing before the new one is available");
    assert_eq!(down(0, count(1, 1), &[count(3, 3)]), [2]);
    assert_eq!(down(1, count(0, 0), &[count(3, 3)]), [2]);
    assert_eq!(down(0, count(1, 0), &[count(3, 2)]), [3], "an unhealthy one counts as one to spare, were there one");
    assert_eq!(down(0, count(1, 1), &[count(1, 0), count(2, 2)]), [0, 2], "the unhealthy first");
    assert_eq!(down(0, count(3, 3), &[count(1, 1), count(0, 0)]), [0, 0]);
}

#[test]
fn a_rollout_that_is_scaled_keeps_its_proportions() {
    let of = |wanted, surge, most, parts: &[i64]| {
        let parts: Vec<Part> = parts.iter().map(|replicas| Part { replicas: *replicas, of: most }).collect();
        spread(wanted, surge, &parts)
    };
    assert_eq!(of(5, 1, 4, &[2, 2]), [(1, 3), (0, 3)], "the newer grows first");
    assert_eq!(of(2, 1, 6, &[3, 3]), [(0, 1), (1, 2)], "the older shrinks first");
    assert_eq!(of(15, 3, 13, &[8, 5]), [(0, 11), (1, 7)], "the example of the documentation");
    assert_eq!(of(3, 1, 4, &[1, 0, 3]), [(2, 3), (0, 1)], "none is left out of what has no pods");
    assert_eq!(of(0, 1, 4, &[1, 3]), [(1, 0), (0, 0)]);
    assert_eq!(of(10, 0, 4, &[1, 1, 1]), [(2, 4), (1, 3), (0, 3)], "what is left is for the largest");
}

const READY: Seen = Seen { ready: true, terminating: false, failed: false, updated: true };
const OLD: Seen = Seen { updated: false, ..READY };
const UNREADY: Seen = Seen { ready: false, ..READY };
const LEAVING: Seen = Seen { terminating: true, ..READY };
const FAILED: Seen = Seen { ready: false, failed: true, ..READY };

#[test]
fn a_stateful_set_keeps_its_order() {
    use Action::{Create, Delete};
    let of = |ordered, partition, replicas, pods: &[Seen]| {
        let pods: BTreeMap<i64, Seen> = (0..).zip(pods.iter().copied()).collect();
        plan(Wanted { replicas, partition, ordered }, &pods)
    };
    assert_eq!(of(true, 0, 2, &[]), [Create(0)], "one after the other");
    assert_eq!(of(true, 0, 2, &[UNREADY]), [], "the next waits for the one before");
    assert_eq!(of(true, 0, 2, &[READY]), [Create(1)]);
    assert_eq!(of(false, 0, 2, &[]), [Create(0), Create(1)], "all at once");
    assert_eq!(of(false, 0, 2, &[OLD, OLD]), [Delete(1)], "an update begins at the highest ordinal");
    assert_eq!(of(false, 0, 2, &[OLD, LEAVING]), [], "one at a time, also where pods start at once");
    assert_eq!(of(false, 0, 2, &[OLD]), [Create(1)], "and the others wait for the new pod");
    assert_eq!(of(false, 0, 2, &[OLD, UNREADY]), []);
    assert_eq!(of(false, 0, 2, &[OLD, READY]), [Delete(0)]);
    assert_eq!(of(false, 1, 2, &[OLD, READY]), [], "nothing below the partition");
    let stuck = Seen { ready: false, ..OLD };
    assert_eq!(of(true, 0, 2, &[stuck, OLD]), [], "a pod that never gets Ready holds the update up");
    assert_eq!(of(false, 0, 2, &[FAILED, READY]), [Delete(0), Create(0)]);
    assert_eq!(of(true, 0, 1, &[READY, READY, READY]), [Delete(2)], "the highest goes first");
    assert_eq!(of(false, 0, 1, &[READY, READY, READY]), [Delete(2), Delete(1)]);
    assert_eq!(of(true, 0, 1, &[READY, READY, LEAVING]), []);
}
