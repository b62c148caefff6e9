//! The primary is lost in every way that a cluster knows: what a client of the Service `postgres-primary` sees of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;

use crate::kubectl::eventually;
use crate::shop::Shop;

/// The longest that the client waits for a connection or a commit.
const LIMIT: Duration = Duration::from_millis(500);
/// How often the primary's pod is deleted, to find the median.
const RUNS: usize = 5;

/// A client that commits one row after the other, and remembers those that were acknowledged.
struct Writer {
    acks: Arc<Mutex<Vec<(i64, Instant)>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    fn start(shop: &Shop, first: i64) -> Self {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let address = text(&shop.namespace.get(&["service", "postgres-primary"])["spec"]["clusterIP"]);
        let secret = shop.namespace.get(&["secret", "keyboss-secrets"]);
        let password = STANDARD.decode(text(&secret["data"]["POSTGRES_PASSWORD"])).unwrap();
        let (acks, stop): (Arc<Mutex<Vec<_>>>, _) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (told, stopped) = (Arc::clone(&acks), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let mut config = tokio_postgres::Config::new();
            config.host(&address).user("saleor").password(password).dbname("saleor").connect_timeout(LIMIT);
            let mut id = first;
            while !stopped.load(Ordering::Relaxed) {
                runtime.block_on(async {
                    let Ok(Ok((client, connection))) = timeout(LIMIT, config.connect(NoTls)).await else { return };
                    tokio::spawn(connection);
                    while !stopped.load(Ordering::Relaxed) {
                        id += 1;
                        let row: [&(dyn ToSql + Sync); 1] = [&id];
                        let Ok(Ok(1)) = timeout(LIMIT, client.execute("INSERT INTO ack VALUES ($1)", &row)).await
                        else {
                            return;
                        };
                        told.lock().unwrap().push((id, Instant::now()));
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                });
                sleep(Duration::from_millis(10));
            }
        });
        Self { acks, stop, thread }
    }

    fn count(&self) -> usize {
        self.acks.lock().unwrap().len()
    }

    fn finish(self) -> Vec<(i64, Instant)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        Arc::into_inner(self.acks).unwrap().into_inner().unwrap()
    }
}

/// Loses the primary, waits until the other pod is primary and the shop is whole again, and checks every acknowledged row:
/// the longest time without an acknowledgement.
fn outage(shop: &Shop, first: i64, lose: impl FnOnce(&str)) -> Duration {
    shop.until_guarded();
    let (old, new) = shop.roles("POSTGRES_HOST");
    shop.namespace.query(&old, "CREATE TABLE IF NOT EXISTS ack (id bigint PRIMARY KEY); GRANT ALL ON ack TO saleor");
    let writer = Writer::start(shop, first);
    eventually(60, "rows are acknowledged", || (writer.count() > 50).then_some(()));
    lose(&old);
    eventually(120, &format!("{new} is recorded as primary"), || (shop.roles("POSTGRES_HOST").0 == new).then_some(()));
    let before = writer.count();
    eventually(60, "rows are acknowledged again", || (writer.count() > before + 50).then_some(()));
    eventually(180, &format!("{old} is a synchronous standby"), || {
        (shop.recorded("POSTGRES_SYNCHRONOUS_STANDBY") == old).then_some(())
    });
    let acks = writer.finish();
    let list: Vec<String> = acks.iter().map(|(id, _)| id.to_string()).collect();
    let found = shop.namespace.query(&new, &format!("SELECT count(*) FROM ack WHERE id IN ({})", list.join(",")));
    assert_eq!(found.unwrap(), acks.len().to_string(), "acknowledged rows are lost");
    eventually(180, "both pods are Ready", || {
        (shop.namespace.get(&["statefulset", "postgres"])["status"]["readyReplicas"] == 2).then_some(())
    });
    acks.windows(2).map(|pair| pair[1].1 - pair[0].1).max().unwrap()
}

fn first(run: usize) -> i64 {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(seconds).unwrap() * 10_000_000 + i64::try_from(run).unwrap()
}

#[test]
#[ignore = "needs a cluster"]
fn a_deleted_primary_is_replaced_and_comes_back_as_the_standby() {
    let shop = Shop::shared();
    let mut outages: Vec<Duration> = (0..RUNS)
        .map(|run| outage(&shop, first(run), |pod| drop(shop.namespace.say(&["delete", "pod", pod, "--wait=false"]))))
        .collect();
    outages.sort();
    println!("primary's pod deleted, outage at the writer: median {:?} of {outages:?}", outages[RUNS / 2]);

    // Nothing of it is a deploy's to change.
    let (primary, _) = shop.roles("POSTGRES_HOST");
    eventually(180, "a deploy changes nothing", || shop.deploy(&[]).succeeded().written().is_empty().then_some(()));
    assert_eq!(shop.roles("POSTGRES_HOST").0, primary);
    let service = shop.namespace.get(&["service", "postgres-primary"]);
    assert_eq!(service["spec"]["selector"]["statefulset.kubernetes.io/pod-name"], primary);
}

#[test]
#[ignore = "needs a cluster"]
fn a_primary_whose_container_dies_is_replaced() {
    let shop = Shop::shared();
    let gap = outage(&shop, first(0), |pod| {
        let command = "kill -KILL $(head -1 /var/lib/postgresql/data/pgdata/postmaster.pid)";
        shop.namespace.run(&["exec", pod, "-c", "postgres", "--", "bash", "-c", command]);
    });
    println!("primary's container killed, outage at the writer: {gap:?}");
}

#[test]
#[ignore = "needs a cluster"]
fn a_drained_primary_hands_over() {
    let shop = Shop::shared();
    let node = shop.namespace.get(&["node"])["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let gap = outage(&shop, first(0), |pod| {
        let selector = format!("--pod-selector=statefulset.kubernetes.io/pod-name={pod}");
        shop.namespace.say(&["drain", &node, &selector, "--delete-emptydir-data", "--ignore-daemonsets"]);
        shop.namespace.say(&["uncordon", &node]);
    });
    println!("primary drained, outage at the writer: {gap:?}");
}

#[test]
#[ignore = "needs a cluster"]
fn a_primary_and_the_leading_watchdog_that_die_together_are_replaced() {
    let shop = Shop::shared();
    let gap = outage(&shop, first(0), |pod| {
        let holder = shop.namespace.get(&["lease", "keyboss-watchdog"]);
        let holder = holder["spec"]["holderIdentity"].as_str().unwrap().split(' ').next().unwrap().to_owned();
        shop.namespace.say(&["delete", "pod", pod, &holder, "--grace-period=0", "--force", "--wait=false"]);
    });
    println!("primary and leading watchdog deleted by force, outage at the writer: {gap:?}");
}
