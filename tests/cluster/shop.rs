//! A shop in a namespace of its own, deployed by the program under test.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

use crate::kubectl::{Namespace, eventually, kubeconfig};
use crate::schema::assert_described;

/// One run of keyboss.
pub struct Run {
    pub code: Option<i32>,
    pub events: Vec<Value>,
    pub stderr: String,
}

/// A line, which has to be as the schema says.
fn event(line: &str) -> Value {
    let event = serde_json::from_str(line).expect(line);
    assert_described("line", &event);
    event
}

impl Run {
    /// The events of one kind.
    pub fn of(&self, kind: &str) -> Vec<&Value> {
        self.events.iter().filter(|event| event["event"] == kind).collect()
    }

    /// The only diagnosis.
    pub fn diagnosis(&self) -> &Value {
        let all = self.of("diagnosis");
        assert_eq!(all.len(), 1, "{}", self.text());
        all[0]
    }

    /// What failed, why and where, as the only diagnosis has it.
    pub fn failure(&self) -> [&Value; 4] {
        ["object", "reason", "container", "image"].map(|field| &self.diagnosis()[field])
    }

    /// How one phase ended.
    pub fn phase(&self, name: &str) -> &Value {
        let finished = self.of("deploy-finished");
        let phases = finished.iter().filter_map(|event| event["phases"].as_array()).flatten();
        phases.into_iter().find(|phase| phase["phase"] == name).unwrap_or_else(|| panic!("{name}: {}", self.text()))
    }

    /// The objects that were created or changed.
    pub fn written(&self) -> Vec<&str> {
        let applied = self.of("applied").into_iter();
        applied.filter(|event| event["change"] != "unchanged").filter_map(|event| event["object"].as_str()).collect()
    }

    /// Everything it said.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.events.iter().map(Value::to_string).collect();
        format!("exit {:?}\n{}\n{}", self.code, lines.join("\n"), self.stderr)
    }

    /// Fails the test unless it succeeded, without telling each step of waiting: a log may be cut.
    pub fn succeeded(mut self) -> Self {
        if self.code != Some(0) {
            self.events.retain(|event| event["event"] != "waiting" && event["event"] != "heartbeat");
            panic!("{}", self.text());
        }
        self
    }
}

/// A shop.
pub struct Shop {
    pub namespace: Namespace,
    arguments: Vec<String>,
    secrets: Vec<(String, String)>,
}

impl Shop {
    /// The environment `local` in this namespace.
    pub fn local(namespace: &str) -> Self {
        let arguments = ["--local".to_owned(), format!("--set=namespace={namespace}")];
        Self { namespace: Namespace(namespace.to_owned()), arguments: arguments.into(), secrets: Vec::new() }
    }

    /// The same shop with other values (`--set`) and supplied secrets.
    pub fn with(mut self, settings: &[&str], secrets: &[(&str, &str)]) -> Self {
        self.arguments.extend(settings.iter().map(|setting| format!("--set={setting}")));
        self.secrets.extend(secrets.iter().map(|(key, value)| (format!("KEYBOSS_SECRET_{key}"), (*value).to_owned())));
        self
    }

    /// The shop that tests share: deployed once, and left as it was by each of them.
    pub fn shared() -> Self {
        let shop = Self::local("keyboss");
        shop.deploy(&[]).succeeded();
        shop.until_guarded();
        shop
    }

    /// Waits until the watchdog has recorded that the standby has every acknowledged commit.
    pub fn until_guarded(&self) {
        eventually(120, "a synchronous standby is recorded", || {
            (!self.recorded("POSTGRES_SYNCHRONOUS_STANDBY").is_empty()).then_some(())
        });
    }

    /// A value of `keyboss-config`.
    pub fn recorded(&self, key: &str) -> String {
        let config = self.namespace.get(&["configmap", "keyboss-config"]);
        config["data"][key].as_str().unwrap_or_default().to_owned()
    }

    /// The pod that a record names, and the other one.
    pub fn roles(&self, key: &str) -> (String, String) {
        let leads = self.recorded(key).split('.').next().unwrap_or_default().to_owned();
        let (set, ordinal) = leads.split_once('-').unwrap();
        let other = format!("{set}-{}", if ordinal == "0" { 1 } else { 0 });
        (leads, other)
    }

