//! How a shop stands: before and after a deploy, and with a pod that does not start.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::api::networking::v1::Ingress;
use keyboss::cluster::{self, Cluster};
use keyboss::pipeline::{watchdogs, workloads, world};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::rights::Denial;
use keyboss::rehearsal::store::Key;
use keyboss::watchdog::roles;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use kube::core::NamespaceResourceScope;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::schema::assert_described;
use crate::served::Served;
use crate::stage::{create_namespace, deployed, face, prepared, runtime};
use crate::transaction::object;

#[tokio::test(start_paused = true)]
async fn what_lives_is_told_and_what_cannot_be_asked_is_named() {
    let face = face();
    let _controllers = Controllers::start(&face);
    let cluster = Cluster::new(face.client("keyboss"), "keyboss", cluster::Served::default());
    create_namespace(&face, "keyboss").await;
    assert!(workloads(&world(&cluster).await.unwrap()).is_empty());

    deployed(prepared(&face, "local", "k3d-x").await).await;
    sleep(Duration::from_secs(60)).await;
    let seen = world(&cluster).await.unwrap();
    let found = workloads(&seen);
    for name in ["postgres", "redis", "redis-sentinel", "saleor-api", "celery-worker", "postgres-watchdog"] {
        let workload =
            found.iter().find(|workload| workload.name == name).unwrap_or_else(|| panic!("{name}: {found:?}"));
        assert_eq!((workload.ready, &workload.why), (workload.wanted, &None), "{workload:?}");
    }
    let pods = watchdogs(&seen);
    assert_eq!(pods.len(), 2, "{pods:?}");
    // No pod of a rehearsal serves pages.
    let roles = roles(&cluster, &pods).await.unwrap();
    assert_eq!((roles.postgres.primary.as_str(), roles.redis.master.as_str()), ("postgres-0", "redis-0"));
    assert_eq!((roles.watchdog, roles.postgres.lag_bytes), (None, None));
    let unknown = roles.unknown.unwrap();
    assert!(pods.iter().any(|pod| unknown.starts_with(&format!("{pod} cannot be asked: "))), "{unknown}");

    let api: Api<Pod> = Api::namespaced(face.client("keyboss"), "keyboss");
    api.delete("postgres-1", &DeleteParams::default().grace_period(0)).await.unwrap();
    let found = workloads(&world(&cluster).await.unwrap());
    let postgres = found.iter().find(|workload| workload.name == "postgres").unwrap();
    assert!(postgres.why.is_some() && postgres.ready <= 2, "{postgres:?}");
}

#[test]
fn without_the_record_of_who_leads_the_rest_is_told() {
    let face = face();
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        deployed(prepared(&face, "local", "k3d-x").await).await;
    });
    face.rights().deny(Denial { verb: "get".to_owned(), resource: "configmaps".to_owned() });
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, told, error) = served.told(&STATUS);
    assert_eq!(code, 2, "{told}{error}");
    assert!(told.contains("release 1 of environment local") && told.contains(" are ready, "), "{told}{error}");
    assert!(error.contains("the record of who leads cannot be read") && error.contains("configmaps"), "{error}");
    let (code, status) = asked(&served);
    assert_eq!((code, status["release"].as_u64(), status["roles"].is_null()), (2, Some(1), true), "{status}");
}

const STATUS: [&str; 2] = ["status", "--local"];

/// A shop that stands.
fn standing() -> Face {
    let face = face();
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        deployed(prepared(&face, "local", "k3d-x").await).await;
        sleep(Duration::from_secs(60)).await;
    });
    face
}

/// What the program says as JSON.
fn asked(served: &Served) -> (i32, Value) {
    let (code, line, error) = served.told(&[&STATUS[..], &["--output", "json"]].concat());
    let status: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}{error}"));
    assert_described("status", &status);
    (code, status)
}

/// The path by which a page of the only pod of this name is asked for.
fn page_of(face: &Face, name: &str, page: &str) -> String {
    let server = face.server();
    let pods = server.store().list(Kind::named("v1", "Pod").unwrap(), "keyboss");
    let mut its = pods.filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == name);
    format!("/api/v1/namespaces/keyboss/pods/{}:{page}", its.next().unwrap()["metadata"]["name"].as_str().unwrap())
}

