//! Which records may go.

use super::journal;
use crate::release::State::{Incomplete, Kept, RolledBack, Running, Succeeded};
use crate::release::{Journal, State, expendable};

/// What it is about, how releases ended and how many of each, and which records may go.
type Case<'a> = (&'a str, &'a [(State, usize)], &'a [u64]);

/// Releases from 1 on.
fn releases(states: &[(State, usize)]) -> Vec<Journal> {
    let states = states.iter().flat_map(|(state, count)| std::iter::repeat_n(*state, *count));
    (1..).zip(states).map(|(release, state)| journal(release, state, "a")).collect()
}

#[test]
fn ten_stay_and_three_that_succeeded_and_what_is_unfinished() {
    let table: &[Case] = &[
        ("none", &[], &[]),
        ("ten", &[(Succeeded, 10)], &[]),
        ("eleven", &[(Succeeded, 11)], &[1]),
        ("fourteen", &[(Succeeded, 14)], &[4, 3, 2, 1]),
        ("ten failed since", &[(Succeeded, 5), (RolledBack, 10)], &[2, 1]),
        ("one succeeded long ago", &[(Kept, 2), (Succeeded, 1), (RolledBack, 12)], &[5, 4, 2, 1]),
        ("unfinished long ago", &[(Running, 1), (RolledBack, 1), (Incomplete, 1), (Succeeded, 12)], &[5, 4, 2]),
        ("two of the newest succeeded", &[(Succeeded, 3), (Kept, 8), (Succeeded, 2)], &[2, 1]),
    ];
    for (what, states, expected) in table {
        assert_eq!(expendable(&releases(states)), *expected, "{what}");
        let backwards: Vec<Journal> = releases(states).into_iter().rev().collect();
        assert_eq!(expendable(&backwards), *expected, "{what}, backwards");
    }
}
