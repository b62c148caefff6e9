//! Where each secret value comes from: the cluster, else the person, else a generator.
//!
//! A value that exists is never changed. What is missing becomes an initial field of its Secret.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Refused;
use super::generate::generate;
use crate::cluster::Live;
use crate::render::{InitialField, Plan};

/// Values by Secret and key.
pub type Values = BTreeMap<String, BTreeMap<String, String>>;

/// Keys that the database on the volume knows too: another value would lock everyone out.
const IN_THE_DATABASE: [&str; 2] = ["POSTGRES_PASSWORD", "REPLICATION_PASSWORD"];
/// The StatefulSet whose volumes hold that database.
const DATABASE: &str = "postgres";
/// The fewest characters of a supplied password: a shorter one could not be masked in output, and is
/// no password.
const SHORTEST: usize = 8;

/// What was decided.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Every value, old and new.
    pub values: Values,
    /// Things to tell.
    pub notices: Vec<String>,
}

/// Decides every value of the plan's Secrets, and adds those that are missing to the plan.
///
/// # Errors
/// When a supplied key is unknown or its value cannot be used, or one is missing that has to be supplied; when a supplied database password is not
/// the live one; when the Secret is gone but the database is not. No error holds a value.
pub fn resolve(plan: &mut Plan, live: &Live, supplied: &BTreeMap<String, String>) -> Result<Resolved, Refused> {
    check_supplied(plan, supplied)?;
    let lost = lost_values(plan, live, supplied);
    if !lost.is_empty() {
        return Err(Refused::Because(lost));
    }
    let mut resolved = Resolved::default();
    for object in plan.objects_mut() {
        let Some(keys) = &object.secret else { continue };
        let name = object.id.name.clone();
        let existing = decode(live.get(&object.id));
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for key in keys.all() {
            let value = match (existing.get(key), supplied.get(key)) {
                (Some(value), None) => value.clone(),
                (Some(value), Some(given)) if value == given => value.clone(),
                (Some(_), Some(_)) if IN_THE_DATABASE.contains(&key) => {
                    return Err(Refused::because(other_password(&name, key)));
                }
                (Some(value), Some(_)) => {
                    resolved.notices.push(kept(&name, key));
                    value.clone()
                }
                (None, Some(given)) => {
                    missing.push(key.to_owned());
                    given.clone()
                }
                (None, None) if keys.required.iter().any(|required| required == key) => {
                    return Err(Refused::because(lacking(&name, key)));
                }
                (None, None) => {
                    let Some((_, generator)) = keys.generated.iter().find(|(of, _)| of == key) else { continue };
                    missing.push(key.to_owned());
                    generate(*generator)?
                }
            };
            values.insert(key.to_owned(), value);
        }
        for key in missing {
            let value = Value::from(STANDARD.encode(&values[&key]));
            object.initial.push(InitialField { pointer: format!("/data/{key}"), value });
        }
        object.value["type"] = json!("Opaque");
        resolved.values.insert(name, values);
    }
    Ok(resolved)
}

/// Values that only the database on its volume knows any more, so that none may be generated in their place.
pub fn lost_values(plan: &Plan, live: &Live, supplied: &BTreeMap<String, String>) -> Vec<String> {
    let volumes = database_volumes(live);
    let Some(volume) = volumes.first() else { return Vec::new() };
    let mut reasons = Vec::new();
    for (_, object) in plan.objects() {
        let Some(keys) = &object.secret else { continue };
        let existing = decode(live.get(&object.id));
        let of_database =
            keys.generated.iter().map(|(key, _)| key).filter(|key| IN_THE_DATABASE.contains(&key.as_str()));
        let missing = of_database.filter(|key| !existing.contains_key(*key) && !supplied.contains_key(*key));
        reasons.extend(missing.map(|key| lost(&object.id.name, key, volume)));
    }
    reasons
}

fn check_supplied(plan: &Plan, supplied: &BTreeMap<String, String>) -> Result<(), Refused> {
    let known: Vec<&str> =
        plan.objects().filter_map(|(_, object)| object.secret.as_ref()).flat_map(|keys| keys.all()).collect();
    for (key, value) in supplied {
        if !known.contains(&key.as_str()) {
            return Err(Refused::because(format!(
                "the supplied secret {key} is none of keyboss': {}",
                known.join(", ")
            )));
        }
        let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
        if IN_THE_DATABASE.contains(&key.as_str()) && (value.len() < SHORTEST || !plain) {
            return Err(Refused::because(format!(
                "the supplied {key} cannot be used: it stands in URLs, so it must be at least {SHORTEST} letters, digits, '-', '.', '_' or '~'"
            )));
        }
        if value.is_empty() {
            return Err(Refused::because(format!("the supplied secret {key} is empty")));
        }
    }
    Ok(())
}

