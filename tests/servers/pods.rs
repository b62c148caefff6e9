//! Pods without Kubernetes: the rendered manifests' own containers, in namespaces of this machine.
//!
//! Each pod has a network of its own on a common bridge, and keeps it, its volumes and its name while its
//! container comes and goes. Environment, mounts, command, probes and user are the manifest's, so what is
//! tested is what is deployed. Everything ends with the test, by the process ids it started.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::failover::api::{Api, Shared};

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
    address: String,
    veth: String,
    sandbox: Child,
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
        let mut network = hold(&["--net"]);
        run(inside(&mut network, &["ip", "link", "add", "br0", "type", "bridge"]));
        run(inside(&mut network, &["ip", "link", "set", "br0", "up"]));
        let config = [
            ("POSTGRES_HOST", "postgres-0.postgres"),
            ("REDIS_MASTER", "redis-0.redis"),
            ("POSTGRES_PASSWORD", "shop-secret"),
            ("REPLICATION_PASSWORD", "replication-secret"),
            ("WATCHDOG_PASSWORD", "watchdog-secret"),
        ];
        let config = config.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let (pods, api, watchdogs) = (BTreeMap::new(), None, BTreeMap::new());
        let mut world = World { dir, network, objects, pods, config, restarts: true, api, watchdogs };
        for set in sets {
            let replicas = world.object("StatefulSet", set)["spec"]["replicas"].as_u64().unwrap();
            (0..replicas).for_each(|ordinal| world.add(format!("{set}-{ordinal}"), set));
        }
        world
    }

    /// Adds an API server that knows these pods, and room for watchdogs and a client.
    pub fn serve_api(&mut self) {
        ["api", "client", "watchdog-0", "watchdog-1"].iter().for_each(|name| self.add((*name).to_owned(), ""));
        let address = format!("{}:6443", self.pods["api"].address).parse().unwrap();
        let api = Api::serve(self.sandbox("api"), address, self.dir.path(), &self.objects);
        self.api = Some(Shared::new(api));
    }

    /// The API server.
    pub fn api(&self) -> &Shared {
        self.api.as_ref().expect("serve_api was called")
    }

    /// A process in the network of a pod.
    pub fn sandbox(&self, pod: &str) -> u32 {
        self.pods[pod].sandbox.id()
    }

    /// The pods of a StatefulSet, with their addresses.
    pub fn addresses(&self, set: &str) -> Vec<(String, String)> {
        let of = self.pods.iter().filter(|(_, pod)| pod.set == set);
        of.map(|(name, pod)| (name.clone(), pod.address.clone())).collect()
    }

    /// Adds a pod to the network; one of no StatefulSet has no container.
    pub fn add(&mut self, name: String, set: &str) {
        let address = format!("10.9.0.{}", 2 + self.pods.len());
        let mut hosts = fs::File::options().create(true).append(true).open(self.dir.path().join("hosts")).unwrap();
        if self.pods.is_empty() {
            writeln!(hosts, "127.0.0.1 localhost").unwrap();
        }
        writeln!(hosts, "{address} {name}.{set} {name}").unwrap();
        let mut sandbox = hold(&["--net"]);
        let veth = format!("veth{}", self.pods.len());
        let id = sandbox.id().to_string();
        let network = &mut self.network;
        run(inside(network, &["ip", "link", "add", &veth, "type", "veth", "peer", "name", "eth0", "netns", &id]));
        run(inside(network, &["ip", "link", "set", &veth, "master", "br0", "up"]));
        run(inside(&mut sandbox, &["ip", "addr", "add", &format!("{address}/24"), "dev", "eth0"]));
        run(inside(&mut sandbox, &["ip", "link", "set", "eth0", "up"]));
        run(inside(&mut sandbox, &["ip", "link", "set", "lo", "up"]));
        fs::create_dir_all(self.dir.path().join(&name).join("root")).unwrap();
        self.pods.insert(name, Pod { set: set.to_owned(), address, veth, sandbox, container: None, wanted: false });
    }

    /// Runs `keyboss watchdog` in a pod of its own.
    pub fn start_watchdog(&mut self, name: &str, arguments: &[&str]) {
        let folder = self.dir.path().join(name);
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "nsenter", "--net", "--target", &self.sandbox(name).to_string()])
            .args(["unshare", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\""])
            .arg(self.dir.path().join("hosts"))
            .args([
                env!("CARGO_BIN_EXE_keyboss"),
                "watchdog",
                "--namespace",
                "keyboss",
                "--identity",
                name,
                "--kubeconfig",
            ])
            .arg(self.api().kubeconfig())
            .args(arguments)
            .env("WATCHDOG_PASSWORD", &self.config["WATCHDOG_PASSWORD"])
            .stdin(Stdio::null())
            .stderr(log.try_clone().unwrap())
            .stdout(log);
        self.watchdogs.insert(name.to_owned(), command.spawn().expect("setpriv, nsenter and unshare are installed"));
    }

    /// Sends a signal to a watchdog; one that ends by it is waited for.
    pub fn signal_watchdog(&mut self, name: &str, signal: &str) {
        run(command(&["kill", "-s", signal, &self.watchdogs[name].id().to_string()]));
        if ["KILL", "TERM"].contains(&signal) {
            self.watchdogs.remove(name).unwrap().wait().unwrap();
        }
    }

    /// Sends a signal to every process of a container: it hangs, as a node does that hangs.
    pub fn signal_all(&self, pod: &str, signal: &str) {
        let Some(first) = self.process(pod) else { return };
        let mut all = vec![first];
        let mut next = 0;
        while let Some(id) = all.get(next) {
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            all.extend(children.split_whitespace().map(str::to_owned));
            next += 1;
        }
        let mut arguments = vec!["kill", "-s", signal];
        arguments.extend(all.iter().map(String::as_str));
        run_any(command(&arguments));
    }

    /// Drops every packet between a pod and all others, or lets them through again.
    pub fn isolate(&mut self, pod: &str, isolated: bool) {
        let (veth, state) = (self.pods[pod].veth.clone(), if isolated { "down" } else { "up" });
        run(inside(&mut self.network, &["ip", "link", "set", &veth, state]));
    }

    /// Drops every packet between two pods, or lets them through again: they believe each other to be where nobody is.
    pub fn cut(&mut self, one: &str, other: &str, is_cut: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let address = self.pods[to].address.clone();
            let sandbox = &mut self.pods.get_mut(from).unwrap().sandbox;
            let wrong =
                ["ip", "neigh", "replace", &address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "permanent"];
            match is_cut {
                true => run(inside(sandbox, &wrong)),
                false => run(inside(sandbox, &["ip", "neigh", "del", &address, "dev", "eth0"])),
            }
        }
    }

    /// Renders again with other settings; containers started from now on have them.
    pub fn set(&mut self, settings: &[&str]) {
        self.objects = render(settings);
    }

    /// Leaves a container running and forgets it, as a deletion by force does.
    pub fn abandon(&mut self, pod: &str) -> Child {
        self.pods.get_mut(pod).unwrap().container.take().unwrap()
    }

    /// One rendered object.
    pub fn object(&self, kind: &str, name: &str) -> &Value {
        let found = self.objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("{kind} {name} is not rendered"))
    }

    fn spec(&self, pod: &str) -> &Value {
        &self.object("StatefulSet", &self.pods[pod].set)["spec"]["template"]["spec"]
    }

    /// The folder behind a volume of a pod; `data` is its claim.
    pub fn volume(&self, pod: &str, volume: &str) -> PathBuf {
        self.dir.path().join(pod).join(volume)
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
    fn tell(&self, pod: &str, what: impl Fn(&Api, &str, &str)) {
        if let Some(api) = &self.api {
            what(api, pod, &self.pods[pod].set);
        }
    }

    fn spawn(&self, name: &str) -> Child {
        let spec = self.spec(name);
        let container = &spec["containers"][0];
        let mut mounts = Vec::new();
        for mount in array(&container["volumeMounts"]) {
            let volume = text(&mount["name"]);
            let source = array(&spec["volumes"]).iter().find(|each| each["name"] == volume);
            let folder = match source.and_then(|source| source["hostPath"]["path"].as_str()) {
                Some(path) => path.into(),
                None => self.volume(name, volume),
            };
            if !folder.exists() {
                fs::create_dir_all(&folder).unwrap();
                fs::set_permissions(&folder, fs::Permissions::from_mode(0o2775)).unwrap();
                chown(&folder, Some(0), Some(999)).unwrap(); // as fsGroup leaves it
            }
            if let Some(map) = source.and_then(|source| source["configMap"]["name"].as_str()) {
                for (file, content) in self.object("ConfigMap", map)["data"].as_object().unwrap() {
                    fs::write(folder.join(file), text(content)).unwrap();
                }
            }
            mounts.push(format!("{} {}", folder.display(), text(&mount["mountPath"])));
        }
        let folder = self.dir.path().join(name);
        let log = fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "nsenter", "--net", "--target", &self.pods[name].sandbox.id().to_string()])
            .args(["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/container"))
            .args([folder.join("root"), self.dir.path().join("hosts")])
            .arg(mounts.join("\n"))
            .args(array(&container["command"]).iter().map(text));
        self.environment(name, &mut command);
        command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        command.spawn().expect("setpriv, nsenter and unshare are installed")
    }

    fn environment(&self, pod: &str, command: &mut Command) {
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        for variable in array(&self.spec(pod)["containers"][0]["env"]) {
            let from = &variable["valueFrom"];
            let reference = [&from["configMapKeyRef"]["key"], &from["secretKeyRef"]["key"]];
            let value = match reference.iter().find_map(|key| key.as_str()) {
                Some(key) => {
                    let served = self.api.as_ref().and_then(|api| api.config(key));
                    served.unwrap_or_else(|| self.config[key].clone())
                }
                None if from["fieldRef"]["fieldPath"] == "metadata.name" => pod.to_owned(),
                None => text(&variable["value"]).to_owned(),
            };
            command.env(text(&variable["name"]), value);
        }
    }

    /// Process 1 of a running container, by its id on this machine.
    fn process(&self, pod: &str) -> Option<String> {
        let mut id = self.pods[pod].container.as_ref()?.id().to_string();
        // `unshare` forks process 1; nsenter and setpriv became it.
        id = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?.trim().to_owned();
        (!id.is_empty()).then_some(id)
    }

    /// Deletes a pod gracefully: its preStop hook, SIGTERM, and within its grace period it has to be gone.
    /// Its claim stays, its other volumes go.
    pub fn delete(&mut self, pods: &[&str]) {
        for name in pods {
            self.pods.get_mut(*name).unwrap().wanted = false;
            self.tell(name, |api, pod, _| api.leaving(pod));
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
            let Some(container) = pod.container.as_mut() else { continue };
            while container.try_wait().unwrap().is_none() {
                assert!(Instant::now() < end, "{name} outlives its grace period");
                sleep(Duration::from_millis(50));
            }
            pod.container = None;
            self.tell(name, |api, pod, _| api.gone(pod));
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

    /// Sends a signal to process 1 of a container.
    pub fn signal(&self, pod: &str, signal: &str) {
        if let Some(id) = self.process(pod) {
            run_any(command(&["kill", "-s", signal, &id]));
        }
    }

    /// Runs a command in a running container, as `kubectl exec` does.
    pub fn exec(&self, pod: &str, arguments: &[&str]) -> Output {
        let Some(id) = self.process(pod) else { return run_any(command(&["false"])) };
        let mut command = Command::new("nsenter");
        self.environment(pod, &mut command);
        command
            .args(["--target", &id, "--mount", "--pid", "--net", "--ipc", "--root", "--wd=/"])
            .args(["setpriv", "--reuid", "999", "--regid", "999", "--clear-groups"])
            .args(arguments);
        run_any(command)
    }

    /// The same, for its output; empty when it fails.
    pub fn ask(&self, pod: &str, arguments: &[&str]) -> String {
        let output = self.exec(pod, arguments);
        if output.status.success() { String::from_utf8_lossy(&output.stdout).trim().to_owned() } else { String::new() }
    }

    /// Whether a container passes one of its probes now.
    pub fn passes(&self, pod: &str, probe: &str) -> bool {
        let command = &self.spec(pod)["containers"][0][probe]["exec"]["command"];
        let command: Vec<&str> = array(command).iter().map(text).collect();
        self.exec(pod, &command).status.success()
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
            let ended = pod.container.as_mut().is_some_and(|container| container.try_wait().unwrap().is_some());
            if ended && pod.wanted && self.restarts {
                self.tell(&name, Api::ended);
                let container = self.spawn(&name);
                self.pods.get_mut(&name).unwrap().container = Some(container);
                self.tell(&name, Api::started);
            } else if ended {
                pod.container = None;
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
        for holder in self.pods.values_mut().map(|pod| &mut pod.sandbox).chain([&mut self.network]) {
            let _ = holder.kill();
            let _ = holder.wait();
        }
    }
}

/// A process that keeps a namespace alive, and ends when this test does: its input ends then.
fn hold(namespaces: &[&str]) -> Child {
    let mut command = Command::new("unshare");
    command.args(namespaces).arg("sh").args(["-c", "echo; exec cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("unshare is installed");
    let mut line = [0];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).expect("root may make namespaces");
    child
}

fn inside(holder: &mut Child, arguments: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--target", &holder.id().to_string()]).args(arguments);
    command
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]);
    command
}

fn run_any(mut command: Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn run(command: Command) {
    let words = format!("{command:?}");
    let output = run_any(command);
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}

fn render(settings: &[&str]) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyboss"));
    command.args(["render", "--local"]);
    for setting in settings {
        command.args(["--set", setting]);
    }
    let output = run_any(command);
    assert!(output.status.success(), "keyboss render: {}", String::from_utf8_lossy(&output.stderr));
    let documents = serde_yaml::Deserializer::from_slice(&output.stdout);
    documents.map(|document| Value::deserialize(document).expect("YAML")).collect()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
