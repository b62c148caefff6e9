//! The connections that the manifests declare.

use std::collections::BTreeSet;

use keyboss::watchdog::METRICS_PORT;
use serde_json::Value;

use crate::mentions::{Mention, mentions};
use crate::prometheus;
use crate::shop::{Shop, Workload, labels, ports};
use crate::texts::{Text, runs_watchdog, told};

/// Who connects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// The pods of a workload.
    Workload(String),
    /// The Ingress controller.
    Ingress,
    /// The cluster's own Prometheus, by a ServiceMonitor.
    Prometheus,
    /// The API server, for whom `keyboss status` is.
    ApiServer,
    /// KEDA's operator, by a ScaledObject.
    Keda,
    /// The kubelet of the node that the pod runs on.
    Kubelet,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    pub from: Client,
    /// The workload.
    pub to: String,
    /// The port of its container.
    pub port: u16,
}

/// Every connection that something in the shop declares.
pub fn declared(shop: &Shop) -> BTreeSet<Connection> {
    let mut all = BTreeSet::new();
    for workload in &shop.workloads {
        let from = Client::Workload(workload.name.clone());
        let named = told(shop, workload).iter().flat_map(|text| named(shop, text)).collect::<Vec<_>>();
        all.extend(named.iter().flat_map(|(service, port)| connections(shop, &from, service, port)));
        all.extend(asked_from_outside(workload));
    }
    for ingress in shop.of_kind("Ingress") {
        all.extend(backends(ingress).flat_map(|backend| routed(shop, backend)));
    }
    for monitor in shop.of_kind("ServiceMonitor") {
        all.extend(monitored(shop, monitor));
    }
    for scaled in shop.of_kind("ScaledObject") {
        let triggers = scaled["spec"]["triggers"].as_array().unwrap();
        for address in triggers.iter().filter_map(|trigger| trigger["metadata"]["address"].as_str()) {
            let asked = named(shop, &Text::Plain(address.to_owned()));
            assert!(!asked.is_empty(), "{address} is no Service of the shop");
            all.extend(asked.iter().flat_map(|(service, port)| connections(shop, &Client::Keda, service, port)));
        }
    }
    all
}

fn connections(shop: &Shop, from: &Client, service: &Value, port: &Value) -> Vec<Connection> {
    let pods = shop.behind(service, port).into_iter();
    pods.map(|(to, port)| Connection { from: from.clone(), to: to.name.clone(), port }).collect()
}

/// The Services that a text names, each with the port that is meant.
fn named<'a>(shop: &'a Shop, text: &Text) -> Vec<(&'a Value, &'a Value)> {
    match text {
        Text::Plain(text) => mentions(text).iter().flat_map(|one| served(shop, one, false)).collect(),
        // PGHOST and its like hold a bare name.
        Text::Variable(name, value) => {
            mentions(value).iter().flat_map(|one| served(shop, one, name.ends_with("HOST"))).collect()
        }
        Text::Prometheus(config) => {
            let is_asking = |workload: &&Workload| {
                workload.template.pointer("/metadata/annotations/prometheus.io~1scrape").is_some()
            };
            let asking = shop.workloads.iter().find(is_asking);
            assert!(!prometheus::discovers_pods(config) || asking.is_none(), "{asking:?}: discovery is not read here");
            let targets = prometheus::targets(config);
            targets.iter().flat_map(|target| mentions(target)).flat_map(|one| served(shop, &one, false)).collect()
        }
    }
}

/// The Service that is mentioned, and its ports: the one that is named, or all. A Service's bare name is a word like
/// others; with a port, in a URL, or with a pod before it, it is an address.
fn served<'a>(shop: &'a Shop, mention: &Mention, is_host: bool) -> Vec<(&'a Value, &'a Value)> {
    let is_rest = |rest: &[String]| {
        let [namespace, svc] = [&*shop.environment.values.namespace, "svc"];
        rest.iter().zip([namespace, svc, "cluster", "local"]).all(|(part, known)| part == known)
    };
    let parts = &mention.host;
    let whole = parts.split_first().filter(|(_, rest)| is_rest(rest)).map(|(name, _)| name);
    let of_pod = parts.get(1).filter(|_| is_rest(&parts[2..])).filter(|name| is_headless(shop, name));
    let is_address = is_host || mention.port.is_some();
    let name = match (whole.filter(|_| is_address), of_pod) {
        (Some(name), _) if shop.get("Service", name).is_some() => name,
        (_, Some(name)) => name,
        _ => return Vec::new(),
    };
    let service = shop.get("Service", name).unwrap();
    let is_meant = |port: &&Value| mention.port.is_none_or(|number| port["port"] == number);
    let meant: Vec<_> = ports(service).iter().filter(is_meant).map(|port| (service, port)).collect();
    assert!(!meant.is_empty(), "Service {name} has no port {:?}", mention.port);
    meant
}

