use super::*;

const ZERO: usize = 0;
const ONE: usize = 1;

fn says(master: usize) -> Option<Opinion> {
    Some(Opinion { master, up: true, failing_over: false })
}

fn down(master: usize) -> Option<Opinion> {
    Some(Opinion { master, up: false, failing_over: false })
}

fn replacing(master: usize) -> Option<Opinion> {
    Some(Opinion { master, up: false, failing_over: true })
}

fn master() -> Server {
    Server {
        is_master: true,
        loading: false,
        empty: false,
        follows: None,
        linked: false,
        offset: 100,
        attached: true,
        guarded: true,
    }
}

fn alone() -> Server {
    Server { attached: false, guarded: false, ..master() }
}

fn replica_of(pod: usize) -> Server {
    Server { is_master: false, follows: Some(pod), linked: true, attached: false, guarded: false, ..master() }
}

/// Both pods as they should be: nothing to do.
fn healthy() -> Seen {
    Seen { sentinels: [says(ZERO); 3], servers: [Some(master()), Some(replica_of(ZERO))] }
}

fn servers(zero: Option<Server>, one: Option<Server>) -> Seen {
    Seen { servers: [zero, one], ..healthy() }
}

#[test]
fn who_is_master() {
    let table = [
        ([says(0), says(0), says(0)], Some(0), Some(0)),
        ([says(1), None, says(1)], Some(1), Some(1)),
        ([says(0), says(1), says(1)], Some(1), None),
        // The first has promoted pod 1 and says so; the others have not heard of it.
        ([says(1), says(0), says(0)], Some(0), None),
        ([says(0), says(1), None], None, None),
        ([says(0), None, None], None, None),
        ([None, None, None], None, None),
        ([down(0), says(0), says(0)], Some(0), Some(0)),
        ([down(0), down(0), says(0)], Some(0), None),
        ([says(0), says(0), replacing(0)], Some(0), None),
        ([says(1), says(1), replacing(0)], Some(1), None),
    ];
    for (sentinels, agreed, content) in table {
        let seen = Seen { sentinels, ..healthy() };
        assert_eq!((majority(&seen), settled(&seen)), (agreed, content), "{sentinels:?}");
    }
}

#[test]
fn nothing_to_do() {
    let expected = Decision { master: Some(ZERO), ..Decision::default() };
    assert_eq!(decide(&healthy()), expected);
}

#[test]
fn no_master_no_change() {
    let loading = Server { loading: true, ..master() };
    let table = [
        (Seen { sentinels: [says(0), says(1), None], ..healthy() }, Trouble::NoMajority),
        (servers(None, Some(replica_of(0))), Trouble::Silent(0)),
        (servers(None, Some(master())), Trouble::Silent(0)),
        // It copies its data from the other pod.
        (servers(Some(replica_of(1)), Some(master())), Trouble::NoMaster(0)),
        (servers(Some(loading), Some(replica_of(0))), Trouble::NoMaster(0)),
        (servers(Some(Server { empty: true, ..alone() }), Some(alone())), Trouble::Empty(0)),
    ];
    for (seen, trouble) in table {
        let expected = Decision { trouble: Some(trouble), hurry: true, ..Decision::default() };
        assert_eq!(decide(&seen), expected, "{seen:?}");
    }
}

#[test]
fn steps() {
    let guarded = |server: Server| Server { guarded: true, ..server };
    let empty = |server: Server| Server { empty: true, ..server };
    let table = [
        // A replica attached itself.
        (servers(Some(Server { guarded: false, ..master() }), Some(replica_of(0))), vec![Step::Guard(0)]),
        // It left, or is away, or is attached to nobody.
        (servers(Some(guarded(alone())), None), vec![Step::Unguard(0)]),
        (servers(Some(guarded(alone())), Some(replica_of(0))), vec![Step::Unguard(0)]),
        (servers(Some(alone()), None), vec![]),
        // An old master came back.
        (servers(Some(alone()), Some(master())), vec![Step::Demote(1)]),
        (servers(Some(empty(alone())), Some(empty(master()))), vec![Step::Demote(1)]),
        (servers(Some(alone()), Some(empty(alone()))), vec![Step::Demote(1)]),
        (servers(Some(alone()), Some(Server { loading: true, ..master() })), vec![]),
        // Both masters: who is to acknowledge is decided when one is left.
        (servers(Some(guarded(alone())), Some(alone())), vec![Step::Demote(1)]),
        // A replica is ready to be promoted.
        (servers(Some(master()), Some(guarded(replica_of(0)))), vec![Step::Unguard(1)]),
        (servers(Some(alone()), Some(Server { linked: false, ..guarded(replica_of(0)) })), vec![]),
        (servers(Some(alone()), Some(guarded(replica_of(1)))), vec![]),
    ];
    for (seen, expected) in table {
        let decision = decide(&seen);
        assert_eq!((decision.master, decision.steps), (Some(ZERO), expected), "{seen:?}");
    }
}

/// What a Sentinel is about to promote is neither demoted, nor does the old master acknowledge beside it.
#[test]
fn while_a_sentinel_replaces_the_master_nothing_is_taken_back() {
    for third in [replacing(0), says(0)] {
        let two = [down(0), down(0), third];
        let one = [says(0), says(0), replacing(0)];
        for sentinels in [two, one] {
            for other in [None, Some(alone()), Some(replica_of(0))] {
                let servers = [Some(Server { guarded: true, ..alone() }), other];
                let decision = decide(&Seen { sentinels, servers });
                assert_eq!(decision, Decision { master: Some(ZERO), hurry: true, ..Decision::default() });
            }
        }
    }
}

#[test]
fn planned() {
    assert_eq!(may_switch(&healthy()), Ok((ZERO, ONE)));
    let table = [
        (Seen { sentinels: [says(0), says(1), None], ..healthy() }, "no two Sentinels"),
        (Seen { sentinels: [says(0), says(0), replacing(0)], ..healthy() }, "no two Sentinels"),
        (servers(None, Some(replica_of(0))), "redis-0 does not answer"),
        (servers(Some(replica_of(1)), Some(master())), "redis-0 does not answer as master"),
        (servers(Some(master()), None), "redis-1 does not answer"),
        (servers(Some(master()), Some(Server { linked: false, ..replica_of(0) })), "redis-1 is no replica"),
        (servers(Some(master()), Some(master())), "redis-1 is no replica"),
        (servers(Some(alone()), Some(replica_of(0))), "redis-0 does not yet wait"),
        (servers(Some(Server { guarded: false, ..master() }), Some(replica_of(0))), "redis-0 does not yet wait"),
    ];
    for (seen, why) in table {
        assert!(may_switch(&seen).unwrap_err().starts_with(why), "{seen:?}");
    }
}
