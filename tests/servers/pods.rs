//! Pods without Kubernetes: the rendered manifests' own containers, in namespaces of this machine.
//!
//! Each pod has a network of its own on a common bridge, and keeps it, its volumes and its name while its
//! container comes and goes. Environment, mounts, command, probes and user are the manifest's, so what is
//! tested is what is deployed. Everything ends with the test, by the process ids it started.

mod commands;
mod containers;
mod network;
mod volumes;
mod watchdogs;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::failover::api::{Api, Place, Shared};
use commands::{array, render, run, text};
pub use commands::{hold, inside};
use network::Sandbox;

/// The password of the shop's PostgreSQL user.
pub const POSTGRES_PASSWORD: &str = "shop-secret";

/// Generous: the machine may be busy with other tests.
const LIMIT: Duration = Duration::from_secs(180);
/// A network with pods on it.
pub struct World {
    dir: TempDir,
    network: Child,
    objects: Vec<Value>,
    pods: BTreeMap<String, Pod>,
    /// What `keyboss-config` and `keyboss-secrets` hold: read at each container start.
    pub config: BTreeMap<String, String>,
    /// Whether a container that ended is started again, as a kubelet does.
    pub restarts: bool,
    api: Option<Shared>,
    watchdogs: BTreeMap<String, Child>,
}

struct Pod {
    set: String,
    sandbox: Sandbox,
    container: Option<Child>,
    wanted: bool,
}

impl World {
    /// Renders the environment `local` with `settings` (`--set`) and makes room for the pods of the
    /// StatefulSets `sets`. Nothing runs yet.
    pub fn new(sets: &[&str], settings: &[&str]) -> Self {
        Self::of(render(settings), sets)
    }

    /// The same, of other objects than the rendered ones.
    pub fn of(objects: Vec<Value>, sets: &[&str]) -> Self {
        // In memory: what is killed here is processes, never the machine.
        let dir = tempfile::Builder::new().prefix("keyboss-servers-").tempdir_in("/dev/shm").unwrap();
        let network = hold(&["--net"]);
        run(inside(&network, &["ip", "link", "add", "br0", "type", "bridge"]));
        run(inside(&network, &["ip", "link", "set", "br0", "up"]));
        let config = [
            ("POSTGRES_HOST", "postgres-0.postgres"),
            ("REDIS_MASTER", "redis-0.redis"),
            ("POSTGRES_PASSWORD", POSTGRES_PASSWORD),
            ("REPLICATION_PASSWORD", "replication-secret"),
            ("WATCHDOG_PASSWORD", "watchdog-secret"),
        ];
        let config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let (pods, api, watchdogs) = (BTreeMap::new(), None, BTreeMap::new());
        let mut world = World { dir, network, objects, pods, config, restarts: true, api, watchdogs };
        for set in sets {
            let replicas = world.object("StatefulSet", set)["spec"]["replicas"].as_u64().unwrap();
            (0..replicas).for_each(|ordinal| world.add(&format!("{set}-{ordinal}"), set));
        }
        world
    }

    /// Adds an API server that knows these pods, and room for watchdogs and a client.
    pub fn serve_api(&mut self) {
        ["api", "client", "watchdog-0", "watchdog-1"].iter().for_each(|name| self.add(name, ""));
        let address = format!("{}:6443", self.pods["api"].sandbox.address).parse().unwrap();
        let api = Api::serve(self.sandbox("api"), address, self.dir.path(), &self.objects);
        self.api = Some(Shared::new(api));
    }

    /// The API server.
    pub fn api(&self) -> &Shared {
        self.api.as_ref().expect("serve_api was called")
    }

    /// Renders again with other settings; containers started from now on have them.
    pub fn set(&mut self, settings: &[&str]) {
        self.objects = render(settings);
    }

    /// Leaves a container running and forgets it, as a deletion by force does.
    pub fn abandon(&mut self, pod: &str) -> Child {
        let container = self.pods.get_mut(pod).unwrap().container.take().unwrap();
        self.tell(pod, Api::gone);
        container
    }

