//! What a Secret's manifest says of its keys; values never stand in a manifest.
//!
//! `keyboss.io/generate` lists `KEY=kind`, `keyboss.io/required` lists keys that have to be supplied,
//! `keyboss.io/optional` lists keys that exist only when they are.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How a value that nobody supplied is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// 32 letters and digits.
    Password,
    /// Django's `SECRET_KEY`: 64 letters and digits.
    DjangoKey,
    /// An RSA key of 3072 bits, PKCS#8 PEM.
    Rsa,
}

/// The keys of one Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretKeys {
    /// Keys that always exist, and how their values are made.
    pub generated: Vec<(String, Generator)>,
    /// Keys that somebody has to supply.
    pub required: Vec<String>,
    /// Keys that exist only when they are supplied.
    pub optional: Vec<String>,
}

impl SecretKeys {
    /// Reads a Secret's annotations; None where it has none of them.
    ///
    /// # Errors
    /// When the manifest holds a value, or an annotation is malformed.
    pub fn read(secret: &Value) -> Result<Option<Self>> {
        for field in ["data", "stringData"] {
            if secret.get(field).is_some() {
                bail!(
                    "{field}: a manifest holds no secret values; name the keys in the annotation keyboss.io/generate"
                );
            }
        }
        let annotation = |name: &str| {
            secret.pointer(&format!("/metadata/annotations/keyboss.io~1{name}")).map_or(Ok(""), |value| {
                value.as_str().with_context(|| format!("the annotation keyboss.io/{name} is not a string"))
            })
        };
        let mut keys = Self::default();
        for entry in list(annotation("generate")?) {
            let (key, kind) =
                entry.split_once('=').with_context(|| format!("keyboss.io/generate: {entry:?} is not KEY=kind"))?;
            let generator = match kind {
                "password" => Generator::Password,
                "django-key" => Generator::DjangoKey,
                "rsa" => Generator::Rsa,
                _ => bail!("keyboss.io/generate: {kind:?} is not a kind; the kinds are password, django-key, rsa"),
            };
            keys.generated.push((key.to_owned(), generator));
        }
        keys.required = list(annotation("required")?).map(str::to_owned).collect();
        keys.optional = list(annotation("optional")?).map(str::to_owned).collect();
        Ok((keys != Self::default()).then_some(keys))
    }

    /// All keys.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let supplied = self.required.iter().chain(&self.optional).map(String::as_str);
        self.generated.iter().map(|(key, _)| key.as_str()).chain(supplied)
    }
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|entry| !entry.is_empty())
}