fn alert(name: &str, severity: &str, summary: &str) -> Value {
    json!({"labels": {"alertname": name, "severity": severity}, "annotations": {"summary": summary},
        "startsAt": "2026-01-01T00:10:00.000Z", "status": {"state": "active"}})
}

/// The shop, whose Alertmanager tells these alerts.
fn with_alerts(face: &Face, alerts: &Value) -> Served {
    let path = page_of(face, "alertmanager", "9093/proxy/api/v2/alerts");
    Served::beside(face, "k3d-x", "keyboss", BTreeMap::from([(path, alerts.clone())]))
}

fn deny(face: &Face, verb: &str, resource: &str) {
    face.rights().deny(Denial { verb: verb.to_owned(), resource: resource.to_owned() });
}

/// Merges into an object as this field manager.
fn merged<K>(face: &Face, manager: &str, name: &str, patch: &Value)
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    runtime().block_on(async {
        let api: Api<K> = Api::namespaced(face.client("keyboss"), "keyboss");
        let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
        api.patch(name, &params, &Patch::Merge(patch)).await.unwrap();
    });
}

/// The same as somebody with kubectl does.
fn edited<K>(face: &Face, name: &str, patch: &Value)
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    merged::<K>(face, "kubectl-edit", name, patch);
}

/// What a cluster has and a rehearsal has not: a watchdog that has recorded the standby, and measured pods.
fn measured(face: &Face) {
    let standby = json!({"data": {"POSTGRES_SYNCHRONOUS_STANDBY": "postgres-1"}});
    merged::<ConfigMap>(face, "keyboss-watchdog", "keyboss-config", &standby);
    let kind = Kind::named("autoscaling/v2beta2", "HorizontalPodAutoscaler").unwrap();
    for name in ["saleor-api", "celery-worker"] {
        let mut live = object(face, "autoscaling/v2beta2", "HorizontalPodAutoscaler", name).unwrap();
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 31}}});
        live["status"] = json!({"currentReplicas": 2, "desiredReplicas": 2, "currentMetrics": [cpu]});
        let key = Key { kind, namespace: "keyboss".to_owned(), name: name.to_owned() };
        face.change(|server| server.adopt(key, live));
    }
}

