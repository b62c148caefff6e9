//! Whether the NetworkPolicies let everything through that the manifests declare, and nothing else. No cluster is asked:
//! the manifests are rendered, the connections that they declare are read from them, and the policies are evaluated.

mod allowed;
mod declared;
mod mentions;
mod prometheus;
mod semantics;
mod shop;
mod sources;
mod superfluous;
mod texts;
