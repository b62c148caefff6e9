//! What can be opened and where it is, for people: functions from what was found to lines.

use super::text::columns;
use crate::forward::What;

/// Where the password of Grafana's first user is: never the password.
const GRAFANA: (&str, &str, &str) = ("admin", "keyboss-secrets", "GRAFANA_ADMIN_PASSWORD");

/// A line for each: whether it is there, and its public address, where the environment has one.
pub fn list(found: &[(What, bool, Option<String>)], namespace: &str) -> Vec<String> {
    let rows: Vec<[String; 3]> = found
        .iter()
        .map(|(what, is_there, public)| {
            let service = match is_there {
                true => format!("Service {}", what.service()),
                false => format!("not deployed: there is no Service {} in namespace {namespace}", what.service()),
            };
            let public = public.clone().unwrap_or_else(|| "-".to_owned());
            [format!("  {}", what.as_str()), public, service]
        })
        .collect();
    let more = "`keyboss open WHAT` leads a port of this machine to one of them".to_owned();
    columns(&rows).into_iter().chain([more]).collect()
}

/// What was opened, and how to get in.
pub fn opened(what: What, url: &str, public: Option<&str>, namespace: &str) -> Vec<String> {
    let mut lines = vec![format!("{}: {url}", what.as_str())];
    lines.extend(public.map(|public| format!("  its public address: {public}")));
    if what == What::Grafana {
        let (user, secret, key) = GRAFANA;
        let get = format!("kubectl -n {namespace} get secret {secret} -o jsonpath='{{.data.{key}}}' | base64 -d");
        lines.push(format!("  user {user}; its password: {get}"));
    }
    lines.push("  until Ctrl-C".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_stands_beside_where_it_is() {
        let public = Some("http://localhost/".to_owned());
        let lines = list(&[(What::Shop, true, public), (What::Prometheus, false, None)], "keyboss");
        assert_eq!(
            lines[..2],
            [
                "  shop        http://localhost/  Service saleor-storefront",
                "  prometheus  -                  not deployed: there is no Service prometheus in namespace keyboss",
            ]
        );
    }

    #[test]
    fn the_way_to_grafanas_password_is_told() {
        let lines = opened(What::Grafana, "http://127.0.0.1:1/", None, "n");
        let password =
            "kubectl -n n get secret keyboss-secrets -o jsonpath='{.data.GRAFANA_ADMIN_PASSWORD}' | base64 -d";
        assert_eq!(
            lines,
            ["grafana: http://127.0.0.1:1/", &format!("  user admin; its password: {password}"), "  until Ctrl-C"]
        );
        let lines = opened(What::Shop, "http://127.0.0.1:1/", Some("http://shop.example/"), "n");
        assert_eq!(lines[1], "  its public address: http://shop.example/");
    }
}
