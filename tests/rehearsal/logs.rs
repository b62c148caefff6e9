//! `keyboss logs` as a user runs it, against a cluster that lives in real time.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use keyboss::rehearsal::ailments::{Ailment, Ailments};
use keyboss::rehearsal::controllers::Controllers;
use keyboss::rehearsal::face::Face;
use keyboss::rehearsal::faults::{Fault, Rule};
use keyboss::rehearsal::kinds::Kind;
use keyboss::rehearsal::rights::Denial;
use keyboss::rehearsal::store::Key;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use tokio::runtime::Builder;

use crate::relay::Relay;
use crate::served::Served;
use crate::stage::{deployed, face, prepared, runtime};

/// How long anything may take to be told.
const LIMIT: Duration = Duration::from_secs(20);

/// A shop that lives.
pub struct Living {
    pub face: Face,
    pub served: Served,
}

impl Living {
    pub fn new(ailments: Ailments) -> Self {
        let face = face();
        runtime().block_on(async {
            let _controllers = Controllers::start(&face);
            deployed(prepared(&face, "local", "k3d-x").await).await;
        });
        let face = face.fork();
        let lives = face.clone();
        thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let _controllers = Controllers::with(&lives, ailments);
                std::future::pending::<()>().await;
            });
        });
        let served = Served::new(&face, "k3d-x", "keyboss");
        Self { face, served }
    }

    /// A cluster with nothing in it.
    pub fn bare() -> Self {
        let face = face();
        let served = Served::new(&face, "k3d-x", "keyboss");
        Self { face, served }
    }

    /// What is asked of the API server from inside the cluster.
    pub fn ask<T, F: Future<Output = T>>(&self, ask: impl FnOnce(kube::Client) -> F) -> T {
        let face = self.face.within();
        Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async { ask(face.client("keyboss")).await })
    }

    /// The pods of that name that run and are to stay, in order.
    pub fn pods(&self, name: &str) -> Vec<String> {
        let labels = ListParams::default().labels(&format!("app.kubernetes.io/name={name}"));
        let pods = self
            .ask(|client| async move { Api::<Pod>::namespaced(client, "keyboss").list(&labels).await.unwrap().items });
        let runs = |pod: &Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            pod.metadata.deletion_timestamp.is_none() && phase == Some("Running")
        };
        let mut names: Vec<String> = pods.into_iter().filter(runs).filter_map(|pod| pod.metadata.name).collect();
        names.sort();
        names
    }

    pub fn delete(&self, pod: &str) {
        self.ask(|client| async move {
            let pods: Api<Pod> = Api::namespaced(client, "keyboss");
            pods.delete(pod, &DeleteParams::default()).await.unwrap();
        });
    }

    /// A container writes a line.
    fn write(&self, pod: &str, container: &str, at: &str, text: &str) {
        let kind = Kind::named("v1", "Pod").unwrap();
        let key = Key { kind, namespace: "keyboss".to_owned(), name: pod.to_owned() };
        let at = format!("2026-01-01T00:0{at}Z").parse().unwrap();
        self.face.change(|server| {
            let pod = server.get(&key).unwrap();
            server.logs().write(&pod, container, at, text.to_owned());
        });
    }

    /// The program, followed.
    pub fn follow(&self, arguments: &[&str]) -> Followed {
        let mut command = self.served.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, notes) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Followed::new(child, out, notes)
    }
}

/// A program that goes on, and what it says.
pub struct Followed {
    child: Child,
    said: Receiver<String>,
    pub told: Vec<String>,
    /// What was not waited for yet: stdout and stderr come in any order.
    passed: Vec<String>,
}

impl Followed {
    fn new(child: Child, out: ChildStdout, notes: ChildStderr) -> Self {
        let (sender, said) = channel();
        let second = sender.clone();
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        thread::spawn(move || {
            BufReader::new(notes).lines().map_while(Result::ok).try_for_each(|line| second.send(line))
        });
        Self { child, said, told: Vec::new(), passed: Vec::new() }
    }

