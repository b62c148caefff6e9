//! A pair of PostgreSQL servers under Patroni, with etcd, in the same kind of pods: what the watchdog is compared with.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::Duration;

use serde_json::{Value, json};

use super::api::enter;
use super::writer::Leads;
use crate::pods::World;
use crate::postgres::{is_primary, is_standby, sql};

/// Where a server has its data.
pub const DATA: &str = "/data/pgdata";
/// A process 1 that is not Patroni outlives it, and so does PostgreSQL: as under systemd, whose unit file in Patroni's
/// repository says `Restart=no`. Patroni starts again when this file is there.
const AGAIN: &str = "/tmp/again";
/// The StatefulSet of the servers.
pub const SET: &str = "patroni";
const ZERO: &str = "patroni-0";
const ONE: &str = "patroni-1";

/// The pair, patroni-1 being a synchronous standby. `PATRONI` is the folder that Patroni is installed in.
pub fn installed() -> World {
    let folder = env::var("PATRONI").expect("PATRONI is set by tests/servers/compare");
    let mut world = World::of(vec![etcd(), servers(&folder), configuration()], &["etcd", SET]);
    world.add("client", "");
    world.start(&["etcd-0", ZERO]);
    world.until("patroni-0 primary", |world| is_primary_of(world, "postgres", ZERO));
    let owned = ["CREATE ROLE saleor LOGIN PASSWORD 'shop-secret'", "CREATE DATABASE saleor OWNER saleor"];
    for statement in owned {
        let psql = ["psql", "-XAtq", "-U", "postgres", "-d", "postgres", "-c", statement];
        assert!(world.exec(ZERO, &psql).status.success(), "{statement}");
    }
    sql(&world, ZERO, "CREATE TABLE ack (id bigint PRIMARY KEY); GRANT ALL ON ack TO saleor");
    world.start(&[ONE]);
    world.until("patroni-1 a synchronous standby", |world| is_whole(world, ZERO, ONE));
    world
}

fn is_primary_of(world: &World, database: &str, pod: &str) -> bool {
    let question = "SELECT pg_is_in_recovery()";
    world.ask(pod, &["psql", "-XAtq", "-U", "postgres", "-d", database, "-c", question]) == "f"
}

/// Whether the standby streams, is synchronous, and is recorded as that in etcd: Patroni promotes no other.
pub fn is_whole(world: &World, primary: &str, standby: &str) -> bool {
    let state = format!(
        "SELECT sync_state FROM pg_stat_replication WHERE application_name = '{standby}' AND state = 'streaming'"
    );
    let streams = is_primary(world, primary) && is_standby(world, standby) && sql(world, primary, &state) == "sync";
    streams && ask(world, standby, "GET", "/sync", "") == Some(200)
}

/// Which server says of itself that it is the primary, as a load balancer's check sees it: each is asked ten times a
/// second, and the one that stops saying so is not written to.
pub fn leads(world: &World) -> Leads {
    let leader: Arc<Mutex<String>> = Arc::default();
    for (pod, address) in world.addresses(SET) {
        let (sandbox, leader) = (world.sandbox("client"), Arc::downgrade(&leader));
        thread::spawn(move || {
            enter(sandbox);
            // As long as anybody wants to know.
            while let Some(leader) = leader.upgrade() {
                let leading = request(&address, "GET", "/primary", "", Duration::from_millis(500)) == Some(200);
                let mut leader = leader.lock().unwrap();
                match leading {
                    true => pod.clone_into(&mut leader),
                    false if *leader == pod => leader.clear(),
                    false => {}
                }
                drop(leader);
                sleep(Duration::from_millis(100));
            }
        });
    }
    Arc::new(move || leader.lock().unwrap().clone())
}

/// Asks for a switchover.
pub fn switch_over(world: &World, from: &str, to: &str) {
    let body = json!({"leader": from, "candidate": to}).to_string();
    let status = ask(world, from, "POST", "/switchover", &body);
    assert_eq!(status, Some(200), "no switchover from {from} to {to}");
}

/// Kills Patroni beside a server, and not the server.
pub fn kill_agent(world: &mut World, pod: &str) {
    assert!(world.exec(pod, &["bash", "-c", "kill -KILL $(cat /tmp/patroni.pid)"]).status.success());
}

/// Starts it again.
pub fn start_agent(world: &mut World, pod: &str) {
    assert!(world.exec(pod, &["touch", AGAIN]).status.success());
}

/// The status of an answer of Patroni's to a client.
fn ask(world: &World, pod: &str, method: &'static str, path: &'static str, body: &str) -> Option<u16> {
    let address = world.addresses(SET).into_iter().find(|(name, _)| name == pod)?.1;
    let (sandbox, body) = (world.sandbox("client"), body.to_owned());
    let asked = thread::spawn(move || {
        enter(sandbox);
        request(&address, method, path, &body, Duration::from_secs(60))
    });
    asked.join().unwrap()
}

