//! The pods' network: a bridge, and faults in it that look like a silent network, as those of a node do.

use std::fs;
use std::io::Write as _;
use std::process::Child;

use super::commands::{hold, inside, run};
use super::{Pod, World};

/// Where packets go that are to be lost: nobody has this address.
const NOBODY: &str = "02:00:00:00:00:99";

/// A place in the network.
pub(super) struct Sandbox {
    /// It keeps the network, and what is mounted for the pod, while containers come and go.
    pub(super) holder: Child,
    pub(super) address: String,
    /// The bridge's end of its cable.
    veth: String,
    hardware: String,
}

impl World {
    /// A process in the network of a pod, which a thread can enter.
    pub fn sandbox(&self, pod: &str) -> u32 {
        self.pods[pod].sandbox.holder.id()
    }

    /// The pods of a StatefulSet, with their addresses.
    pub fn addresses(&self, set: &str) -> Vec<(String, String)> {
        let of = self.pods.iter().filter(|(_, pod)| pod.set == set);
        of.map(|(name, pod)| (name.clone(), pod.sandbox.address.clone())).collect()
    }

    /// Adds a pod to the network.
    pub fn add(&mut self, name: &str, set: &str) {
        let number = self.pods.len() + 2;
        let address = format!("10.9.0.{number}");
        let hardware = format!("02:00:0a:09:00:{number:02x}");
        let mut hosts = fs::File::options().create(true).append(true).open(self.dir.path().join("hosts")).unwrap();
        if self.pods.is_empty() {
            writeln!(hosts, "127.0.0.1 localhost").unwrap();
        }
        let domain = if set.is_empty() { String::new() } else { format!("{name}.{set}") };
        writeln!(hosts, "{address} {name} {domain}").unwrap();
        let holder = hold(&["--net", "--mount"]);
        let veth = format!("veth{number}");
        let id = holder.id().to_string();
        let network = &self.network;
        run(inside(network, &["ip", "link", "add", &veth, "type", "veth", "peer", "name", "eth0", "netns", &id]));
        run(inside(network, &["ip", "link", "set", &veth, "master", "br0", "up"]));
        run(inside(&holder, &["ip", "addr", "add", &format!("{address}/24"), "dev", "eth0"]));
        run(inside(&holder, &["ip", "link", "set", "eth0", "address", &hardware, "up"]));
        run(inside(&holder, &["ip", "link", "set", "lo", "up"]));
        let sandbox = Sandbox { holder, address, veth, hardware };
        for other in self.pods.values() {
            leads(&sandbox, &other.sandbox, &other.sandbox.hardware);
            leads(&other.sandbox, &sandbox, &sandbox.hardware);
        }
        fs::create_dir_all(self.dir.path().join(name).join("root")).unwrap();
        let pod = Pod { set: set.to_owned(), sandbox, container: None, wanted: false };
        self.pods.insert(name.to_owned(), pod);
    }

    /// Leads a Service to a pod, from now on.
    pub fn lead(&self, service: &str, pod: &str) {
        // In place: the file is mounted in every container.
        let path = self.dir.path().join("hosts");
        let hosts = fs::read_to_string(&path).unwrap();
        let others = hosts.lines().filter(|line| line.split(' ').nth(1) != Some(service));
        let mut lines: Vec<String> = others.map(str::to_owned).collect();
        lines.push(format!("{} {service}\n", self.pods[pod].sandbox.address));
        fs::write(&path, lines.join("\n")).unwrap();
    }

    /// Drops every packet between a pod and all others, or lets them through again.
    pub fn isolate(&mut self, pod: &str, isolated: bool) {
        let state = if isolated { "down" } else { "up" };
        run(inside(&self.network, &["ip", "link", "set", &self.pods[pod].sandbox.veth, state]));
    }

    /// Drops every packet between two pods, or lets them through again.
    pub fn cut(&mut self, one: &str, other: &str, is_cut: bool) {
        let [one, other] = [one, other].map(|pod| &self.pods[pod].sandbox);
        for (from, to) in [(one, other), (other, one)] {
            leads(from, to, if is_cut { NOBODY } else { &to.hardware });
        }
    }
}

/// Where packets from one pod to another go. ARP never asks: a question that nobody answers is an error of the sender's own
/// kernel after 3 s (EHOSTUNREACH), where a silent network means waiting.
fn leads(from: &Sandbox, to: &Sandbox, hardware: &str) {
    let entry = ["ip", "neigh", "replace", &to.address, "lladdr", hardware, "dev", "eth0", "nud", "permanent"];
    run(inside(&from.holder, &entry));
}
