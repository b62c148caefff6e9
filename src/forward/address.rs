//! Where a Service is to be found without a forwarded port: where the environment's Ingresses have it.

use serde_json::Value;
use url::Url;

use crate::render::Plan;

/// The URL by which an Ingress of the plan leads to the root of what a Service has, if one does.
pub fn address(plan: &Plan, public_url: &str, service: &str) -> Option<String> {
    let ingresses = plan.objects().map(|(_, object)| object).filter(|object| object.id.kind == "Ingress");
    ingresses.into_iter().find_map(|ingress| of_ingress(&ingress.value["spec"], public_url, service))
}

fn of_ingress(spec: &Value, public_url: &str, service: &str) -> Option<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let public = Url::parse(public_url).ok();
    for rule in list(&spec["rules"]) {
        let host = rule["host"].as_str()?;
        let is_encrypted = list(&spec["tls"]).iter().any(|tls| list(&tls["hosts"]).iter().any(|of| of == host));
        for path in list(&rule["http"]["paths"]) {
            if path["backend"]["service"]["name"] != service {
                continue;
            }
            let path = path["path"].as_str().unwrap_or("/").trim_end_matches('/');
            let base = match &public {
                Some(public) if public.host_str() == Some(host) => public.as_str().trim_end_matches('/').to_owned(),
                _ => format!("http{}://{host}", if is_encrypted { "s" } else { "" }),
            };
            return Some(format!("{base}{path}/"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ingress_leads_to_a_service() {
        let path = |path: &str, name: &str| json!({"path": path, "backend": {"service": {"name": name}}});
        let shop = json!({"rules": [{"host": "shop.example", "http": {"paths": [
            path("/", "saleor-storefront"), path("/dashboard", "saleor-dashboard"), path("/health/", "saleor-api")]}}]});
        let mut grafana = json!({"rules": [{"host": "grafana.example", "http": {"paths": [path("/", "grafana")]}}]});
        let public = "https://shop.example:8443";
        for (service, url) in [
            ("saleor-storefront", Some("https://shop.example:8443/")),
            ("saleor-dashboard", Some("https://shop.example:8443/dashboard/")),
            ("grafana", None),
        ] {
            assert_eq!(of_ingress(&shop, public, service).as_deref(), url, "{service}");
        }
        assert_eq!(of_ingress(&grafana, public, "grafana").as_deref(), Some("http://grafana.example/"));
        grafana["tls"] = json!([{"hosts": ["grafana.example"]}]);
        assert_eq!(of_ingress(&grafana, public, "grafana").as_deref(), Some("https://grafana.example/"));
    }
}