/// The claims that hold the database's data.
fn database_volumes(live: &Live) -> Vec<String> {
    let names = live.of_kind("PersistentVolumeClaim").filter_map(|claim| claim["metadata"]["name"].as_str());
    let ours = |name: &&str| {
        name.rsplit_once('-').is_some_and(|(stem, ordinal)| {
            stem.strip_suffix(DATABASE).is_some_and(|rest| rest.ends_with('-')) && ordinal.parse::<u32>().is_ok()
        })
    };
    names.filter(ours).map(str::to_owned).collect()
}

fn decode(secret: Option<&Value>) -> BTreeMap<String, String> {
    let data = secret.and_then(|secret| secret["data"].as_object());
    data.into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok()?)))
        .collect()
}

fn other_password(secret: &str, key: &str) -> String {
    format!(
        "the supplied {key} is not the one in Secret {secret}: the database on the volume keeps the password it was \
         created with, so another one would lock the shop out; unset KEYBOSS_SECRET_{key} (or remove it from the \
         secrets file), or change the password in the database and in the Secret first"
    )
}

fn kept(secret: &str, key: &str) -> String {
    format!(
        "the supplied {key} differs from the one in Secret {secret}, which is kept; to change it, remove the key \
         (kubectl patch secret {secret} --type=json -p '[{{\"op\":\"remove\",\"path\":\"/data/{key}\"}}]') and deploy again"
    )
}

fn lacking(secret: &str, key: &str) -> String {
    format!(
        "Secret {secret} has no {key}, which the values of this environment call for: supply it as KEYBOSS_SECRET_{key}, \
         or in the file of --secrets-file"
    )
}

