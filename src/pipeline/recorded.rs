//! Kinds and Secrets of which earlier releases had objects and the plan has none: their records say what to look for.

use std::collections::{BTreeMap, BTreeSet};

use super::autoscalers::is_autoscaler;
use crate::cluster::{Cluster, Fault, Live, journals, serve};
use crate::release::{Journal, stays};
use crate::render::{KINDS, ObjectId, Plan};

/// Adds the live objects of the kinds that may be pruned. What cannot be read is no reason against a deploy: it is
/// answered in words.
pub async fn look(plan: &Plan, cluster: &mut Cluster, live: &mut Live) -> Vec<String> {
    // An empty plan is that of `keyboss rollback` for a release that was broken off, which prunes nothing.
    if plan.objects().next().is_none() {
        return Vec::new();
    }
    // Autoscalers have been looked at.
    let is_looked_for = |id: &ObjectId| !stays(&id.kind) && !is_autoscaler(&id.kind);
    let lacking = lacking(plan, &journals(live)).into_iter().filter(is_looked_for);
    let kinds: BTreeMap<String, ObjectId> = lacking.map(|id| (id.kind.clone(), id)).collect();
    let mut unread = Vec::new();
    for (kind, id) in kinds {
        if let Err(fault) = read(cluster, live, &[id]).await {
            unread.push(format!(
                "earlier releases had objects of kind {kind}, and this one has none: if there are any left, they stay, for \
                 they cannot be listed: {fault}"
            ));
        }
    }
    unread
}

/// Adds the live objects of all of them.
///
/// # Errors
/// When they cannot be read.
pub async fn look_at_all(plan: &Plan, cluster: &mut Cluster, live: &mut Live) -> Result<(), Fault> {
    let lacking: Vec<ObjectId> = lacking(plan, &journals(live)).into_iter().collect();
    read(cluster, live, &lacking).await
}

/// Reads the kinds of these objects; Secrets by name only, for others' are none of our business.
async fn read(cluster: &mut Cluster, live: &mut Live, ids: &[ObjectId]) -> Result<(), Fault> {
    let unknown = ids.iter().filter(|id| cluster.served().get(id).is_none());
    let unknown: BTreeSet<_> = unknown.map(|id| (id.api_version.clone(), id.kind.clone())).collect();
    if !unknown.is_empty() {
        let served = serve(cluster.client(), &unknown).await?;
        cluster.serves_too(served);
    }
    live.extend(cluster.live(ids).await?);
    Ok(())
}

/// What releases recorded: the objects of kinds that the plan lacks, and the Secrets that it lacks.
fn lacking(plan: &Plan, journals: &[Journal]) -> BTreeSet<ObjectId> {
    let held: BTreeSet<&str> = plan.objects().map(|(_, object)| object.id.kind.as_str()).collect();
    let may_lack = |kind: &str| kind == "Secret" || !held.contains(kind);
    let written = journals.iter().flat_map(|journal| &journal.written).map(|written| &written.id);
    let written: BTreeSet<&ObjectId> = written.filter(|id| may_lack(&id.kind)).collect();
    // The names of all objects outlast the record of who wrote them last; of which version they are, only that tells.
    let version = |kind: &str| {
        let of_kind = written.iter().find(|id| id.kind == kind).map(|id| id.api_version.as_str());
        of_kind.or_else(|| KINDS.iter().find(|(_, known)| *known == kind).map(|(version, _)| *version))
    };
    let named = journals.iter().flat_map(|journal| journal.objects.keys()).filter_map(|object| {
        let (kind, name) = object.split_once(' ').filter(|(kind, _)| may_lack(kind))?;
        Some(ObjectId { api_version: version(kind)?.to_owned(), kind: kind.to_owned(), name: name.to_owned() })
    });
    written.iter().map(|id| (*id).clone()).chain(named).filter(|id| plan.get(id).is_none()).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::release::{Action, Author, Written};
    use crate::render::{Object, Phase};

    fn id(api_version: &str, kind: &str, name: &str) -> ObjectId {
        ObjectId { api_version: api_version.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
    }

    /// A release that wrote these objects, and has those.
    fn journal(written: &[&ObjectId], objects: &[&str]) -> Journal {
        let written = written.iter().map(|id| Written { id: (*id).clone(), uid: id.name.clone(), generation: 1 });
        Journal {
            written: written.collect(),
            objects: objects.iter().map(|object| ((*object).to_owned(), "uid".to_owned())).collect(),
            ..Journal::new(1, Action::Deploy, Timestamp::UNIX_EPOCH, Author::default())
        }
    }

    #[test]
    fn records_name_what_a_plan_lacks() {
        let mut plan = Plan::default();
        for (kind, name) in [("ConfigMap", "a"), ("Secret", "a")] {
            let value = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
            plan.add(Phase::Config, Object::new("a.yaml".to_owned(), value).unwrap()).unwrap();
        }
        let policy = id("networking.k8s.io/v1", "NetworkPolicy", "a");
        let (widget, other) = (id("example.com/v1", "Widget", "a"), id("example.com/v1", "Widget", "b"));
        let secrets = [id("v1", "Secret", "a"), id("v1", "Secret", "b")];
        for (what, journals, expected) in [
            ("no release", vec![], vec![]),
            ("a kind that the plan has", vec![journal(&[&id("v1", "ConfigMap", "b")], &["ConfigMap c"])], vec![]),
            ("a kind that it lacks", vec![journal(&[&policy], &[])], vec![&policy]),
            ("one that nobody wrote lately", vec![journal(&[], &["NetworkPolicy a"])], vec![&policy]),
            ("one whose version nobody knows", vec![journal(&[], &["Widget b"])], vec![]),
            (
                "one whose version another release tells",
                vec![journal(&[], &["Widget b"]), journal(&[&widget], &[])],
                vec![&widget, &other],
            ),
            ("a Secret that it lacks", vec![journal(&secrets.each_ref(), &["Secret b"])], vec![&secrets[1]]),
        ] {
            let found = lacking(&plan, &journals);
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{what}");
        }
    }
}