/// The status of an answer, in the network that this thread is in.
fn request(address: &str, method: &str, path: &str, body: &str, limit: Duration) -> Option<u16> {
    let address: SocketAddr = format!("{address}:8008").parse().unwrap();
    let mut stream = TcpStream::connect_timeout(&address, limit.min(Duration::from_millis(500))).ok()?;
    stream.set_read_timeout(Some(limit)).unwrap();
    let head = format!("{method} {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok()?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).ok()?;
    let status = std::str::from_utf8(&answer[9..]).ok()?.parse().ok();
    // Read to the end, so that the server is not reset in the middle of its answer.
    let _ = stream.read_to_end(&mut Vec::new());
    status
}

fn etcd() -> Value {
    let command = "exec etcd --data-dir /data/etcd --listen-client-urls http://0.0.0.0:2379 \
        --advertise-client-urls http://etcd-0.etcd:2379 --listen-peer-urls http://127.0.0.1:2380";
    set("etcd", 1, command, &json!([{"name": "data", "mountPath": "/data"}]), &json!([]))
}

fn servers(folder: &str) -> Value {
    let command = format!(
        "export PATRONI_RESTAPI_CONNECT_ADDRESS=$PATRONI_NAME.{SET}:8008
         export PATRONI_POSTGRESQL_CONNECT_ADDRESS=$PATRONI_NAME.{SET}:5432
         while :; do
           {folder}/bin/python {folder}/bin/patroni /etc/patroni/patroni.json &
           echo $! >/tmp/patroni.pid
           wait $!
           until rm {AGAIN}; do sleep 0.2; done 2>/dev/null
         done"
    );
    let mounts = json!([
        {"name": "data", "mountPath": "/data"},
        {"name": "run", "mountPath": "/var/run/postgresql"},
        {"name": "memory", "mountPath": "/dev/shm"},
        {"name": "scratch", "mountPath": "/tmp"},
        {"name": "config", "mountPath": "/etc/patroni"},
        {"name": "program", "mountPath": folder}
    ]);
    let volumes = json!([
        {"name": "config", "configMap": {"name": "patroni"}},
        {"name": "program", "hostPath": {"path": folder}}
    ]);
    set(SET, 2, &command, &mounts, &volumes)
}

fn set(name: &str, replicas: u32, command: &str, mounts: &Value, volumes: &Value) -> Value {
    let pod = json!({"name": "PATRONI_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}});
    json!({"kind": "StatefulSet", "metadata": {"name": name}, "spec": {"replicas": replicas, "template": {"spec": {
        "containers": [{"name": name, "command": ["bash", "-c", command], "env": [pod], "volumeMounts": mounts}],
        "volumes": volumes}}}})
}

/// As fast as Patroni permits, losing nothing. What makes PostgreSQL itself fast is as in the shop's manifests.
fn configuration() -> Value {
    let file = json!({
        "scope": "shop",
        "restapi": {"listen": "0.0.0.0:8008"},
        "etcd3": {"hosts": "etcd-0.etcd:2379"},
        "bootstrap": {
            "dcs": {
                "ttl": 20,
                "loop_wait": 1,
                "retry_timeout": 3,
                "synchronous_mode": true,
                "postgresql": {
                    "use_pg_rewind": true,
                    "use_slots": true,
                    "parameters": {
                        "max_connections": 100,
                        "wal_log_hints": "on",
                        "wal_sender_timeout": "5s",
                        "wal_receiver_timeout": "5s",
                        "wal_retrieve_retry_interval": "200ms",
                        "wal_receiver_status_interval": "1s"
                    }
                }
            },
            "initdb": [{"encoding": "UTF8"}, "data-checksums"]
        },
        "postgresql": {
            "listen": "0.0.0.0:5432",
            "data_dir": DATA,
            "bin_dir": "/usr/lib/postgresql/15/bin",
            "basebackup": {"checkpoint": "fast"},
            "pgpass": "/var/run/postgresql/pgpass",
            "authentication": {
                "superuser": {"username": "postgres", "password": "postgres-secret"},
                "replication": {"username": "replicator", "password": "replication-secret"}
            },
            "parameters": {"unix_socket_directories": "/var/run/postgresql", "password_encryption": "scram-sha-256"},
            "pg_hba": [
                "local all postgres peer",
                "host replication replicator all scram-sha-256",
                "host all all all scram-sha-256"
            ]
        }
    });
    json!({"kind": "ConfigMap", "metadata": {"name": "patroni"}, "data": {"patroni.json": file.to_string()}})
}
