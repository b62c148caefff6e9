//! Everything that is looked at before the first byte is written.

use std::collections::{BTreeMap, BTreeSet};

use glob_match::glob_match;
use serde_json::Value;

use super::autoscalers::{self, Rival, Rivals};
use super::expected::check_expected;
use super::home::home;
use super::secrets::{self, Resolved};
use super::{Refused, Selection, left_out, lock, obstacles, recorded, reset, rights};
use crate::cluster::{Clock, Cluster, Connection, ContextChoice, Live, call, journals, serve};
use crate::environment::Environment;
use crate::release::Journal;
use crate::render::{KINDS, MANAGED_BY, Object, ObjectId, Phase, Plan, stamp};

/// What is to be deployed, and where.
#[derive(Clone)]
pub struct Request {
    /// The environment.
    pub environment: Environment,
    /// Its objects.
    pub plan: Plan,
    /// The kubeconfig context.
    pub context: ContextChoice,
    /// The connection.
    pub connection: Connection,
    /// Secret values that a person supplies.
    pub supplied: BTreeMap<String, String>,
    /// The phases that run.
    pub selection: Selection,
    /// Whether what an older script of kubectl's has deployed is taken over.
    pub adopts: bool,
    /// The wall clock, as it was taken once for all that this process does.
    pub clock: Clock,
}

/// A deploy that may begin.
pub struct Prepared {
    /// What was asked for, with secrets and checksums in the plan.
    pub request: Request,
    /// The namespace.
    pub cluster: Cluster,
    /// What lives there.
    pub live: Live,
    /// The autoscalers that go, since the plan has others for their workloads.
    pub rivals: Vec<Rival>,
    /// The server's version.
    pub server_version: String,
    /// Phases that will be skipped, and why.
    pub skipped: BTreeMap<Phase, String>,
    /// Whether the namespace is there already.
    pub namespace_exists: bool,
    /// Whether the Namespace object is ours to apply.
    pub namespace_is_ours: bool,
    /// The lock, as it was before anything else was looked at.
    pub lock: lock::Seen,
    /// The releases so far, the oldest first.
    pub journals: Vec<Journal>,
    /// Every secret value, to be masked in all output.
    pub secrets: Vec<String>,
    /// Things to tell before the start.
    pub notices: Vec<String>,
}

impl Prepared {
    /// The phases that were asked for.
    pub fn phases_asked_for(&self) -> impl Iterator<Item = Phase> + use<> {
        let selection = self.request.selection;
        Phase::ALL.into_iter().filter(move |phase| selection.includes(*phase))
    }

    /// The phases that run: those asked for that are not skipped.
    pub fn phases(&self) -> impl Iterator<Item = Phase> {
        self.phases_asked_for().filter(|phase| !self.skipped.contains_key(phase))
    }

    /// The objects of a phase that are ours to apply.
    pub fn objects(&self, phase: Phase) -> Vec<&Object> {
        let objects = self.request.plan.phase(phase).iter();
        objects.filter(|object| object.namespaced() || self.namespace_is_ours).collect()
    }

    /// The autoscalers that go before this object is applied.
    pub fn rivals_of(&self, object: &ObjectId) -> impl Iterator<Item = &Rival> {
        self.rivals.iter().filter(move |rival| rival.successor == *object)
    }

    /// Whether a release was broken off, and is to be rolled back or resumed.
    pub fn is_unfinished(&self) -> bool {
        self.journals.iter().any(Journal::is_unfinished)
    }

    /// That a release was broken off, in words: what a deploy changes depends on what its rollback leaves.
    pub fn unfinished(&self) -> Option<String> {
        let broken_off = self.journals.iter().rev().find(|journal| journal.is_unfinished())?;
        Some(format!(
            "release {} was broken off, and the next deploy rolls it back first: run `keyboss rollback`, which does that \
             and nothing else",
            broken_off.release
        ))
    }

    /// The objects of the phases that run, with their phases.
    pub fn all_objects(&self) -> impl Iterator<Item = (Phase, &Object)> {
        self.phases().flat_map(|phase| self.objects(phase).into_iter().map(move |object| (phase, object)))
    }
}

