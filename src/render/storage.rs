//! The environment's storage class and size cap, on every PVC and claim template, so that no manifest
//! can forget them.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::environment::{Quantity, Storage};

/// Sets class and capped size on a PersistentVolumeClaim or on a StatefulSet's claim templates.
///
/// # Errors
/// When a claim asks for no storage, or for something that is no quantity.
pub fn adjust(object: &mut Value, storage: &Storage) -> Result<()> {
    match object["kind"].as_str() {
        Some("PersistentVolumeClaim") => claim(object, storage),
        Some("StatefulSet") => match object.pointer_mut("/spec/volumeClaimTemplates").and_then(Value::as_array_mut) {
            Some(templates) => templates.iter_mut().try_for_each(|template| claim(template, storage)),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn claim(claim: &mut Value, storage: &Storage) -> Result<()> {
    let spec = claim.get_mut("spec").and_then(Value::as_object_mut).context("the claim has no spec")?;
    spec.insert("storageClassName".to_owned(), json!(storage.class));
    let asked = claim
        .pointer_mut("/spec/resources/requests/storage")
        .context("the claim asks for no storage (spec.resources.requests.storage)")?;
    let text = asked.as_str().map_or_else(|| asked.to_string(), str::to_owned);
    *asked = Value::from(capped(&text, storage)?);
    Ok(())
}

/// The size a claim really gets: as asked, or the cap.
///
/// # Errors
/// When either is no quantity.
pub fn capped(asked: &str, storage: &Storage) -> Result<String> {
    let quantity: Quantity = asked.parse()?;
    if storage.max_size.is_empty() || quantity <= storage.max_size.parse()? {
        return Ok(asked.to_owned());
    }
    Ok(storage.max_size.clone())
}