#[test]
fn where_all_is_well_the_first_line_says_so_and_nothing_is_written_or_secret() {
    let face = standing();
    measured(&face);
    let served = with_alerts(&face, &json!([]));
    for verb in ["get", "list"] {
        deny(&face, verb, "secrets");
    }
    let version = face.server().store().version();
    let (code, told, error) = served.told(&STATUS);
    assert_eq!((code, error.as_str()), (0, ""), "{told}");
    // No pod of a rehearsal serves pages.
    assert!(
        told.starts_with("namespace keyboss: nothing is wrong; not known: watchdog; release 1 of environment local"),
        "{told}"
    );
    for words in
        ["ok     alerts      none fires", "ok     drift       ", "objects are as release 1 left them", "config "]
    {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
    let (code, status) = asked(&served);
    assert_eq!((code, face.server().store().version()), (0, version), "something was written");
    assert_eq!(
        (&status["unknown"], &status["alerts"], &status["drift"]["objects"]),
        (&json!({}), &json!([]), &json!([]))
    );
    assert!(status["drift"]["lookedAt"].as_u64().unwrap() > 80, "{}", status["drift"]);
    assert_eq!(status["phases"].as_array().unwrap().len(), 8);
    assert_eq!(status["releases"][0]["release"], 1);
    let targets: Vec<_> = status["autoscalers"].as_array().unwrap().iter().map(|one| &one["target"]).collect();
    assert_eq!(targets, ["Deployment celery-worker", "Deployment saleor-api"]);
    let cpu = json!({"name": "cpu", "current": "31%", "target": "70%"});
    assert_eq!(status["autoscalers"][0]["metrics"][1], cpu, "{status}");
    let whats: Vec<_> = status["backups"].as_array().unwrap().iter().map(|one| &one["what"]).collect();
    assert_eq!(whats, ["backup", "verification"]);
    assert!(status["backups"][0]["next"].as_str().unwrap().ends_with("T02:00:00Z"), "{status}");
}

#[test]
fn what_was_changed_by_hand_and_what_fires_is_told_first() {
    let face = standing();
    let live = object(&face, "apps/v1", "Deployment", "saleor-dashboard").unwrap();
    let mut containers = live["spec"]["template"]["spec"]["containers"].clone();
    containers[0]["image"] = json!("x:1");
    let image = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    edited::<Deployment>(&face, "saleor-dashboard", &image);
    edited::<ConfigMap>(&face, "keyboss-config", &json!({"data": {"PUBLIC_URL": "http://hand.example"}}));
    // An autoscaler's, and a leader's.
    edited::<Deployment>(&face, "saleor-api", &json!({"spec": {"replicas": 4}}));
    runtime().block_on(async {
        let api: Api<Ingress> = Api::namespaced(face.client("keyboss"), "keyboss");
        api.delete("keyboss", &DeleteParams::default()).await.unwrap();
    });
    let summary = "the API\u{1b}[2J is\r\n down";
    let served =
        with_alerts(&face, &json!([alert("Slow", "warning", "slow"), alert("SaleorAPIDown", "critical", summary)]));
    let (code, told, error) = served.told(&STATUS);
    assert_eq!(code, 0, "{told}{error}");
    let lines: Vec<&str> = told.lines().collect();
    assert!(lines[0].starts_with("namespace keyboss: wrong: alerts, "), "{told}");
    let first = "WRONG  alerts      critical SaleorAPIDown since 2026-01-01 00:10:00 UTC: the API is down";
    assert_eq!(lines[1], first, "{told}");
    assert!(!told.contains(['\u{1b}', '\r']), "{told:?}");
    let (_, status) = asked(&served);
    let drift: Vec<Value> = status["drift"]["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| json!([one["object"], one["change"], one["by"], one["fields"]]))
        .collect();
    let image = "spec.template.spec.containers[saleor-dashboard].image";
    let expected = [
        json!(["ConfigMap keyboss-config", "changed", ["kubectl-edit"], ["data.PUBLIC_URL"]]),
        json!(["Deployment saleor-dashboard", "changed", ["kubectl-edit"], [image]]),
        json!(["Ingress keyboss", "deleted", [], []]),
    ];
    assert_eq!(drift, expected, "{told}");
    // The next deploy makes it as it was meant.
    runtime().block_on(async {
        let _controllers = Controllers::start(&face);
        sleep(Duration::from_secs(5)).await;
        deployed(prepared(&face, "local", "k3d-x").await).await;
    });
    let (_, status) = asked(&served);
    assert_eq!((&status["release"], &status["drift"]["objects"]), (&json!(2), &json!([])), "{status}");
}

#[test]
fn what_may_not_be_read_costs_its_own_part() {
    for (verb, resource, part, code) in [
        ("list", "horizontalpodautoscalers", "autoscalers", 0),
        ("list", "cronjobs", "backups", 0),
        ("get", "leases", "", 0),
        ("list", "ingresses", "", 0),
        ("list", "configmaps", "releases", 2),
    ] {
        let face = standing();
        let served = with_alerts(&face, &json!([]));
        deny(&face, verb, resource);
        let (found, status) = asked(&served);
        assert_eq!(found, code, "{resource}: {status}");
        let mut unknown: Vec<&str> = status["unknown"].as_object().unwrap().keys().map(String::as_str).collect();
        // What is compared with a release is not known without one.
        unknown.retain(|one| resource != "configmaps" || *one != "drift");
        assert_eq!(unknown, if part.is_empty() { vec![] } else { vec![part] }, "{resource}: {status}");
        assert!(status["workloads"].as_array().unwrap().len() > 10 && status["alerts"].is_array(), "{status}");
        if resource == "ingresses" {
            assert!(status["drift"]["unknown"]["Ingress"].as_str().unwrap().contains("403"), "{status}");
        }
    }
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let (code, status) = asked(&served);
    assert_eq!(code, 0);
    let why = status["unknown"]["alerts"].as_str().unwrap();
    assert!(why.starts_with("alertmanager-") && why.contains("; prometheus-"), "{why}");
    assert!(why.contains("by a forwarded port: an error occurred forwarding 9090: connection refused"), "{why}");
    assert!(status["alerts"].is_null(), "{status}");
}

/// A server that answers every request with this JSON.
fn serving(answer: &Value) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, answer) = (listener.local_addr().unwrap(), answer.to_string());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
            assert!(request.by_ref().map(Result::unwrap).any(|line| line.is_empty()));
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len()).unwrap();
        }
    });
    address
}

