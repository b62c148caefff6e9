//! Readiness: the live objects of a namespace in, `Ready`, `InProgress` or `Failed` out.
//!
//! Nothing here asks the API server, reads a clock or prints. The caller keeps a [`World`] up to
//! date from its watches and calls [`assess`] for each [`Target`] it has written, whenever the
//! world changes and whenever a [`Suspicion`] falls due. What must be remembered between two
//! looks (how long something has been wrong, what an image pull said) is in [`Memory`].
//!
//! One file per kind holds its rule; what pods can tell is in `pod.rs` and `container.rs`;
//! every grace period is a constant in [`grace`].

mod blocked;
mod claim;
mod container;
mod deployment;
pub mod grace;
mod identity;
mod immutable;
mod job;
mod look;
mod memory;
mod outcome;
mod pod;
mod revision;
mod scaled_object;
mod schedule;
mod service;
mod stateful_set;
mod target;
mod volumes;
mod warning;
mod world;

#[cfg(test)]
mod tests;

use std::time::Duration;

use look::Look;

pub use blocked::{STOPPED, blocked};
pub use container::exit as ending;
pub use immutable::way_round;
pub use memory::Memory;
pub use outcome::{Failure, Progress, Readiness, Reason, Suspicion, worst};
pub use revision::pods_of;
pub use scaled_object::{ScaledObject, ScaledObjectCondition, ScaledObjectStatus};
pub use schedule::Schedule;
pub use stateful_set::stuck_pods;
pub use target::{Kind, Target, Write};
pub use warning::hpa_warning;
pub use world::{World, event_time};

/// Is the object that was written ready, on its way, or will it never be?
///
/// `now` is the time on the caller's monotonic clock, whenever that began; one [`Memory`] goes
/// with one such clock and may serve many targets. A target is first looked at soon after its write. Two looks at an unchanged world give equal
/// answers until a grace period ends, so a changed answer is a transition worth telling.
pub fn assess(target: &Target, world: &World, memory: &mut Memory, now: Duration) -> Readiness {
    let mut look = Look::new(target, world, memory, now);
    let readiness = match identity::check(&mut look) {
        Some(answer) => answer,
        None => match target.kind {
            Kind::Deployment => deployment::assess(&mut look),
            Kind::StatefulSet => stateful_set::assess(&mut look),
            Kind::Job => job::assess(&mut look),
            Kind::PersistentVolumeClaim => claim::assess(&mut look),
            Kind::Service => service::assess(&mut look),
            Kind::ScaledObject => scaled_object::assess(&mut look),
        },
    };
    look.forget_what_is_over();
    readiness
}
