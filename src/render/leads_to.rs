//! `leads_to`, a test that templates use: whether a URL names a Service of the namespace.

use url::Url;

/// Whether the URL's host is this Service, by any of the names that the cluster's DNS has for it
/// (<https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#services>).
pub fn leads_to(url: &str, service: &str, namespace: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let mut labels = url.host_str().unwrap_or_default().trim_end_matches('.').split('.');
    labels.next() == Some(service)
        && labels.next().is_none_or(|label| label == namespace)
        && labels.next().is_none_or(|label| label == "svc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_several_names() {
        for (url, leads) in [
            ("http://grafana:3000/api/health", true),
            ("http://grafana", true),
            ("http://grafana.keyboss/", true),
            ("http://grafana.keyboss.svc:3000/", true),
            ("http://grafana.keyboss.svc.cluster.local./", true),
            ("http://user:word@grafana/", true),
            ("http://grafana.deti/api/health", false),
            ("http://grafana.keyboss.example/", false),
            ("http://grafana-2:3000/", false),
            ("http://localhost/grafana", false),
            ("grafana:3000", false),
            ("", false),
        ] {
            assert_eq!(leads_to(url, "grafana", "keyboss"), leads, "{url}");
        }
    }
}