    /// Waits for it to say something that holds this; what it said.
    pub fn until(&mut self, words: &str) -> String {
        if let Some(at) = self.passed.iter().position(|line| line.contains(words)) {
            return self.passed.remove(at);
        }
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("no {words:?} in {:#?}", self.told));
            self.told.push(line.clone());
            if line.contains(words) {
                return line;
            }
            self.passed.push(line);
        }
    }

    /// Sends it a signal; its exit code.
    pub fn stop(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let id = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
        self.end()
    }

    /// Waits for its end; its exit code and all that it said.
    pub fn end(&mut self) -> (Option<i32>, Vec<String>) {
        let deadline = Instant::now() + LIMIT;
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None => assert!(Instant::now() < deadline, "it goes on: {:#?}", self.told),
            }
            thread::sleep(Duration::from_millis(20));
        };
        while let Ok(line) = self.said.recv_timeout(LIMIT) {
            self.told.push(line);
        }
        (code, std::mem::take(&mut self.told))
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn short(pod: &str) -> String {
    let mut parts: Vec<&str> = pod.split('-').collect();
    parts.remove(parts.len() - 2);
    parts.join("-")
}

#[test]
fn the_lines_of_all_pods_stand_in_the_order_of_their_times() {
    let shop = Living::new(Ailments::default());
    let pods = shop.pods("saleor-api");
    let [one, two] = &pods[..] else { panic!("{pods:?}") };
    shop.write(one, "saleor-api", "0:10", "first");
    shop.write(one, "saleor-api", "0:30", "third");
    shop.write(two, "saleor-api", "0:20", "second");
    shop.write(two, "files", "0:40", "fourth");
    let [a, b, files] =
        [format!("{}/saleor-api", short(one)), format!("{}/saleor-api", short(two)), format!("{}/files", short(two))];
    let logs = |more: &[&str]| shop.served.told(&[&["logs", "saleor-api", "--local"], more].concat());
    for (arguments, expected) in [
        (&[][..], format!("{a} | first\n{b} | second\n{a} | third\n{files} | fourth\n")),
        (&["--tail", "1"], format!("{b} | second\n{a} | third\n{files} | fourth\n")),
        (&["--tail", "0"], String::new()),
        (&["-c", "files"], format!("{files} | fourth\n")),
        (&["--since", "1h", "-c", "files"], format!("{files} | fourth\n")),
    ] {
        assert_eq!(logs(arguments), (0, expected, String::new()), "{arguments:?}");
    }
    let refused = |arguments: &[&str], words: &[&str]| {
        let (code, told, error) = shop.served.told(&[&["logs", "--local"], arguments].concat());
        assert_eq!((code, told.as_str()), (2, ""), "{error}");
        words.iter().for_each(|words| assert!(error.contains(words), "{words:?} is not in {error}"));
    };
    refused(
        &["saleor-app"],
        &["no pod saleor-app in namespace keyboss", "did you mean saleor-api?", "CronJob postgres-b"],
    );
    refused(
        &["saleor-api", "-c", "file"],
        &["no pod of Deployment saleor-api has a container file", "saleor-api, files"],
    );
    refused(&["saleor-api", "--follow", "-c", "file"], &["has a container file: saleor-api-", "saleor-api, files"]);
    refused(&["saleor-api", "--previous"], &["no container of Deployment saleor-api has been started again"]);
    refused(&["saleor-api", "--previous", "--follow"], &["cannot be used with"]);

    // A pod by its own name.
    let (code, told, _) = shop.served.told(&["logs", one, "--local"]);
    assert_eq!((code, told), (0, format!("{a} | first\n{a} | third\n")));
    shop.face.rights().deny(Denial { verb: "get".to_owned(), resource: "pods/log".to_owned() });
    refused(&["saleor-api"], &["you may not get pods/log in namespace keyboss: ask for that"]);
}