/// Such a Service gives each of its pods a name.
fn is_headless(shop: &Shop, name: &str) -> bool {
    shop.get("Service", name).is_some_and(|service| service["spec"]["clusterIP"] == "None")
}

/// Probes and hooks of the kubelet, and what `keyboss status` asks.
fn asked_from_outside(workload: &Workload) -> Vec<Connection> {
    let to = |from, port| Connection { from, to: workload.name.clone(), port };
    let mut all = Vec::new();
    for container in workload.containers() {
        let probes = ["startupProbe", "readinessProbe", "livenessProbe"].map(|probe| &container[probe]);
        let hooks = ["postStart", "preStop"].map(|hook| &container["lifecycle"][hook]);
        for action in probes.into_iter().chain(hooks).flat_map(|at| [&at["httpGet"], &at["tcpSocket"], &at["grpc"]]) {
            assert!(action["host"].is_null(), "{}: a probe of another host is no probe of this pod", workload.name);
            if !action.is_null() {
                all.push(to(Client::Kubelet, workload.port(&action["port"])));
            }
        }
        if runs_watchdog(container) {
            all.push(to(Client::ApiServer, METRICS_PORT));
        }
    }
    all
}

fn backends(ingress: &Value) -> impl Iterator<Item = &Value> {
    let rules = ingress["spec"]["rules"].as_array().into_iter().flatten();
    let paths = rules.flat_map(|rule| rule["http"]["paths"].as_array().unwrap());
    let backends = paths.map(|path| &path["backend"]["service"]);
    backends.chain([&ingress["spec"]["defaultBackend"]["service"]]).filter(|backend| !backend.is_null())
}

fn routed(shop: &Shop, backend: &Value) -> Vec<Connection> {
    let service = shop.get("Service", backend["name"].as_str().unwrap()).unwrap();
    let wanted = &backend["port"];
    let is_it = |port: &&Value| port["name"] == wanted["name"] || port["port"] == wanted["number"];
    connections(shop, &Client::Ingress, service, ports(service).iter().find(is_it).unwrap())
}

/// The pods behind the Services that a ServiceMonitor selects
/// (<https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint>).
fn monitored(shop: &Shop, monitor: &Value) -> Vec<Connection> {
    let selector = labels(&monitor["spec"]["selector"]["matchLabels"]);
    let is_selected =
        |service: &&Value| selector.iter().all(|(key, value)| service["metadata"]["labels"][key] == *value);
    let mut all = Vec::new();
    for endpoint in monitor["spec"]["endpoints"].as_array().unwrap() {
        for service in shop.of_kind("Service").filter(is_selected) {
            let port = ports(service).iter().find(|port| port["name"] == endpoint["port"]).unwrap();
            all.extend(connections(shop, &Client::Prometheus, service, port));
        }
    }
    assert!(!all.is_empty(), "{} monitors nothing", monitor["metadata"]["name"]);
    all
}

/// What the shop cannot do without, beside what is found: that nothing is found where something is to be found would
/// otherwise be good news.
#[test]
fn what_the_shop_lives_on_is_found() {
    let of = |from: &str| Client::Workload(from.to_owned());
    let shop = Shop::render(&("local", &[]));
    let found = declared(&shop);
    let table = [
        (of("saleor-api"), "postgres", 5432),
        (of("migrate"), "postgres", 5432),
        (of("saleor-seed"), "redis", 6379),
        (of("celery-worker"), "redis", 6379),
        (of("postgres-backup"), "postgres", 5432),
        (of("postgres"), "postgres", 5432),
        (of("redis"), "redis", 6379),
        (of("redis"), "redis-sentinel", 26379),
        (of("redis-sentinel"), "redis-sentinel", 26379),
        (of("redis-sentinel"), "redis", 6379),
        (of("postgres-watchdog"), "redis-sentinel", 26379),
        (of("saleor-storefront"), "saleor-api", 8000),
        (of("keyboss-exporter"), "saleor-storefront", 3000),
        (of("keyboss-exporter"), "redis", 6379),
        (of("postgres-exporter"), "postgres", 5432),
        (of("redis-exporter"), "redis", 6379),
        (of("prometheus"), "postgres-watchdog", 8080),
        (of("prometheus"), "redis-exporter", 9121),
        (of("prometheus"), "postgres-exporter", 9188),
        (of("grafana"), "prometheus", 9090),
        (Client::Ingress, "saleor-api", 8001),
        (Client::Ingress, "saleor-dashboard", 80),
        (Client::Prometheus, "postgres-watchdog", 8080),
        (Client::ApiServer, "postgres-watchdog", 8080),
        (Client::Kubelet, "saleor-storefront", 3000),
    ];
    for (from, to, port) in table {
        let connection = Connection { from, to: to.to_owned(), port };
        assert!(found.contains(&connection), "{connection:?} is not in {found:#?}");
    }
    let redis = Connection { from: of("prometheus"), to: "redis".to_owned(), port: 6379 };
    assert!(!found.contains(&redis), "Prometheus asks the exporter");
}
