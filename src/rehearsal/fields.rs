//! What a schema says about a set of fields.

use super::schema::{Schema, Type};

pub use crate::cluster::{Fields, step};

impl Fields {
    /// The same set, and with every field of a structure that holds a field of the set that structure's
    /// field itself. (Items of lists and keys of maps are not fields of a structure.)
    ///
    /// k8s:vendor/sigs.k8s.io/structured-merge-diff/v4/fieldpath/set.go (`EnsureNamedFieldsAreMembers`)
    pub fn with_structures(&self, schema: &Schema, of: &Type) -> Self {
        let inner = |(key, inner): (&String, &Self)| {
            let (element, is_named) = schema.element(of, key);
            let mut inner = inner.with_structures(schema, element);
            inner.own |= is_named;
            (key.clone(), inner)
        };
        Self { own: self.own, inner: self.inner.iter().map(inner).collect() }
    }
}