#[test]
fn no_secret_of_the_shop_is_shown() {
    let shop = Living::new(Ailments::default());
    let password = shop.ask(|client| async move {
        let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(client, "keyboss");
        let data = secrets.get("keyboss-secrets").await.unwrap().data.unwrap();
        String::from_utf8(data["POSTGRES_PASSWORD"].0.clone()).unwrap()
    });
    shop.write("postgres-0", "postgres", "0:10", &format!("connecting with {password}\u{1b}[2J and TOKEN-OF-MINE"));
    let logs = ["logs", "postgres", "--local"];
    let output = shop.served.command(&logs).env("KEYBOSS_SECRET_MINE", "TOKEN-OF-MINE").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told, "postgres-0 | connecting with [redacted] and [redacted]\n");
    shop.face.rights().deny(Denial { verb: "get".to_owned(), resource: "secrets".to_owned() });
    let (code, _, error) = shop.served.told(&logs);
    assert!(
        code == 0 && error.contains("you may not read the shop's Secrets, so their values are not masked"),
        "{error}"
    );
}

#[test]
fn what_waits_is_told_and_what_crashed_has_a_previous_log() {
    let mut ailments = Ailments::default();
    ailments.add(Ailment::Image, "saleor-dashboard");
    ailments.add(Ailment::Crash, "celery-beat");
    let shop = Living::new(ailments);
    shop.delete(&shop.pods("saleor-dashboard")[0]);
    shop.delete(&shop.pods("celery-beat")[0]);
    let mut follows = shop.follow(&["logs", "saleor-dashboard", "-f", "--local"]);
    follows.until("waits: ErrImagePull: rpc error: code = NotFound");
    follows.until("waits: ImagePullBackOff: Back-off pulling image");
    assert_eq!(follows.stop("-INT").0, Some(0));
    let (code, _, error) = shop.served.told(&["logs", "saleor-dashboard", "--local"]);
    assert!(code == 0 && error.contains("keyboss: saleor-dashboard-") && error.contains("waits: "), "{error}");

    let mut follows = shop.follow(&["logs", "celery-beat", "-f", "--local"]);
    for _ in 0..2 {
        follows.until("| exits with 1, as ordered (--fail)");
        follows.until("ended with exit code 1");
    }
    let (code, told) = follows.stop("-TERM");
    assert_eq!(code, Some(0));
    let lines = told.iter().filter(|line| line.contains("exits with 1"));
    assert_eq!(lines.count(), 2, "{told:#?}");
    let (code, told, error) = shop.served.told(&["logs", "celery-beat", "--previous", "--local"]);
    let expected = "exits with 1, as ordered (--fail)\n";
    assert!(code == 0 && told.ends_with(expected) && told.lines().count() == 1, "{code} {told}{error}");
}

