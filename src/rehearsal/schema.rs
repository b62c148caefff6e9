//! The shapes of Kubernetes' objects, as far as merging them asks: which mappings and lists are merged, and by
//! which keys.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// The schema of one Kubernetes version, from its OpenAPI document (`tests/cluster/schema` writes the file).
static V1_20: LazyLock<Schema> = LazyLock::new(|| {
    let parsed = |text| serde_json::from_str::<Schema>(text);
    let parsed = parsed(include_str!("schema/v1.20.json")).and_then(|mut schema| {
        // As KEDA's CustomResourceDefinition has it, as far as keyboss writes it.
        let keda = parsed(include_str!("schema/keda-v2.json"))?;
        schema.kinds.extend(keda.kinds);
        schema.structures.extend(keda.structures);
        Ok(schema)
    });
    parsed.unwrap_or_else(|error| unreachable!("the schemas are part of the program: {error}"))
});

/// The shapes of a version's objects.
#[derive(Debug, Deserialize)]
pub struct Schema {
    /// The version it is of ("v1.20.2").
    pub version: String,
    /// The structure of each kind, by "apps/v1 Deployment".
    kinds: BTreeMap<String, String>,
    /// The fields of each structure.
    structures: BTreeMap<String, BTreeMap<String, Type>>,
}

/// The shape of a value.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// One value, whatever is in it.
    Atomic,
    /// A structure of this name.
    Structure(String),
    /// A mapping whose keys are merged.
    Map(Box<Type>),
    /// A list that is a set of scalars.
    Set,
    /// A list of structures that are told apart by the values of these keys.
    List(Box<Type>, Vec<String>),
}

impl Schema {
    /// Kubernetes 1.20's.
    pub fn v1_20() -> &'static Self {
        &V1_20
    }

    /// The shape of a kind's objects; None for a kind that the schema lacks.
    pub fn kind(&self, api_version: &str, kind: &str) -> Option<Type> {
        self.kinds.get(&format!("{api_version} {kind}")).cloned().map(Type::Structure)
    }

    /// The shape of what a path element of `fieldsV1` leads to, and whether that is a field of a structure.
    /// A field that the schema does not know is one value.
    pub fn element<'a>(&'a self, of: &'a Type, element: &str) -> (&'a Type, bool) {
        let field = element.strip_prefix("f:").unwrap_or_default();
        match of {
            Type::Structure(name) => match self.structures.get(name).and_then(|fields| fields.get(field)) {
                Some(known) => (known, true),
                None => (&Type::Atomic, false),
            },
            Type::Map(inner) | Type::List(inner, _) => (inner, false),
            Type::Atomic | Type::Set => (&Type::Atomic, false),
        }
    }
}
