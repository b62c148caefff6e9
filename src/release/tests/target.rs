//! Which release a rollback goes to.

use super::journal;
use crate::release::State::{Incomplete, Kept, RolledBack, Running, Succeeded};
use crate::release::{Action, Journal, NoTarget, in_place, rollback_target};

/// A rollback that succeeded.
fn back(release: u64, to: u64, content: &str) -> Journal {
    Journal { action: Action::Rollback { to }, ..journal(release, Succeeded, content) }
}

#[test]
fn it_is_the_last_that_succeeded_with_other_content() {
    let deploys = || vec![journal(1, Succeeded, "a"), journal(2, Succeeded, "b"), journal(3, Succeeded, "c")];
    let and = |more: Vec<Journal>| deploys().into_iter().chain(more).collect::<Vec<_>>();
    let table = [
        ("none", vec![], Err(NoTarget::NoRelease)),
        ("the only one", vec![journal(1, Succeeded, "a")], Err(NoTarget::NoneBefore(1))),
        ("the one before", deploys(), Ok(2)),
        ("asked again, further back", and(vec![back(4, 2, "b")]), Ok(1)),
        ("asked three times, no further", and(vec![back(4, 2, "b"), back(5, 1, "a")]), Err(NoTarget::NoneBefore(5))),
        ("a deploy after a rollback", and(vec![back(4, 2, "b"), journal(5, Succeeded, "d")]), Ok(4)),
        ("what was rolled back is no target", and(vec![journal(4, RolledBack, "d")]), Ok(2)),
        ("nor is what is unfinished", and(vec![journal(4, Running, "d"), journal(5, Incomplete, "e")]), Ok(2)),
        ("what failed and was kept is in place", and(vec![journal(4, Kept, "d")]), Ok(3)),
        ("kept twice", and(vec![journal(4, Kept, "d"), journal(5, Kept, "e")]), Ok(3)),
        ("kept with the content of before", and(vec![journal(4, Kept, "c")]), Ok(2)),
        ("the same content again is skipped", and(vec![journal(4, Succeeded, "c"), journal(5, Succeeded, "c")]), Ok(2)),
        ("a first install that failed", vec![journal(1, Kept, "a")], Err(NoTarget::NoneBefore(1))),
        ("nothing but failures", vec![journal(1, RolledBack, "a")], Err(NoTarget::NoRelease)),
        ("an older release by hand", and(vec![journal(4, Succeeded, "a")]), Ok(3)),
        ("in any order", and(vec![]).into_iter().rev().collect(), Ok(2)),
    ];
    for (what, journals, expected) in table {
        assert_eq!(rollback_target(&journals, None), expected, "{what}");
    }
}

#[test]
fn one_that_is_asked_for_has_to_have_succeeded() {
    let journals = [journal(1, Succeeded, "a"), journal(2, RolledBack, "b"), back(3, 1, "a"), journal(4, Kept, "c")];
    for (asked, expected) in [
        (1, Ok(1)),
        (3, Ok(3)),
        (2, Err(NoTarget::NotThere(2, "1, 3".into()))),
        (4, Err(NoTarget::NotThere(4, "1, 3".into()))),
        (7, Err(NoTarget::NotThere(7, "1, 3".into()))),
    ] {
        assert_eq!(rollback_target(&journals, Some(asked)), expected, "{asked}");
    }
    let error = rollback_target(&journals, Some(7)).unwrap_err().to_string();
    assert_eq!(error, "release 7 is not one that can be gone back to; those that can: 1, 3");
}

#[test]
fn what_is_in_place_is_the_newest_that_was_not_undone() {
    let table = [
        (vec![], None),
        (vec![journal(1, RolledBack, "a")], None),
        (vec![journal(2, Succeeded, "b"), journal(1, Succeeded, "a")], Some(2)),
        (vec![journal(1, Succeeded, "a"), journal(2, RolledBack, "b"), journal(3, Running, "c")], Some(1)),
        (vec![journal(1, Succeeded, "a"), journal(2, Kept, "b"), journal(3, Incomplete, "c")], Some(2)),
    ];
    for (journals, expected) in table {
        assert_eq!(in_place(&journals).map(|journal| journal.release), expected, "{journals:?}");
    }
}

#[test]
fn a_rollback_has_the_origin_of_its_content() {
    assert_eq!(back(5, 2, "b").origin(), 2);
    assert_eq!(journal(5, Succeeded, "b").origin(), 5);
}