#[test]
fn a_rollout_is_followed_to_its_new_pods() {
    let shop = Living::new(Ailments::default());
    let before = shop.pods("celery-worker");
    shop.write(&before[0], "celery-worker", "0:10", "old one");
    let mut follows = shop.follow(&["logs", "celery-worker", "-f", "--local"]);
    assert_eq!(follows.until("old one"), format!("{} | old one", short(&before[0])));
    shop.ask(|client| async move {
        let deployments: Api<Deployment> = Api::namespaced(client, "keyboss");
        let fields = json!({"spec": {"template": {"metadata": {"annotations": {"again": "1"}}}}});
        deployments.patch("celery-worker", &PatchParams::default(), &Patch::Merge(&fields)).await.unwrap();
    });
    follows.until("is new");
    follows.until("is gone");
    let after = {
        let deadline = Instant::now() + LIMIT;
        loop {
            let after = shop.pods("celery-worker");
            if after.len() == before.len() && after.iter().all(|pod| !before.contains(pod)) {
                break after;
            }
            assert!(Instant::now() < deadline, "{after:?}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    for pod in &after {
        shop.write(pod, "celery-worker", "5:00", "new one");
        assert_eq!(follows.until("new one"), format!("{} | new one", short(pod)));
    }
    assert_eq!(follows.stop("-INT").0, Some(0));
}

#[test]
fn wherever_a_connection_breaks_each_line_is_shown_once() {
    let shop = Living::new(Ailments::default());
    let lines = 12;
    let write = |number: usize| {
        // Two of each second, the second of them twice.
        let text = format!("line {}", number / 3);
        shop.write("redis-0", "redis", &format!("1:{:02}.{}", 10 + number / 4, number % 3), &text);
    };
    for torn in [Fault::Torn, Fault::Reset, Fault::Refused(503), Fault::Refused(500)] {
        shop.face.faults().clear();
        let about = |at| Rule { verb: "get".into(), resource: "pods/log".into(), fault: torn, at: Some(at) };
        [1, 2, 4].into_iter().for_each(|at| shop.face.faults().add(about(at)));
        if torn == Fault::Torn {
            (0..lines / 2).for_each(write);
        }
        let mut follows = shop.follow(&["logs", "redis-0", "-f", "--local"]);
        if torn == Fault::Torn {
            follows.until("line 1");
            (lines / 2..lines).for_each(write);
        }
        (0..3).for_each(|_| drop(follows.until(&format!("line {}", (lines - 1) / 3))));
        // Whatever would come twice has time to.
        thread::sleep(Duration::from_millis(1500));
        let (code, told) = follows.stop("-INT");
        let expected: Vec<String> = (0..lines).map(|number| format!("redis-0 | line {}", number / 3)).collect();
        assert_eq!((code, lines_of(told)), (Some(0), expected), "{torn:?}");
    }
}

#[test]
fn a_network_that_breaks_again_and_again_neither_loses_nor_repeats_a_line() {
    let shop = Living::new(Ailments::default());
    let relay = Relay::to(shop.served.address);
    let cutting = Living { served: Served::at(relay.address, "k3d-x", "keyboss"), face: shop.face.clone() };
    shop.write("redis-0", "redis", "1:00", "line 0");
    let mut follows = cutting.follow(&["logs", "redis", "-f", "--tail", "1", "--local"]);
    follows.until("line 0");
    let mut cut = 0;
    for number in 1..=400 {
        shop.write(
            "redis-0",
            "redis",
            &format!("1:{:02}.{:03}", 1 + number / 100, number % 100),
            &format!("line {number}"),
        );
        if number % 80 == 0 {
            cut += relay.cut();
        }
        thread::sleep(Duration::from_millis(8));
    }
    follows.until("line 400");
    let (code, told) = follows.stop("-INT");
    let expected: Vec<String> = (0..=400).map(|number| format!("redis-0 | line {number}")).collect();
    assert_eq!((code, lines_of(told)), (Some(0), expected));
    assert!(cut >= 10, "{cut}");
}

/// Without what the HTTP client logs of broken connections.
fn lines_of(told: Vec<String>) -> Vec<String> {
    told.into_iter().filter(|line| line.contains(" | ")).collect()
}

#[test]
fn a_job_that_has_ended_is_not_followed_for_ever_and_a_closed_pipe_ends_it() {
    let shop = Living::new(Ailments::default());
    let (code, told) = shop.follow(&["logs", "migrate", "--follow", "--local"]).end();
    assert_eq!(code, Some(0), "{told:#?}");

    shop.write("postgres-0", "postgres", "1:00", "read by head");
    let mut command = shop.served.command(&["logs", "postgres", "-f", "--local"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "postgres-0 | read by head\n");
    drop(out);
    shop.write("postgres-0", "postgres", "1:01", "read by nobody");
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => assert!(Instant::now() < deadline),
        }
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}
