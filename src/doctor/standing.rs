//! Where a deploy goes: the manifests, the context, the server, the namespace, and who is at work there.

use std::collections::BTreeMap;

use super::Finding;
use crate::cluster::{Clock, Live};
use crate::pipeline::{HeldLock, Home, Refused, Selection, check_whole, lost_values, obstacles};
use crate::release::Journal;
use crate::render::{Phase, Plan};

/// The check of the manifests.
pub const MANIFESTS: &str = "manifests";
/// The check of the kubeconfig context and of what is expected there.
pub const CONTEXT: &str = "context";
/// The check of the API server.
pub const SERVER: &str = "server";
/// The check of the namespace.
pub const NAMESPACE: &str = "namespace";
/// The check of what lives there under the plan's names.
pub const OBJECTS: &str = "objects";
/// The check of earlier releases.
pub const RELEASES: &str = "releases";
/// The check of the passwords that the database knows.
pub const SECRETS: &str = "secrets";
/// The check of the lock.
pub const LOCK: &str = "lock";

/// The oldest Kubernetes that keyboss is tested with: the kinds of its plans are served from there on.
const OLDEST: (u32, u32) = (1, 20);

/// Whether the manifests render.
pub fn manifests(rendered: &Result<(), String>, plan: &Plan) -> Finding {
    match rendered {
        Ok(()) => Finding::ok(
            MANIFESTS,
            format!("{} in {} phases", super::count(plan.objects().count(), "object"), phases(plan)),
        ),
        Err(why) => Finding::fail(MANIFESTS, why.clone(), "mend the manifest or the value that it reads"),
    }
}

fn phases(plan: &Plan) -> usize {
    Phase::ALL.into_iter().filter(|phase| !plan.phase(*phase).is_empty()).count()
}

/// Whether the environment may be deployed to this context, this server and this namespace.
pub fn context(refusals: [Result<(), Refused>; 2], context: &str, namespace: &str) -> Vec<Finding> {
    let wrong = refusals.into_iter().filter_map(Result::err).flat_map(|refused| match refused {
        Refused::Because(reasons) => reasons,
        Refused::Locked(reason) => vec![reason],
    });
    // The reason says what to do.
    let wrong = wrong.map(|reason| Finding::fail(CONTEXT, reason, "")).collect();
    Finding::all_or(wrong, || Finding::ok(CONTEXT, format!("{context} may be deployed to, namespace {namespace}")))
}

/// Whether the server is new enough, by its "major" and "minor", of which some add a plus sign.
pub fn server(address: &str, git_version: &str, numbers: Option<(u32, u32)>) -> Finding {
    let found = format!("Kubernetes {git_version} at {address}");
    let (major, minor) = OLDEST;
    match numbers {
        Some(numbers) if numbers < OLDEST => {
            Finding::fail(SERVER, format!("{found}; keyboss works from {major}.{minor} on"), "upgrade the cluster")
        }
        Some(_) => Finding::ok(SERVER, found),
        None => Finding::warn(SERVER, format!("{found}; its version is not known to be {major}.{minor} or newer"), ""),
    }
}

/// "20" or "20+" as a number.
pub fn number(text: &str) -> Option<u32> {
    text.trim_end_matches('+').parse().ok()
}

/// Whether the namespace is there, or can be made.
pub fn namespace(home: &Result<Home, String>, name: &str) -> Finding {
    match home {
        Ok(Home { exists: true, is_ours: true, .. }) => {
            Finding::ok(NAMESPACE, format!("{name} is there, made by keyboss"))
        }
        Ok(Home { exists: true, object: Some(_), .. }) => {
            Finding::ok(NAMESPACE, format!("{name} is there, and stays as it is"))
        }
        Ok(Home { exists: true, .. }) => {
            Finding::ok(NAMESPACE, format!("{name} may not be looked at, as a tenant's, and is taken to be there"))
        }
        Ok(Home { exists: false, .. }) => Finding::ok(NAMESPACE, format!("{name} is not there yet: a deploy makes it")),
        Err(why) => Finding::fail(NAMESPACE, why.clone(), ""),
    }
}

/// Whether what lives under the plan's names is keyboss', and can be changed as the plan wants it. `unread` says which kinds
/// cannot be looked at.
pub fn objects(plan: &Plan, live: &Live, skipped: &BTreeMap<Phase, String>, unread: &[String]) -> Vec<Finding> {
    let blocked = obstacles::of_objects(plan, live, Selection::All, false, skipped);
    let mut wrong: Vec<Finding> = blocked.into_iter().map(|reason| Finding::fail(OBJECTS, reason, "")).collect();
    wrong.extend(unread.iter().map(|why| Finding::unmade(OBJECTS, why)));
    let there = plan.objects().filter(|(_, object)| live.get(&object.id).is_some()).count();
    Finding::all_or(wrong, || match there {
        0 => Finding::ok(OBJECTS, "nothing of the plan is there yet"),
        there => Finding::ok(OBJECTS, format!("{} of the plan there, all keyboss'", super::count(there, "object"))),
    })
}

/// Whether an earlier release stands in the way.
pub fn releases(live: &Live, journals: &[Journal]) -> Vec<Finding> {
    let unreadable = obstacles::unreadable_records(live).into_iter();
    let mut wrong: Vec<Finding> = unreadable.map(|reason| Finding::fail(RELEASES, reason, "")).collect();
    match check_whole(journals) {
        Err(refused) => wrong.push(Finding::fail(RELEASES, refused.to_string(), "")),
        Ok(()) => wrong.extend(journals.iter().filter(|journal| journal.is_unfinished()).map(|journal| {
            Finding::warn(
                RELEASES,
                format!("release {} is unfinished: under way, or broken off", journal.release),
                "the next deploy rolls it back first, or goes on from it with --resume",
            )
        })),
    }
    Finding::all_or(wrong, || match journals.last() {
        Some(last) => Finding::ok(RELEASES, format!("none is unfinished; the last is {}", last.release)),
        None => Finding::ok(RELEASES, "there was none yet"),
    })
}

/// Whether a password is lost that only the database knows. None of their values is told.
pub fn secrets(plan: &Plan, live: &Live, supplied: &BTreeMap<String, String>) -> Vec<Finding> {
    let lost = lost_values(plan, live, supplied).into_iter();
    let wrong = lost.map(|reason| Finding::fail(SECRETS, reason, "")).collect();
    Finding::all_or(wrong, || {
        Finding::ok(SECRETS, "none is lost that the database knows; what is missing is generated")
    })
}

/// Who deploys at the moment.
pub fn lock(held: &[HeldLock], clock: &Clock) -> Vec<Finding> {
    let told = |held: &HeldLock| {
        Finding::warn(
            LOCK,
            held.words(clock),
            "wait until that deploy is over; `keyboss unlock` breaks the lock of one that is dead",
        )
    };
    Finding::all_or(held.iter().map(told).collect(), || Finding::ok(LOCK, "nobody holds it"))
}
