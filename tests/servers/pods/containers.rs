//! Containers: the manifests' own, in namespaces of this machine.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::World;
use super::commands::{array, command, run_any, text};

impl World {
    /// The manifest's own command.
    pub(super) fn command(&self, pod: &str) -> Vec<String> {
        array(&self.spec(pod)["containers"][0]["command"]).iter().map(|word| text(word).to_owned()).collect()
    }

    pub(super) fn spawn(&self, name: &str) -> Child {
        self.spawn_as(name, &self.command(name))
    }

    pub(super) fn spawn_as(&self, name: &str, arguments: &[String]) -> Child {
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
            .args(["--pdeathsig", "KILL", "nsenter", "--net", "--mount", "--target", &self.sandbox(name).to_string()])
            .args(["unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers/container"))
            .args([folder.join("root"), self.dir.path().join("hosts")])
            .arg(mounts.join("\n"))
            .args(arguments);
        self.environment(name, &mut command);
        command.stdin(Stdio::null()).stderr(log.try_clone().unwrap()).stdout(log);
        command.spawn().expect("setpriv, nsenter and unshare are installed")
    }

    pub(super) fn environment(&self, pod: &str, command: &mut Command) {
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
    pub(super) fn process(&self, pod: &str) -> Option<String> {
        let mut id = self.pods[pod].container.as_ref()?.id().to_string();
        // `unshare` forks process 1; nsenter and setpriv became it.
        id = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?.trim().to_owned();
        (!id.is_empty()).then_some(id)
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

    /// Sends a signal to every process of a container: with STOP it hangs, as a node does that hangs.
    pub fn signal_all(&self, pod: &str, signal: &str) {
        let mut reached = BTreeSet::new();
        loop {
            // Until there are no more: a process that is not stopped yet may have forked.
            let more: Vec<String> = self.processes(pod).difference(&reached).cloned().collect();
            if more.is_empty() {
                return;
            }
            let mut arguments = vec!["kill", "-s", signal];
            arguments.extend(more.iter().map(String::as_str));
            run_any(command(&arguments));
            reached.extend(more);
        }
    }

    /// All processes in a container's namespace, by their ids on this machine.
    fn processes(&self, pod: &str) -> BTreeSet<String> {
        let namespace = |id: &str| fs::read_link(format!("/proc/{id}/ns/pid")).ok();
        let Some(own) = self.process(pod).and_then(|first| namespace(&first)) else { return BTreeSet::new() };
        let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        all.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && namespace(id).as_ref() == Some(&own)).collect()
    }
}
