//! Server-side apply, and initial fields after it.

use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::live::to_value;
use super::managed_fields::is_owned;
use super::{Cluster, Fault, call};
use crate::release::is_as_applied;
use crate::render::{InitialField, MANAGED_BY, Object, insert};

/// The field manager of every apply.
pub const FIELD_MANAGER: &str = MANAGED_BY;
/// The field manager of initial fields.
pub const INITIAL_FIELD_MANAGER: &str = "keyboss-initial";

/// How often an initial field is tried again after somebody else wrote first.
const INITIAL_ATTEMPTS: usize = 5;

/// Fields that were somebody else's until this apply (RULES.md T15), in the server's words.
pub type Taken = Vec<String>;

/// What an apply left behind.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The object, as the server answered.
    pub value: Value,
    /// Fields that were taken from other managers.
    pub taken: Taken,
}

impl Cluster {
    /// Applies an object; then writes those of its initial fields that nobody owns yet.
    ///
    /// # Errors
    /// When the server refuses it, or does not answer.
    pub async fn apply(&self, object: &Object, dry_run: bool) -> Result<Applied, Fault> {
        let (api, resource) = self.api_of(object)?;
        let mut body = object.value.clone();
        body["apiVersion"] = json!(resource.api_version);
        let name = &object.id.name;
        let params =
            |force| PatchParams { dry_run, force, field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        let mut taken = Vec::new();
        // A dry run writes nothing, and needs no lock.
        let send = async |force| match dry_run {
            true => call(api.patch(name, &params(force), &Patch::Apply(&body))).await,
            false => self.write(api.patch(name, &params(force), &Patch::Apply(&body))).await,
        };
        let answer = match send(false).await {
            Err(Fault::Api { code: 409, causes, .. })
                if causes.iter().any(|cause| cause.reason == "FieldManagerConflict") =>
            {
                taken = causes.iter().map(|cause| format!("{} ({})", cause.field, cause.message)).collect();
                send(true).await?
            }
            other => other?,
        };
        let mut value = to_value(&answer)?;
        if !dry_run && !object.initial.is_empty() {
            value = self.write_initial(&api, name, value, &object.initial).await?;
        }
        Ok(Applied { value, taken })
    }

    /// What an apply would make of an object that lives; None where it would change nothing. Of most the server's own
    /// books say so; about the others it is asked by a dry run.
    ///
    /// # Errors
    /// When the server refuses it, or does not answer.
    pub async fn would_become(&self, object: &Object, live: &Value) -> Result<Option<Value>, Fault> {
        if self.is_as_applied(object, live) {
            return Ok(None);
        }
        let after = self.apply(object, true).await?.value;
        Ok(differs(live, &after).then_some(after))
    }

    fn is_as_applied(&self, object: &Object, live: &Value) -> bool {
        let Some(resource) = self.served.get(&object.id) else { return false };
        let mut wanted = object.value.clone();
        wanted["apiVersion"] = json!(resource.api_version);
        is_as_applied(live, FIELD_MANAGER, wanted)
    }

    /// Writes the initial fields that no manager owns, all in one merge patch that holds only while the
    /// object is the one that was looked at.
    async fn write_initial(
        &self,
        api: &Api<DynamicObject>,
        name: &str,
        mut live: Value,
        fields: &[InitialField],
    ) -> Result<Value, Fault> {
        let params = PatchParams { field_manager: Some(INITIAL_FIELD_MANAGER.to_owned()), ..Default::default() };
        for attempt in 1..=INITIAL_ATTEMPTS {
            let missing: Vec<&InitialField> = fields.iter().filter(|field| !is_owned(&live, &field.pointer)).collect();
            if missing.is_empty() {
                break;
            }
            let mut patch = json!({"metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}});
            for field in missing {
                insert(&mut patch, &field.pointer, &field.value);
            }
            match self.write(api.patch(name, &params, &Patch::Merge(&patch))).await {
                Ok(object) => return to_value(&object),
                Err(fault) if fault.is_conflict() && attempt < INITIAL_ATTEMPTS => {
                    live = to_value(&call(api.get(name)).await?)?;
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(live)
    }
}

/// Whether two states of an object differ in what people mean by it: not in status, nor in what the
/// server keeps about every write.
fn differs(before: &Value, after: &Value) -> bool {
    essence(before) != essence(after)
}

/// An object less its status, and less what the server keeps about every write.
pub fn essence(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
        map.remove("apiVersion");
        map.remove("kind");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "resourceVersion", "generation", "selfLink"] {
            metadata.remove(field);
        }
    }
    object
}
