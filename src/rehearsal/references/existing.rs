//! What is in the namespace and not of the plan.

use std::collections::BTreeSet;

use crate::environment::Environment;

/// Names that may be referred to although the plan does not make them.
#[derive(Clone, Debug, Default)]
pub struct Existing {
    /// Secrets.
    pub secrets: BTreeSet<String>,
    /// ServiceAccounts, besides every namespace's own `default`.
    pub service_accounts: BTreeSet<String>,
}

impl Existing {
    /// What the environment says exists: credentials of registries and of in-cluster clients.
    pub fn of(environment: &Environment) -> Self {
        let values = &environment.values;
        let clients = &values.clients;
        let clients = [&clients.kube_state_metrics, &clients.prometheus, &clients.watchdog, &clients.exporter];
        let named = |name: &&String| !name.is_empty();
        let kubeconfigs = clients.iter().map(|client| &client.kubeconfig_secret);
        let accounts = clients.iter().map(|client| &client.service_account);
        Self {
            secrets: values.image_pull_secrets.iter().chain(kubeconfigs).filter(named).cloned().collect(),
            service_accounts: accounts.filter(named).cloned().collect(),
        }
    }

    /// Whether there is an object of that kind and name. Every namespace has an account and the cluster's CA of its own
    /// (<https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts>).
    pub fn has(&self, kind: &str, name: &str) -> bool {
        match kind {
            "Secret" => self.secrets.contains(name),
            "ServiceAccount" => name == "default" || self.service_accounts.contains(name),
            "ConfigMap" => name == "kube-root-ca.crt",
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Project;

    #[test]
    fn is_what_the_environment_names() {
        let sets = ["imagePullSecrets=[registry]", "clients.prometheus.serviceAccount=reader"].map(str::to_owned);
        let existing = Existing::of(&Environment::load(&Project::BuiltIn, "deti", &sets).unwrap());
        for (kind, name, is_there) in [
            ("Secret", "registry", true),
            ("Secret", "ksm-kubeconfig", true),
            ("Secret", "", false),
            ("Secret", "reader", false),
            ("ServiceAccount", "reader", true),
            ("ServiceAccount", "default", true),
            ("ServiceAccount", "", false),
            ("ConfigMap", "kube-root-ca.crt", true),
            ("ConfigMap", "default", false),
            ("Role", "default", false),
        ] {
            assert_eq!(existing.has(kind, name), is_there, "{kind} {name}");
        }
    }
}