    /// One rendered object.
    pub fn object(&self, kind: &str, name: &str) -> &Value {
        let found = self.objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} is not rendered"))
    }

    fn spec(&self, pod: &str) -> &Value {
        let name = &self.pods[pod].set;
        let has = |kind: &str| self.objects.iter().any(|one| one["kind"] == kind && one["metadata"]["name"] == **name);
        let template = if has("CronJob") {
            &self.object("CronJob", name)["spec"]["jobTemplate"]["spec"]["template"]
        } else {
            &self.object(if has("Deployment") { "Deployment" } else { "StatefulSet" }, name)["spec"]["template"]
        };
        &template["spec"]
    }

    /// The folder behind a volume of a pod; `data` is its claim, and pods may share one that they name.
    pub fn volume(&self, pod: &str, volume: &str) -> PathBuf {
        let volumes = if self.pods[pod].set.is_empty() { &Value::Null } else { &self.spec(pod)["volumes"] };
        let source = array(volumes).iter().find(|each| each["name"] == volume);
        match source.and_then(|source| source["persistentVolumeClaim"]["claimName"].as_str()) {
            Some(claim) => self.dir.path().join(claim).join("claim"),
            None => self.dir.path().join(pod).join(volume),
        }
    }

    /// Runs the pod of a CronJob's Job to its end: whether it succeeded. Its claims stay, its other volumes go.
    pub fn run_job(&mut self, pod: &str) -> bool {
        let command: Vec<String> = self.command(pod);
        self.run_job_as(pod, &command)
    }

    /// The same, with another command.
    pub fn run_job_as(&mut self, pod: &str, command: &[String]) -> bool {
        let succeeded = self.spawn_as(pod, command).wait().unwrap().success();
        for volume in array(&self.spec(pod)["volumes"]).iter().filter(|volume| !volume["emptyDir"].is_null()) {
            fs::remove_dir_all(self.volume(pod, text(&volume["name"]))).unwrap();
        }
        succeeded
    }

    /// Starts a pod's container, or several at the same time.
    pub fn start(&mut self, pods: &[&str]) {
        for name in pods {
            assert!(self.pods[*name].container.is_none(), "{name} runs already");
            let container = self.spawn(name);
            let pod = self.pods.get_mut(*name).unwrap();
            pod.container = Some(container);
            pod.wanted = true;
            self.tell(name, Api::started);
        }
    }

    /// Tells the API server what a kubelet would.
    fn tell(&self, name: &str, what: impl Fn(&Api, &Place<'_>)) {
        if let Some(api) = &self.api {
            let pod = &self.pods[name];
            what(api, &Place { pod: name, set: &pod.set, address: &pod.sandbox.address });
        }
    }

    /// Deletes a pod gracefully: its preStop hook, SIGTERM, and within its grace period it has to be gone.
    /// Its claim stays, its other volumes go.
    pub fn delete(&mut self, pods: &[&str]) {
        for name in pods {
            self.pods.get_mut(*name).unwrap().wanted = false;
            self.tell(name, Api::leaving);
            let hook = &self.spec(name)["containers"][0]["lifecycle"]["preStop"]["exec"]["command"];
            let hook: Vec<&str> = array(hook).iter().map(text).collect();
            if !hook.is_empty() {
                self.exec(name, &hook);
            }
            self.signal(name, "TERM");
        }
        for name in pods {
            let grace = Duration::from_secs(self.spec(name)["terminationGracePeriodSeconds"].as_u64().unwrap());
            let end = Instant::now() + grace;
            let pod = self.pods.get_mut(*name).unwrap();
            let Some(mut container) = pod.container.take() else {
                self.tell(name, Api::gone);
                continue;
            };
            while container.try_wait().unwrap().is_none() {
                assert!(Instant::now() < end, "{name} outlives its grace period");
                sleep(Duration::from_millis(50));
            }
            self.tell(name, Api::gone);
            for volume in array(&self.spec(name)["volumes"]) {
                fs::remove_dir_all(self.volume(name, text(&volume["name"]))).unwrap();
            }
        }
    }

    /// `kill -9` of whole containers. They stay away until [`World::start`].
    pub fn kill(&mut self, pods: &[&str]) {
        for name in pods {
            match self.process(name) {
                Some(_) => self.signal(name, "KILL"),
                // Not yet forked: what is to become process 1 ends with its parent.
                None => self.pods.get_mut(*name).unwrap().container.iter_mut().for_each(|child| child.kill().unwrap()),
            }
        }
        for name in pods {
            let pod = self.pods.get_mut(*name).unwrap();
            pod.wanted = false;
            if let Some(mut container) = pod.container.take() {
                container.wait().unwrap();
                self.tell(name, Api::ended);
            }
        }
    }

    /// Waits until a condition holds, restarting what ended as a kubelet does.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&World) -> bool) {
        let end = Instant::now() + LIMIT;
        while !holds(self) {
            assert!(Instant::now() < end, "after {LIMIT:?} still not: {what}\n{}", self.logs());
            self.tend();
            sleep(Duration::from_millis(200));
        }
    }

    fn tend(&mut self) {
        let names: Vec<String> = self.pods.keys().cloned().collect();
        for name in names {
            let pod = self.pods.get_mut(&name).unwrap();
            if pod.container.as_mut().is_none_or(|container| container.try_wait().unwrap().is_none()) {
                continue;
            }
            pod.container = None;
            let again = pod.wanted && self.restarts;
            self.tell(&name, Api::ended);
            if again {
                self.start(&[&name]);
            }
        }
    }

    /// Waits until pods are Ready.
    pub fn until_ready(&mut self, pods: &[&str]) {
        for pod in pods {
            self.until(&format!("{pod} Ready"), |world| world.passes(pod, "readinessProbe"));
        }
    }

    /// Waits until a pod has logged something.
    pub fn until_logged(&mut self, pod: &str, words: &str) {
        self.until(&format!("{pod} logs {words:?}"), |world| world.log(pod).contains(words));
    }

    /// All that a pod's containers have printed.
    pub fn log(&self, pod: &str) -> String {
        fs::read_to_string(self.dir.path().join(pod).join("log")).unwrap_or_default()
    }

    /// Forgets what a pod has printed.
    pub fn clear_log(&self, pod: &str) {
        fs::write(self.dir.path().join(pod).join("log"), "").unwrap();
    }

    fn logs(&self) -> String {
        let tail = |log: String| {
            log.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
        };
        self.pods.keys().map(|name| format!("--- {name}\n{}\n", tail(self.log(name)))).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        let names: Vec<String> = self.pods.keys().cloned().collect();
        self.kill(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for watchdog in self.watchdogs.values_mut() {
            let _ = watchdog.kill();
            let _ = watchdog.wait();
        }
        for holder in self.pods.values_mut().map(|pod| &mut pod.sandbox.holder).chain([&mut self.network]) {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}