#[test]
fn where_the_proxy_does_not_lead_to_alerts_a_forwarded_port_does() {
    let face = standing();
    let served = Served::new(&face, "k3d-x", "keyboss");
    let pod = |name: &str| page_of(&face, name, "").rsplit('/').next().unwrap().trim_end_matches(':').to_owned();
    let first = |status: &Value| status["alerts"][0]["name"].as_str().map(str::to_owned);
    // Prometheus, which tells those that wait for their time too; then Alertmanager, which is asked first.
    let mut of_prometheus = alert("OfPrometheus", "warning", "slow");
    of_prometheus["state"] = json!("firing");
    let mut pending = alert("APending", "critical", "slow");
    pending["state"] = json!("pending");
    let answer = json!({"status": "success", "data": {"alerts": [pending, of_prometheus]}});
    served.ports.lead(&pod("prometheus"), 9090, serving(&answer));
    let (code, status) = asked(&served);
    assert_eq!((code, first(&status).as_deref()), (0, Some("OfPrometheus")), "{status}");
    served.ports.lead(&pod("alertmanager"), 9093, serving(&json!([alert("OfAlertmanager", "warning", "slow")])));
    let (_, status) = asked(&served);
    assert_eq!(first(&status).as_deref(), Some("OfAlertmanager"), "{status}");
}

/// The program while it watches. It ends with this.
struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn start(served: &Served, arguments: &[&str]) -> Self {
        let arguments = [&STATUS[..], &["--watch", "--interval", "1"], arguments].concat();
        let mut child = served.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    /// Ends it as Ctrl-C does: its exit code.
    fn interrupt(&mut self) -> Option<i32> {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_changes_is_told_again_until_it_is_interrupted() {
    let face = standing();
    let served = with_alerts(&face, &json!([]));
    let replicas = |count: u8| edited::<Deployment>(&face, "saleor-dashboard", &json!({"spec": {"replicas": count}}));
    let mut told = Watching::start(&served, &["--output", "json"]);
    let mut next = || serde_json::from_str::<Value>(&told.line()).unwrap();
    assert_eq!(next()["drift"]["objects"], json!([]));
    replicas(3);
    let second = next();
    assert_described("status", &second);
    assert_eq!(second["drift"]["objects"][0]["object"], "Deployment saleor-dashboard");
    assert_eq!(told.interrupt(), Some(0));

    let mut told = Watching::start(&served, &[]);
    let mut block = || {
        let block: Vec<String> = std::iter::repeat_with(|| told.line()).take_while(|line| !line.is_empty()).collect();
        assert!(block[0].ends_with(" UTC") && block[1].starts_with("namespace keyboss: wrong: "), "{block:?}");
        block.join("\n")
    };
    let first = block();
    assert!(first.contains("Deployment saleor-dashboard was changed by kubectl-edit"), "{first}");
    edited::<ConfigMap>(&face, "keyboss-config", &json!({"data": {"PUBLIC_URL": "http://hand.example"}}));
    let second = block();
    assert!(second.contains("ConfigMap keyboss-config was changed by kubectl-edit"), "{second}");
    assert_eq!(told.interrupt(), Some(0));

    let (code, _, error) = served.told(&[&STATUS[..], &["--interval", "1"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("--watch"), "{error}");
}
