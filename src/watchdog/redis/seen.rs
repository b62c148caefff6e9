//! What the three Sentinels and both Redis pods say about themselves, read from their answers.

use std::collections::HashMap;

/// The pods of StatefulSet `redis`. They are meant by their index, so that the other one is `1 - pod`.
pub const PODS: [&str; 2] = ["redis-0", "redis-1"];
/// The pods of StatefulSet `redis-sentinel`.
pub const SENTINELS: [&str; 3] = ["redis-sentinel-0", "redis-sentinel-1", "redis-sentinel-2"];
/// A replica that has confirmed nothing for longer counts for nothing, in seconds (`min-replicas-max-lag`).
pub const MAX_LAG: u64 = 2;

/// All that was seen in one look. What does not answer is None.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// What each Sentinel says.
    pub sentinels: [Option<Opinion>; 3],
    /// What each Redis pod says.
    pub servers: [Option<Server>; 2],
}

/// What a Sentinel thinks (<https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#sentinel-api>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The pod that it calls master.
    pub master: usize,
    /// It finds nothing wrong with that one.
    pub up: bool,
    /// It is just replacing it.
    pub failing_over: bool,
}

/// What a Redis pod says (<https://redis.io/docs/latest/commands/info/>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// It is a master, as far as it knows.
    pub is_master: bool,
    /// It reads its data from its disk, and knows no more about itself yet.
    pub loading: bool,
    /// It has no key.
    pub empty: bool,
    /// As a replica: the pod that it follows.
    pub follows: Option<usize>,
    /// As a replica: its link to that pod is up, so it has had a whole copy.
    pub linked: bool,
    /// How much of the stream of writes it has.
    pub offset: u64,
    /// As a master: a replica has a whole copy and confirms what it is sent.
    pub attached: bool,
    /// It acknowledges no write while no replica is attached: `min-replicas-to-write` is not 0.
    pub guarded: bool,
}

/// The pod that a host name means.
pub fn pod(host: &str) -> Option<usize> {
    let name = host.split('.').next();
    PODS.iter().position(|pod| Some(*pod) == name)
}

impl Opinion {
    /// Reads the answers to `SENTINEL GET-MASTER-ADDR-BY-NAME` and `SENTINEL MASTER`. None: it names no pod of ours.
    pub fn read(address: &[String], about: &HashMap<String, String>) -> Option<Self> {
        let flags = about.get("flags").map_or("", String::as_str);
        Some(Self {
            master: pod(address.first()?)?,
            up: flags == "master",
            failing_over: flags.split(',').any(|flag| flag == "failover_in_progress"),
        })
    }
}

impl Server {
    /// Reads the answer to `INFO`. None: it is not one.
    pub fn read(info: &str) -> Option<Self> {
        let fields: HashMap<&str, &str> = info.lines().filter_map(|line| line.trim_end().split_once(':')).collect();
        let field = |name: &str| fields.get(name).copied().unwrap_or_default();
        let is_master = match field("role") {
            "master" => true,
            "slave" => false,
            _ => return None,
        };
        let offset = if is_master { "master_repl_offset" } else { "slave_repl_offset" };
        Some(Self {
            is_master,
            loading: field("loading") != "0",
            empty: !fields.iter().any(|(name, value)| is_database(name) && value.starts_with("keys=")),
            follows: pod(field("master_host")).filter(|_| !is_master),
            linked: !is_master && field("master_link_status") == "up",
            offset: field(offset).parse().unwrap_or(0),
            attached: is_master && fields.iter().any(|(name, value)| is_replica(name) && confirms(value)),
            // Redis counts its replicas only then.
            guarded: fields.contains_key("min_slaves_good_slaves"),
        })
    }
}

fn is_database(name: &str) -> bool {
    is_numbered(name, "db")
}

fn is_replica(name: &str) -> bool {
    is_numbered(name, "slave")
}

fn is_numbered(name: &str, word: &str) -> bool {
    let number = name.strip_prefix(word);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `ip=redis-1.redis,port=6379,state=online,offset=42,lag=0`
fn confirms(replica: &str) -> bool {
    let field = |name: &str| replica.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let lag = field("lag").and_then(|lag| lag.parse().ok());
    field("state") == Some("online") && lag.is_some_and(|lag: u64| lag <= MAX_LAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "# Persistence\r\nloading:0\r\n# Replication\r\nrole:master\r\nconnected_slaves:1\r\n\
        slave0:ip=redis-1.redis,port=6379,state=online,offset=98,lag=1\r\nmaster_repl_offset:100\r\n\
        slave_expires_tracked_keys:0\r\n# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n";
    const REPLICA: &str = "loading:0\r\nrole:slave\r\nmaster_host:redis-0.redis\r\nmaster_link_status:up\r\n\
        slave_read_repl_offset:99\r\nslave_repl_offset:98\r\nmaster_repl_offset:97\r\n";

    fn read(info: &str) -> Server {
        Server::read(info).unwrap()
    }

    #[test]
    fn a_master() {
        let expected = Server {
            is_master: true,
            loading: false,
            empty: false,
            follows: None,
            linked: false,
            offset: 100,
            attached: true,
            guarded: false,
        };
        assert_eq!(read(MASTER), expected);
        assert!(read(&MASTER.replace("connected", "min_slaves_good_slaves:1\r\nconnected")).guarded);
        assert!(read(&MASTER.replace("db0:", "other:")).empty);
        assert!(read(&MASTER.replace("loading:0", "loading:1")).loading);
        for detached in ["state=wait_bgsave,offset=98,lag=0", "state=online,offset=98,lag=3", "state=online"] {
            assert!(!read(&MASTER.replace("state=online,offset=98,lag=1", detached)).attached, "{detached}");
        }
    }

    #[test]
    fn a_replica() {
        let replica = read(REPLICA);
        assert!(!replica.is_master && replica.linked && replica.empty && !replica.attached);
        assert_eq!((replica.follows, replica.offset), (Some(0), 98));
        assert!(!read(&REPLICA.replace("up", "down")).linked);
        assert_eq!(read(&REPLICA.replace("redis-0.redis", "10.0.0.7")).follows, None);
        for nothing in ["", "role:sentinel\r\n", "LOADING"] {
            assert_eq!(Server::read(nothing), None);
        }
    }

    #[test]
    fn a_sentinel() {
        let read = |host: &str, flags: &str| {
            Opinion::read(
                &[host.to_owned(), "6379".to_owned()],
                &HashMap::from([("flags".to_owned(), flags.to_owned())]),
            )
        };
        assert_eq!(read("redis-1.redis", "master"), Some(Opinion { master: 1, up: true, failing_over: false }));
        let down = Some(Opinion { master: 0, up: false, failing_over: true });
        assert_eq!(read("redis-0.redis", "s_down,o_down,master,failover_in_progress"), down);
        assert_eq!(read("redis-0.redis", "s_down,master").map(|opinion| opinion.up), Some(false));
        assert_eq!(read("10.0.0.7", "master"), None);
        assert_eq!(Opinion::read(&[], &HashMap::new()), None);
    }
}
