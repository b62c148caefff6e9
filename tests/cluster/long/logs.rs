//! `keyboss logs` and `keyboss open` on a real kubelet.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::kubectl::eventually;
use crate::shop::Shop;

/// A command that goes on, and the lines that it says on both of its outputs.
struct Going {
    child: Child,
    said: Receiver<String>,
    told: Vec<String>,
}

impl Going {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, said) = channel();
        let (out, notes, second) = (child.stdout.take().unwrap(), child.stderr.take().unwrap(), sender.clone());
        thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        thread::spawn(move || {
            BufReader::new(notes).lines().map_while(Result::ok).try_for_each(|line| second.send(line))
        });
        Self { child, said, told: Vec::new() }
    }

    /// Waits for a line, among those that it has said already too.
    fn until(&mut self, seconds: u64, what: &str, is: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            if let Some(line) = self.told.iter().find(|line| is(line)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.said.recv_timeout(left).unwrap_or_else(|_| panic!("{what}: {:#?}", self.told));
            self.told.push(line);
        }
    }

    /// Ctrl-C.
    fn stop(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command says, which ends well.
fn said(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

/// The HTTP status of a page, if it is answered.
fn status(url: &str) -> Option<String> {
    let output = Command::new("curl").args(["-s", "-m", "70", "-o", "/dev/null", "-w", "%{http_code}", url]).output();
    let output = output.unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
#[ignore = "needs a cluster"]
fn a_workload_is_read_and_followed_through_a_rollout() {
    let shop = Shop::shared();
    let read = said(shop.keyboss(&["logs", "saleor-api", "--tail", "20"]));
    assert!(!read.is_empty() && read.lines().all(|line| line.starts_with("saleor-api-")), "{read}");
    let one = said(shop.keyboss(&["logs", "postgres-0", "--tail", "3"]));
    assert!(one.lines().count() == 3 && one.lines().all(|line| line.starts_with("postgres-0 | ")), "{one}");
    let job = Going::start(shop.keyboss(&["logs", "migrate", "--follow"])).child.wait().unwrap();
    assert!(job.success(), "{job}");

    let mut follows = Going::start(shop.keyboss(&["logs", "saleor-api", "-f", "--tail", "1"]));
    follows.until(30, "what there is", |line| line.starts_with("saleor-api-") && line.contains(" | "));
    shop.deploy(&["--set", "saleor.allowedHosts=[elsewhere.example.com]"]).succeeded();
    let new =
        follows.until(60, "a new pod", |line| line.starts_with("keyboss: saleor-api-") && line.ends_with(" is new"));
    let new = new.trim_start_matches("keyboss: ").trim_end_matches(" is new").to_owned();
    follows.until(60, "an old pod", |line| line.ends_with(" is gone"));
    follows.until(60, "a line of the new pod", |line| line.starts_with(&new) && line.contains(" | "));
    assert_eq!(follows.stop(), Some(0));
    shop.deploy(&[]).succeeded();
}

#[test]
#[ignore = "needs a cluster"]
fn a_crash_has_a_previous_log_and_nothing_written_is_lost_over_restarts() {
    let shop = Shop::local("keyboss-logs");
    shop.namespace.forget();
    shop.namespace.say(&["create", "namespace", "keyboss-logs"]);
    let script = "for n in $(seq 1000); do echo line $n; done; echo last; exit 7";
    shop.namespace.create(&deployment("crash", &["sh", "-c", script]));
    eventually(120, "it has been started again", || {
        let pods = shop.namespace.items(&["pods"]);
        let restarts = pods.first()?["status"]["containerStatuses"][0]["restartCount"].as_u64()?;
        (restarts > 0).then_some(())
    });
    let previous = said(shop.keyboss(&["logs", "crash", "--previous", "--tail", "1"]));
    assert!(previous.starts_with("crash-") && previous.ends_with(" | last\n"), "{previous}");
    let mut follows = Going::start(shop.keyboss(&["logs", "crash", "--follow"]));
    follows.until(120, "its next end", |line| line.contains("ended with exit code 7"));
    let pod = shop.namespace.items(&["pods"])[0]["metadata"]["name"].as_str().unwrap().to_owned();
    shop.namespace.say(&["delete", "pod", &pod, "--wait=false"]);
    // The pod that comes next is read from its beginning: every line, each once.
    let new = follows.until(120, "the next pod", |line| line.ends_with(" is new"));
    let new = new.trim_start_matches("keyboss: ").trim_end_matches(" is new").to_owned();
    follows.until(120, "its end", |line| line.starts_with(&new) && line.ends_with(" | last"));
    let of = |line: &&String| line.starts_with(&new) && line.contains(" | line ");
    let numbers: Vec<&str> = follows.told.iter().filter(of).filter_map(|line| line.split(' ').nth(3)).collect();
    let expected: Vec<String> = (1..=1000).map(|number| number.to_string()).collect();
    assert_eq!(numbers[..1000], expected[..]);
    assert_eq!(follows.stop(), Some(0));
    shop.namespace.forget();
}

#[test]
#[ignore = "needs a cluster"]
fn a_page_is_open_after_its_pod_is_gone() {
    let shop = Shop::shared();
    let port = free_port();
    let mut open = Going::start(shop.keyboss(&["open", "prometheus", "--no-browser", "--port", &port]));
    open.until(30, "it is open", |line| line == format!("prometheus: http://127.0.0.1:{port}/"));
    let page = format!("http://127.0.0.1:{port}/-/ready");
    assert_eq!(status(&page).as_deref(), Some("200"));
    let pods = shop.namespace.items(&["pods", "-l", "app.kubernetes.io/name=prometheus"]);
    shop.namespace.say(&["delete", "pod", pods[0]["metadata"]["name"].as_str().unwrap()]);
    eventually(180, "the next pod answers", || status(&page).filter(|status| status == "200"));
    open.until(10, "the next pod", |line| line.ends_with("from now on"));
    assert_eq!(open.stop(), Some(0));
}

#[test]
#[ignore = "needs a cluster"]
fn five_mebibytes_pass_unharmed_both_ways() {
    let shop = Shop::local("keyboss-open");
    shop.namespace.forget();
    shop.namespace.say(&["create", "namespace", "keyboss-open"]);
    let echo = "import http.server as h\nclass E(h.BaseHTTPRequestHandler):\n  def do_POST(self):\n    \
                body=self.rfile.read(int(self.headers['Content-Length']))\n    self.send_response(200)\n    \
                self.send_header('Content-Length',str(len(body)))\n    self.end_headers()\n    self.wfile.write(body)\n\
                h.ThreadingHTTPServer(('',8080),E).serve_forever()";
    shop.namespace.create(&deployment("prometheus", &["python3", "-c", echo]));
    shop.namespace.create(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "prometheus"},
        "spec": {"selector": {"app": "prometheus"}, "ports": [{"port": 9090, "targetPort": "http"}]}}));
    let port = free_port();
    let mut open = Going::start(shop.keyboss(&["open", "prometheus", "--port", &port]));
    open.until(120, "it is open", |line| line.starts_with("prometheus: http://127.0.0.1:"));
    let folder = tempfile::tempdir().unwrap();
    let (sent, got) = (folder.path().join("sent"), folder.path().join("got"));
    let body: Vec<u8> = (0..5 << 20).map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&sent, &body).unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    eventually(30, "the server answers", || {
        let mut curl = Command::new("curl");
        curl.args(["-sSf", "-m", "60", "-o"]).arg(&got).arg("--data-binary").arg(format!("@{}", sent.display()));
        curl.arg(&url).status().unwrap().success().then_some(())
    });
    assert!(fs::read(&got).unwrap() == body, "{} bytes", fs::metadata(&got).unwrap().len());
    assert_eq!(open.stop(), Some(0));
    shop.namespace.forget();
}

/// One pod of the tests' own image, whose port 8080 is `http`.
fn deployment(name: &str, command: &[&str]) -> serde_json::Value {
    let container = json!({"name": name, "image": "keyboss-test/debian:12", "imagePullPolicy": "IfNotPresent",
        "command": command, "ports": [{"name": "http", "containerPort": 8080}]});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "selector": {"matchLabels": {"app": name}}, "template": {"metadata": {"labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}}})
}
