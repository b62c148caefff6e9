//! A rendered shop: its objects, the pods that become of them, and the Services that lead to these.

use std::sync::LazyLock;

use k8s_openapi::api::networking::v1::NetworkPolicy;
use keyboss::environment::{Environment, Project};
use keyboss::render::{self, pod_template_pointer};
use serde::Deserialize;
use serde_json::Value;

use crate::semantics::{Labels, Pod, Port};

/// The label that a StatefulSet's pods have one by one.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// What shops are looked at: an environment, and values that are set.
const SHOPS: &[(&str, &[&str])] = &[
    ("local", &[]),
    ("deti", &[]),
    ("local", &["media.bucket=b", "media.endpoint=http://minio.example:9000"]),
    ("local", &["saleor.seed=false"]),
    ("local", &["backup.pointInTime.enabled=true"]),
    ("local", &["autoscaling.keda.enabled=true"]),
    ("local", &["autoscaling.keda.enabled=true", "autoscaling.keda.namespace=kube-system"]),
    ("local", &["publicUrl=https://shop.example"]),
    ("local", &["monitoring.grafana.host=grafana.localhost", "monitoring.alertmanager.host=alertmanager.localhost"]),
    ("local", &["monitoring.traefik.target=traefik.kube-system:9100", "monitoring.serviceMonitorLabels.release=p"]),
    ("local", &["networkPolicies.ingressNamespace=", "monitoring.exporter.probes.alertmanager.url="]),
    ("local", &["networkPolicies.prometheusNamespace=monitoring", "monitoring.exporter.apiServer=false"]),
    (
        "local",
        &[
            "monitoring.exporter.probes.storefront.url=http://shop.example/",
            "monitoring.exporter.probes.graphqlApi.url=",
            "monitoring.exporter.probes.dashboard.url=http://saleor-dashboard.keyboss.svc/dashboard/",
            "monitoring.exporter.probes.grafana.url=",
        ],
    ),
    ("deti", &["networkPolicies.ingressNamespace=ingress", "networkPolicies.prometheusNamespace=monitoring"]),
    (
        "deti",
        &["clients.prometheus.serviceAccount=reader", "monitoring.grafana.host=g.deti", "publicUrl=https://k.deti"],
    ),
];

/// A rendered shop.
pub struct Shop {
    pub environment: Environment,
    pub objects: Vec<Value>,
    pub workloads: Vec<Workload>,
    pub policies: Vec<NetworkPolicy>,
}

/// What makes pods: a Deployment, a StatefulSet, a Job or a CronJob.
#[derive(Debug)]
pub struct Workload {
    /// The name that its pods carry as a label.
    pub name: String,
    /// The pod template.
    pub template: Value,
    /// One of its pods.
    pub pod: Pod,
    /// The names of its pods, where these are known.
    pub pod_names: Vec<String>,
}

impl Shop {
    /// The shop of an environment with these values.
    pub fn render((name, sets): &(&str, &[&str])) -> Self {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let environment = Environment::load(&Project::BuiltIn, name, &sets).unwrap();
        let plan = render::plan(&Project::BuiltIn, &environment).unwrap();
        let text = render::print(&plan, None).unwrap();
        let documents = serde_yaml::Deserializer::from_str(&text).map(|one| Value::deserialize(one).unwrap());
        let objects: Vec<Value> = documents.filter(Value::is_object).collect();
        let namespace = &environment.values.namespace;
        let workloads = objects.iter().filter_map(|object| workload(object, namespace)).collect();
        let policies = objects.iter().filter(|object| object["kind"] == "NetworkPolicy");
        let policies = policies.map(|object| NetworkPolicy::deserialize(object).unwrap()).collect();
        Self { environment, objects, workloads, policies }
    }

    /// Every one of them, with how it is called.
    pub fn all() -> impl Iterator<Item = (&'static Self, String)> {
        static ALL: LazyLock<Vec<Shop>> = LazyLock::new(|| SHOPS.iter().map(Shop::render).collect());
        ALL.iter().zip(SHOPS).map(|(shop, (name, sets))| (shop, format!("{name} {sets:?}")))
    }

    /// The objects of a kind.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The object of that kind and name.
    pub fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.of_kind(kind).find(|object| object["metadata"]["name"] == name)
    }

    /// The pods behind a port of a Service, with the port that their container has: each selected workload.
    pub fn behind<'a>(&'a self, service: &Value, port: &Value) -> Vec<(&'a Workload, u16)> {
        let selector = labels(&service["spec"]["selector"]);
        let target = if port["targetPort"].is_null() { &port["port"] } else { &port["targetPort"] };
        let selected = self.workloads.iter().filter(|workload| workload.is_selected(&selector));
        let found: Vec<_> = selected.map(|workload| (workload, workload.port(target))).collect();
        assert!(!found.is_empty(), "{} selects nothing", service["metadata"]["name"]);
        found
    }
}

/// The ports of a Service.
pub fn ports(service: &Value) -> &[Value] {
    service["spec"]["ports"].as_array().map_or(&[], Vec::as_slice)
}

/// The labels in a mapping.
pub fn labels(mapping: &Value) -> Labels {
    let members = mapping.as_object().into_iter().flatten();
    members.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

impl Workload {
    /// Its containers, those that initialise it too.
    pub fn containers(&self) -> impl Iterator<Item = &Value> {
        let lists = ["initContainers", "containers"].map(|list| self.template["spec"][list].as_array());
        lists.into_iter().flatten().flatten()
    }

    fn is_selected(&self, selector: &Labels) -> bool {
        selector.iter().all(|(key, value)| match key.as_str() {
            POD_NAME => self.pod_names.contains(value),
            _ => self.pod.labels.get(key) == Some(value),
        })
    }

    /// The number of the port that a Service, probe or Ingress means.
    pub fn port(&self, wanted: &Value) -> u16 {
        let number = wanted.as_u64().map(|number| u16::try_from(number).unwrap());
        let is_it = |port: &&Port| Some(port.number) == number || wanted.as_str() == Some(&port.name);
        let port = self.pod.ports.iter().find(is_it);
        port.unwrap_or_else(|| panic!("{} has no port {wanted}", self.name)).number
    }
}

fn workload(object: &Value, namespace: &str) -> Option<Workload> {
    let template = object.pointer(pod_template_pointer(object["kind"].as_str()?)?)?.clone();
    let own = labels(&template["metadata"]["labels"]);
    let name = own["app.kubernetes.io/name"].clone();
    let containers = template["spec"]["containers"].as_array().unwrap();
    let ports = containers.iter().flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let ports = ports.map(|port| Port {
        name: port["name"].as_str().unwrap_or_default().to_owned(),
        number: u16::try_from(port["containerPort"].as_u64().unwrap()).unwrap(),
        protocol: port["protocol"].as_str().unwrap_or("TCP").to_owned(),
    });
    let pod = Pod {
        namespace: namespace.to_owned(),
        namespace_labels: named(namespace),
        labels: own,
        ports: ports.collect(),
    };
    let replicas = object["spec"]["replicas"].as_u64().filter(|_| object["kind"] == "StatefulSet").unwrap_or(0);
    let pod_names = (0..replicas).map(|ordinal| format!("{name}-{ordinal}")).collect();
    Some(Workload { name, template, pod, pod_names })
}

/// The label that every namespace has
/// (<https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name>).
pub fn named(namespace: &str) -> Labels {
    Labels::from([("kubernetes.io/metadata.name".to_owned(), namespace.to_owned())])
}