    /// Sees to it that this pod is PostgreSQL's primary: somebody has moved the shop from where a first deploy puts it.
    pub fn lead(&self, pod: &str) {
        self.until_guarded();
        if self.roles("POSTGRES_HOST").0 == pod {
            return;
        }
        let output = self.keyboss(&["failover", "postgres", "--yes"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(self.roles("POSTGRES_HOST").0, pod);
        self.until_guarded();
    }

    /// `keyboss deploy`, with more arguments.
    pub fn deploy(&self, more: &[&str]) -> Run {
        self.run(&["deploy"], more)
    }

    /// The same, rehearsed on a copy of the namespace.
    pub fn rehearse(&self, more: &[&str]) -> Run {
        self.run(&["rehearse", "--from-cluster"], more)
    }

    /// `keyboss rollback`.
    pub fn rollback(&self, more: &[&str]) -> Run {
        self.run(&["rollback"], more)
    }

    /// A command about this shop, to be run.
    pub fn keyboss(&self, command: &[&str]) -> Command {
        let mut keyboss = Command::new(env!("CARGO_BIN_EXE_keyboss"));
        keyboss.args(command).arg("--kubeconfig").arg(kubeconfig()).args(&self.arguments).env_remove("RUST_LOG");
        keyboss.envs(self.secrets.iter().map(|(key, value)| (key, value)));
        keyboss
    }

    /// The same, which says what happens as JSON.
    pub fn command(&self, command: &[&str], more: &[&str]) -> Command {
        let mut keyboss = self.keyboss(command);
        keyboss.args(["--output", "json"]).args(more);
        keyboss
    }

    fn run(&self, command: &[&str], more: &[&str]) -> Run {
        let output = self.command(command, more).output().unwrap();
        let lines = String::from_utf8(output.stdout).unwrap();
        Run {
            code: output.status.code(),
            events: lines.lines().map(event).collect(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asks the shop's API by its Service; nothing where there is no answer.
    pub fn graphql(&self, query: &str) -> Option<Value> {
        let address = self.namespace.get(&["service", "saleor-api"])["spec"]["clusterIP"].as_str().unwrap().to_owned();
        let output = Command::new("curl")
            .args(["-sS", "-m", "10", "-H", "Host: saleor-api", "-H", "Content-Type: application/json", "-d"])
            .arg(serde_json::json!({ "query": query }).to_string())
            .arg(format!("http://{address}:8000/graphql/"))
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
        answer.get("data").filter(|data| data.is_object()).cloned()
    }

    /// Creates a product by the API; two, if the first answer is lost.
    pub fn create_product(&self, name: &str) {
        let query = format!("mutation{{productCreate(input:{{name:\"{name}\"}}){{product{{name}}}}}}");
        eventually(60, "the API takes a product", || self.graphql(&query));
    }

    /// Waits for a product to be in a pod's database.
    pub fn product_arrives(&self, pod: &str, name: &str) {
        let sql = format!("select count(*) from product_product where name = '{name}'");
        eventually(60, &format!("product {name} in {pod}"), || {
            self.namespace.query(pod, &sql).filter(|count| count != "0")
        });
    }

    /// Every pod of a workload that is to stay: its UID and its containers' restarts.
    pub fn pods(&self) -> BTreeMap<String, (String, Vec<u64>)> {
        let stays =
            |pod: &Value| pod["status"]["phase"] != "Succeeded" && pod["metadata"]["deletionTimestamp"].is_null();
        let pods = self.namespace.items(&["pods"]).into_iter().filter(stays);
        pods.map(|pod| {
            let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
            let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
            let containers = pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
            (name, (uid, containers.iter().map(|container| container["restartCount"].as_u64().unwrap()).collect()))
        })
        .collect()
    }

    /// Every managed object, less what moves by itself.
    pub fn objects(&self) -> BTreeMap<String, Value> {
        let kinds = "configmap,secret,service,serviceaccount,persistentvolumeclaim,deployment,statefulset,job,cronjob,\
                     horizontalpodautoscaler,poddisruptionbudget,ingress,role,rolebinding";
        let items = self.namespace.items(&[kinds, "-l", "app.kubernetes.io/managed-by=keyboss"]);
        items
            .into_iter()
            .map(|mut item| {
                let name = format!("{} {}", item["kind"].as_str().unwrap(), item["metadata"]["name"].as_str().unwrap());
                let is_scaled = item["metadata"]["annotations"]["keyboss.io/initial"] == "/spec/replicas";
                let object = item.as_object_mut().unwrap();
                object.remove("status");
                if is_scaled {
                    object["spec"].as_object_mut().unwrap().remove("replicas");
                }
                let metadata = object["metadata"].as_object_mut().unwrap();
                metadata.remove("resourceVersion");
                metadata.remove("managedFields");
                // Controllers write their own notes beside ours.
                if let Some(notes) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                    notes.retain(|key, _| !key.starts_with("autoscaling.alpha.kubernetes.io/"));
                }
                (name, item)
            })
            .collect()
    }

    /// The names of the workloads whose pods are not those of before.
    pub fn replaced(&self, before: &BTreeMap<String, (String, Vec<u64>)>) -> Vec<String> {
        let now = self.pods();
        let gone = before.keys().filter(|name| now.get(*name).map(|pod| &pod.0) != Some(&before[*name].0));
        let mut workloads: Vec<String> = gone.map(|pod| workload(pod)).collect();
        workloads.sort();
        workloads.dedup();
        workloads
    }
}

/// "saleor-api" of "saleor-api-6d5f8c7b9-x2k4l", "postgres" of "postgres-0".
fn workload(pod: &str) -> String {
    let parts: Vec<&str> = pod.split('-').collect();
    let suffixes = if parts.last().unwrap().parse::<u32>().is_ok() { 1 } else { 2 };
    parts[..parts.len() - suffixes].join("-")
}