/// Refuses a context that the environment does not name.
///
/// # Errors
/// Names the context, the patterns, and how to choose another.
pub fn check_context(environment: &Environment, context: &ContextChoice) -> Result<(), Refused> {
    let patterns = &environment.values.contexts;
    let allowed = patterns.iter().any(|pattern| {
        glob_match(&pattern.name, &context.context) && glob_match(&pattern.namespace, &context.namespace)
    });
    if allowed {
        return Ok(());
    }
    let patterns: Vec<String> =
        patterns.iter().map(|pattern| format!("{} (namespace {})", pattern.name, pattern.namespace)).collect();
    Err(Refused::because(format!(
        "the kubeconfig context {} (namespace {}) is not one that environment {} may be deployed to: {}; choose another \
         with --context, or change `contexts` in envs/{}.yaml",
        context.context,
        context.namespace,
        environment.name,
        if patterns.is_empty() { "it names none".to_owned() } else { patterns.join(", ") },
        environment.name,
    )))
}

/// Looks at everything that could stand in the way, and decides what the plan left open.
///
/// # Errors
/// Every reason that was found; nothing has been written.
pub async fn prepare(request: Request) -> Result<Prepared, Refused> {
    let found = find(request).await?;
    reset::check_whole(&journals(&found.live))?;
    found.decide().await
}

/// The same for whoever only looks, and so need not wait until another deploy is over. What would keep a deploy from
/// going on from what is there now is told beside it.
///
/// # Errors
/// As [`prepare`], but for the lock.
pub async fn prepare_to_look(request: Request) -> Result<(Prepared, Option<String>), Refused> {
    let found = look(request).await?;
    refuse(obstacles::unreadable_records(&found.live))?;
    reset::check_whole(&journals(&found.live))?;
    let busy = lock::check_free(&found.lock, &found.live, &found.request.clock).err();
    let prepared = found.decide().await?;
    let standing = busy.map(|busy| busy.to_string()).or_else(|| prepared.unfinished());
    Ok((prepared, standing))
}

/// What there is where a deploy goes, before it is decided what becomes of it.
pub struct Found {
    /// What was asked for.
    pub request: Request,
    /// The namespace.
    pub cluster: Cluster,
    /// What lives there.
    pub live: Live,
    /// Whether the namespace is there already.
    pub namespace_exists: bool,
    /// Whether the Namespace object is ours to apply.
    pub namespace_is_ours: bool,
    server_version: String,
    skipped: BTreeMap<Phase, String>,
    lock: lock::Seen,
    notices: Vec<String>,
}

/// Looks at the place, the rights and what lives there.
///
/// # Errors
/// Why no deploy may go there now.
pub async fn find(request: Request) -> Result<Found, Refused> {
    let found = look(request).await?;
    lock::check_free(&found.lock, &found.live, &found.request.clock)?;
    refuse(obstacles::unreadable_records(&found.live))?;
    Ok(found)
}

/// The same, whoever deploys there and has deployed before.
async fn look(mut request: Request) -> Result<Found, Refused> {
    check_context(&request.environment, &request.context)?;
    check_expected(&request.environment, &request.connection.server)?;
    let client = request.connection.client.clone();
    let namespace = request.environment.values.namespace.clone();
    let version = call(client.apiserver_version()).await.map_err(|fault| {
        Refused::because(format!("context {}, {}: {fault}", request.context.context, request.connection.server))
    })?;

    let served = serve(&client, &kinds(&request.plan)).await?;
    let mut notices: Vec<String> = served
        .older
        .iter()
        .map(|(kind, wanted, older)| {
            format!("the cluster does not serve {kind} {wanted}; {older}, of the same schema, is used")
        })
        .collect();
    let mut cluster = Cluster::new(client.clone(), &namespace, served);
    notices.extend(autoscalers::settle(&mut request, &cluster).await?);
    let mut skipped = unserved(&request.plan, &cluster, request.selection)?;

    let home = home(&cluster).await?.map_err(Refused::because)?;
    let seen = lock::look(&cluster).await?;
    check_rights(&request, &cluster, &mut skipped).await?;
    if request.selection.includes(Phase::Monitoring) && !skipped.contains_key(&Phase::Monitoring) {
        notices.extend(request.environment.values.monitoring.unwatched().iter().map(ToString::to_string));
    }

    // What may not be read is skipped too (RULES.md C6).
    let looked_at = request.plan.objects().filter(|(phase, _)| !skipped.contains_key(phase));
    let mut ids: Vec<ObjectId> = looked_at.map(|(_, object)| object.id.clone()).collect();
    ids.extend([whole("PersistentVolumeClaim"), whole("ConfigMap")]);
    let mut live = if home.exists { cluster.live(&ids).await? } else { Live::default() };
    autoscalers::look(&request.plan, &cluster, &mut live).await?;
    notices.extend(recorded::look(&request.plan, &mut cluster, &mut live).await);
    if let Some(object) = home.object.filter(|_| home.is_ours) {
        live.insert("Namespace", &namespace, object);
    }
    Ok(Found {
        request,
        cluster,
        live,
        namespace_exists: home.exists,
        namespace_is_ours: home.is_ours,
        server_version: version.git_version,
        skipped,
        lock: seen,
        notices,
    })
}

