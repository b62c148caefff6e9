//! Whether the shop's address is known here, as it has to be wherever a browser is
//! (<https://kubernetes.io/docs/concepts/services-networking/ingress/#name-based-virtual-hosting>).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Finding;
use crate::cluster::Live;
use crate::environment::Environment;
use crate::render::Plan;

/// The check's name.
pub const CHECK: &str = "dns";

/// How long a resolver may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The hosts under which the shop is reached: that of `publicUrl`, and those of the Ingresses.
pub fn hosts(environment: &Environment, plan: &Plan) -> BTreeSet<String> {
    let public = url::Url::parse(&environment.values.public_url).ok();
    let public = public.and_then(|url| url.host_str().map(str::to_owned));
    let ingresses = plan.objects().filter(|(_, object)| object.id.kind == "Ingress");
    let rules = ingresses.filter_map(|(_, object)| object.value.pointer("/spec/rules")?.as_array()).flatten();
    public.into_iter().chain(rules.filter_map(|rule| rule["host"].as_str().map(str::to_owned))).collect()
}

/// Asks this machine's resolver for a host; its addresses, none where there is no answer.
pub async fn resolve(host: &str) -> Vec<IpAddr> {
    let answer = timeout(LIMIT, lookup_host((host.trim_matches(['[', ']']), 80))).await;
    let found: BTreeSet<IpAddr> =
        answer.ok().and_then(Result::ok).into_iter().flatten().map(|address| address.ip()).collect();
    found.into_iter().collect()
}

/// Where the live Ingresses of the shop are served, as their controller says.
pub fn served_at(live: &Live) -> Vec<String> {
    let points =
        live.of_kind("Ingress").filter_map(|ingress| ingress.pointer("/status/loadBalancer/ingress")?.as_array());
    let text = |point: &Value| point["ip"].as_str().or_else(|| point["hostname"].as_str()).map(str::to_owned);
    let all: BTreeSet<String> = points.flatten().filter_map(text).collect();
    all.into_iter().collect()
}

/// What became of a host. Other machines may know it where this one does not, so nothing fails for it.
pub fn check(host: &str, found: &[IpAddr], served_at: &[String]) -> Finding {
    if !found.is_empty() {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        return Finding::ok(CHECK, format!("{host} is {}", found.join(", ")));
    }
    let address = served_at.first().map_or("ADDRESS", String::as_str);
    let which = if served_at.is_empty() {
        ", ADDRESS being that of the Ingress controller (127.0.0.1 for a k3d cluster whose port 80 is mapped here)"
    } else {
        ""
    };
    Finding::warn(
        CHECK,
        format!("this machine finds no address for {host}"),
        format!(
            "have the name added to the DNS, or the line `{address} {host}` to /etc/hosts of whoever visits{which}"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[tokio::test]
    async fn what_is_an_address_or_this_machine_is_found_and_what_cannot_be_is_not() {
        for (host, is_found) in
            [("127.0.0.1", true), ("[::1]", true), ("localhost", true), ("no.such.host.invalid", false)]
        {
            let found = resolve(host).await;
            assert_eq!(!found.is_empty(), is_found, "{host}: {found:?}");
            let finding = check(host, &found, &[]);
            assert_eq!(finding.verdict, if is_found { Verdict::Ok } else { Verdict::Warn });
        }
        let remedy = check("shop.invalid", &[], &["10.0.0.7".to_owned()]).remedy.unwrap();
        assert!(remedy.contains("`10.0.0.7 shop.invalid`") && !remedy.contains("ADDRESS"), "{remedy}");
        assert!(check("shop.invalid", &[], &[]).remedy.unwrap().contains("`ADDRESS shop.invalid`"));
    }
}