fn lost(secret: &str, key: &str, volume: &str) -> String {
    format!(
        "Secret {secret} has no {key}, but the database lives on (PVC {volume}): a new password would lock everyone \
         out; restore the Secret from a copy, or supply the old value as KEYBOSS_SECRET_{key}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Generator, Object, Phase, SecretKeys};

    fn plan() -> Plan {
        let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keyboss-secrets", "annotations": {
            "keyboss.io/generate": "POSTGRES_PASSWORD=password, SECRET_KEY=django-key",
            "keyboss.io/optional": "EMAIL_URL",
        }}});
        plan_of(manifest)
    }

    fn plan_of(manifest: Value) -> Plan {
        let mut plan = Plan::default();
        plan.add(Phase::Config, Object::new("manifests/1-config/secrets.yaml".to_owned(), manifest).unwrap()).unwrap();
        plan
    }

    fn live(values: &[(&str, &str)], volume: bool) -> Live {
        let mut live = Live::default();
        let data: serde_json::Map<String, Value> =
            values.iter().map(|(key, value)| ((*key).to_owned(), Value::from(STANDARD.encode(value)))).collect();
        if !data.is_empty() {
            live.insert("Secret", "keyboss-secrets", json!({"data": data}));
        }
        if volume {
            live.insert("PersistentVolumeClaim", "data-postgres-0", json!({"metadata": {"name": "data-postgres-0"}}));
        }
        live
    }

    fn supplied(values: &[(&str, &str)]) -> BTreeMap<String, String> {
        values.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn written(plan: &Plan) -> Vec<String> {
        plan.objects().flat_map(|(_, object)| &object.initial).map(|field| field.pointer.clone()).collect()
    }

    #[test]
    fn the_first_deploy_generates_what_nobody_supplies() {
        let mut plan = plan();
        let given = supplied(&[("EMAIL_URL", "smtp://user:pass@mail")]);
        let resolved = resolve(&mut plan, &live(&[], false), &given).unwrap();
        let values = &resolved.values["keyboss-secrets"];
        assert_eq!(values["POSTGRES_PASSWORD"].len(), 32);
        assert_eq!(values["EMAIL_URL"], "smtp://user:pass@mail");
        assert_eq!(written(&plan), ["/data/POSTGRES_PASSWORD", "/data/SECRET_KEY", "/data/EMAIL_URL"]);
    }

    #[test]
    fn what_has_to_be_supplied_is_asked_for_until_it_is_there() {
        let plan = || {
            let annotations = json!({"keyboss.io/required": "STORE_KEY"});
            plan_of(
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keyboss-secrets", "annotations": annotations}}),
            )
        };
        let refused = resolve(&mut plan(), &live(&[], false), &supplied(&[])).unwrap_err().to_string();
        assert!(refused.contains("KEYBOSS_SECRET_STORE_KEY"), "{refused}");
        let mut first = plan();
        resolve(&mut first, &live(&[], false), &supplied(&[("STORE_KEY", "a-store-key")])).unwrap();
        assert_eq!(written(&first), ["/data/STORE_KEY"]);
        resolve(&mut plan(), &live(&[("STORE_KEY", "a-store-key")], false), &supplied(&[])).unwrap();
    }

    #[test]
    fn a_value_that_exists_is_never_written_and_a_missing_one_is_added() {
        let mut plan = plan();
        let resolved =
            resolve(&mut plan, &live(&[("POSTGRES_PASSWORD", "old-password")], true), &supplied(&[])).unwrap();
        assert_eq!(resolved.values["keyboss-secrets"]["POSTGRES_PASSWORD"], "old-password");
        assert_eq!(written(&plan), ["/data/SECRET_KEY"]);
    }

    #[test]
    fn another_value_for_what_exists_is_kept_out_and_told() {
        let mut plan = plan();
        let existing = live(&[("POSTGRES_PASSWORD", "old-password"), ("SECRET_KEY", "k"), ("EMAIL_URL", "a")], true);
        let resolved = resolve(&mut plan, &existing, &supplied(&[("EMAIL_URL", "b")])).unwrap();
        assert_eq!(resolved.values["keyboss-secrets"]["EMAIL_URL"], "a");
        assert!(resolved.notices[0].contains("is kept"), "{:?}", resolved.notices);
        assert!(written(&plan).is_empty());
    }

    #[test]
    fn what_would_lock_people_out_is_refused_without_a_value_in_the_words() {
        type Pairs<'a> = &'a [(&'a str, &'a str)];
        let old = [("POSTGRES_PASSWORD", "old-password"), ("SECRET_KEY", "key")];
        let table: &[(Pairs, bool, Pairs, &str)] = &[
            (&old, true, &[("POSTGRES_PASSWORD", "new-password")], "lock the shop out"),
            (&[], true, &[], "the database lives on (PVC data-postgres-0)"),
            (&[("SECRET_KEY", "key")], true, &[], "KEYBOSS_SECRET_POSTGRES_PASSWORD"),
            (&[], false, &[("POSTGRES_PASSWORD", "new password")], "stands in URLs"),
            (&[], false, &[("POSTGRES_PASSWORD", "short")], "at least 8"),
            (&[], false, &[("POSTGRES_PASSWROD", "new-password")], "none of keyboss'"),
            (&[], false, &[("EMAIL_URL", "")], "is empty"),
        ];
        for (existing, volume, given, expected) in table {
            let error = resolve(&mut plan(), &live(existing, *volume), &supplied(given)).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected:?} is not in {error:?}");
            for (_, value) in given.iter().chain(*existing).filter(|(_, value)| value.len() > 5) {
                assert!(!error.contains(value), "{error:?} holds a secret");
            }
        }
    }

    #[test]
    fn the_old_password_brings_a_lost_secret_back() {
        let mut plan = plan();
        let resolved =
            resolve(&mut plan, &live(&[], true), &supplied(&[("POSTGRES_PASSWORD", "old-password")])).unwrap();
        assert_eq!(resolved.values["keyboss-secrets"]["POSTGRES_PASSWORD"], "old-password");
    }

    #[test]
    fn keys_are_read_from_the_manifest() {
        let keys = plan().objects().next().unwrap().1.secret.clone().unwrap();
        assert_eq!(
            keys,
            SecretKeys {
                generated: vec![
                    ("POSTGRES_PASSWORD".to_owned(), Generator::Password),
                    ("SECRET_KEY".to_owned(), Generator::DjangoKey),
                ],
                required: Vec::new(),
                optional: vec!["EMAIL_URL".to_owned()],
            }
        );
    }
}