impl Found {
    /// Decides what the plan left open.
    ///
    /// # Errors
    /// Every object and every secret that stands in the way.
    pub async fn decide(self) -> Result<Prepared, Refused> {
        let Self { mut request, cluster, live, skipped, mut notices, .. } = self;
        refuse(obstacles::of_objects(&request.plan, &live, request.selection, request.adopts, &skipped))?;
        let journals = journals(&live);
        let Rivals { ours: rivals, others } = autoscalers::rivals(&request.plan, &live, &journals, request.selection)?;
        notices.extend(others);
        let Resolved { values, notices: about_secrets } =
            secrets::resolve(&mut request.plan, &live, &request.supplied)?;
        notices.extend(about_secrets);
        // The plan of a rollback is stamped already, and holds no Secret.
        if !values.is_empty() {
            stamp(&mut request.plan, &values);
        }
        let secrets = values.into_values().flat_map(BTreeMap::into_values).collect();
        let prepared = Prepared {
            request,
            cluster,
            server_version: self.server_version,
            skipped,
            namespace_exists: self.namespace_exists,
            namespace_is_ours: self.namespace_is_ours,
            lock: self.lock,
            journals,
            live,
            rivals,
            secrets,
            notices,
        };
        left_out::check(&prepared).await?;
        tracing::info!(objects = prepared.request.plan.objects().count(), "nothing stands in the way");
        Ok(prepared)
    }
}

/// The kinds that a deploy asks for: those of the plan, and those of an earlier release, which may have to be rolled back.
pub fn kinds(plan: &Plan) -> BTreeSet<(String, String)> {
    let of_plan = plan.objects().map(|(_, object)| (object.id.api_version.clone(), object.id.kind.clone()));
    let ours = KINDS.iter().map(|(api_version, kind)| ((*api_version).to_owned(), (*kind).to_owned()));
    of_plan.chain(ours).collect()
}

/// Refuses for these reasons, where there are any.
fn refuse(reasons: Vec<String>) -> Result<(), Refused> {
    if reasons.is_empty() { Ok(()) } else { Err(Refused::Because(reasons)) }
}

/// All objects of a core kind: claims say whether a database lives, ConfigMaps hold the journals of releases.
fn whole(kind: &str) -> ObjectId {
    ObjectId { api_version: "v1".to_owned(), kind: kind.to_owned(), name: String::new() }
}

/// A missing kind is an error, except in the last phase, which is skipped (RULES.md C6).
fn unserved(plan: &Plan, cluster: &Cluster, selection: Selection) -> Result<BTreeMap<Phase, String>, Refused> {
    let mut skipped = BTreeMap::new();
    let mut missing = Vec::new();
    for (phase, object) in obstacles::unserved(plan, cluster.served(), selection) {
        let what = obstacles::not_served(object);
        if phase == Phase::ServiceMonitors {
            skipped.insert(phase, what);
        } else {
            missing.push(format!("{}: {what}, which {} needs", object.source, object.id));
        }
    }
    refuse(missing).map(|()| skipped)
}

async fn check_rights(
    request: &Request,
    cluster: &Cluster,
    skipped: &mut BTreeMap<Phase, String>,
) -> Result<(), Refused> {
    let mut reasons = BTreeSet::new();
    for (phase, access) in rights::lacking(&request.plan, cluster, request.selection).await? {
        if phase == Phase::ServiceMonitors {
            skipped.insert(phase, format!("you may not {access} in namespace {}", cluster.namespace()));
        } else {
            reasons.insert(rights::why(phase, &access, cluster.namespace()));
        }
    }
    refuse(reasons.into_iter().collect())
}

pub(super) fn is_ours(live: &Value) -> bool {
    live.pointer("/metadata/labels/app.kubernetes.io~1managed-by").and_then(Value::as_str) == Some(MANAGED_BY)
}

/// Which object it is.
pub(super) fn id(object: &Value) -> ObjectId {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ObjectId {
        api_version: text(&object["apiVersion"]),
        kind: text(&object["kind"]),
        name: text(&object["metadata"]["name"]),
    }
}

/// The object's uid and generation.
pub(super) fn identity(live: &Value) -> (String, i64) {
    let uid = live["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    (uid, live["metadata"]["generation"].as_i64().unwrap_or(0))
}
