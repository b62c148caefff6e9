//! The connections to both Redis pods and the three Sentinels. One that fails is made anew at the next question.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, Pipeline, RedisResult, cmd, pipe};
use tokio::time::timeout;

use super::seen::{MAX_LAG, Opinion, PODS, SENTINELS, Seen, Server};

/// A server that takes longer does not answer.
const ANSWER: Duration = Duration::from_millis(700);
/// The name of the master among the Sentinels.
pub const NAME: &str = "keyboss";

/// All of them.
pub struct Lines {
    servers: [Line; 2],
    sentinels: [Line; 3],
}

struct Line {
    address: String,
    held: Mutex<Option<MultiplexedConnection>>,
}

/// The address of a Sentinel, for a connection of its own.
pub fn sentinel(name: &str) -> String {
    format!("redis://{name}.redis-sentinel:26379")
}

fn server_address(name: &str) -> String {
    format!("redis://{name}.redis:6379")
}

/// Where all of them are asked.
pub fn addresses() -> Vec<String> {
    PODS.map(server_address).into_iter().chain(SENTINELS.map(sentinel)).collect()
}

impl Default for Lines {
    fn default() -> Self {
        let line = |address| Line { address, held: Mutex::new(None) };
        Self {
            servers: PODS.map(|name| line(server_address(name))),
            sentinels: SENTINELS.map(|name| line(sentinel(name))),
        }
    }
}

impl Lines {
    /// Asks all of them at the same time.
    pub async fn look(&self) -> Seen {
        let servers = join_all(self.servers.iter().map(server));
        let (servers, sentinels) = tokio::join!(servers, self.opinions());
        Seen { sentinels, servers: servers.try_into().unwrap_or_default() }
    }

    /// Asks the Sentinels only.
    pub async fn opinions(&self) -> [Option<Opinion>; 3] {
        join_all(self.sentinels.iter().map(opinion)).await.try_into().unwrap_or_default()
    }

    /// Asks one Redis pod only.
    pub async fn server(&self, pod: usize) -> Option<Server> {
        server(&self.servers[pod]).await
    }

    /// Whether a master acknowledges nothing without a replica.
    pub async fn guard(&self, pod: usize, guarded: bool) -> RedisResult<()> {
        let mut set = cmd("CONFIG");
        set.arg("SET").arg("min-replicas-to-write").arg(u8::from(guarded)).arg("min-replicas-max-lag").arg(MAX_LAG);
        self.servers[pod].ask(&set).await
    }

    /// Makes a pod a replica of the other one, and sends its clients away: they have to look for the master anew.
    pub async fn demote(&self, pod: usize) -> RedisResult<()> {
        let mut steps = pipe();
        steps.cmd("REPLICAOF").arg(format!("{}.redis", PODS[1 - pod])).arg(6379).ignore();
        steps.cmd("CLIENT").arg("KILL").arg("TYPE").arg("normal").ignore();
        steps.cmd("CLIENT").arg("UNPAUSE").ignore();
        self.servers[pod].ask(&steps).await
    }

    /// Lets all writes to a pod wait for so long.
    pub async fn pause(&self, pod: usize, time: Duration) -> RedisResult<()> {
        let mut pause = cmd("CLIENT");
        pause.arg("PAUSE").arg(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).arg("WRITE");
        self.servers[pod].ask(&pause).await
    }

    /// Lets them go on.
    pub async fn resume(&self, pod: usize) -> RedisResult<()> {
        self.servers[pod].ask(cmd("CLIENT").arg("UNPAUSE")).await
    }

    /// Asks one Sentinel to promote the replica, without asking the others
    /// (<https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/#sentinel-commands>).
    pub async fn failover(&self) -> RedisResult<()> {
        let mut failover = cmd("SENTINEL");
        failover.arg("FAILOVER").arg(NAME);
        let mut answer = Ok(());
        for sentinel in &self.sentinels {
            answer = sentinel.ask(&failover).await;
            // One that did not answer may have heard it: another would begin a second one.
            match &answer {
                Err(error) if error.is_connection_refusal() => {}
                _ => return answer,
            }
        }
        answer
    }
}

async fn server(line: &Line) -> Option<Server> {
    Server::read(&line.ask::<String>(&cmd("INFO")).await.ok()?)
}

async fn opinion(line: &Line) -> Option<Opinion> {
    let mut both = pipe();
    both.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(NAME);
    both.cmd("SENTINEL").arg("MASTER").arg(NAME);
    let (address, about): (Vec<String>, HashMap<String, String>) = line.ask(&both).await.ok()?;
    Opinion::read(&address, &about)
}

/// A command, or several sent at once.
trait Question {
    async fn put<T: FromRedisValue>(&self, to: &mut MultiplexedConnection) -> RedisResult<T>;
}

impl Question for Cmd {
    async fn put<T: FromRedisValue>(&self, to: &mut MultiplexedConnection) -> RedisResult<T> {
        self.query_async(to).await
    }
}

impl Question for Pipeline {
    async fn put<T: FromRedisValue>(&self, to: &mut MultiplexedConnection) -> RedisResult<T> {
        self.query_async(to).await
    }
}

impl Line {
    async fn ask<T: FromRedisValue>(&self, question: &impl Question) -> RedisResult<T> {
        let answer = timeout(ANSWER, async {
            let mut connection = self.connection().await?;
            question.put(&mut connection).await
        });
        let answer = answer.await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        if answer.as_ref().is_err_and(|error| error.is_io_error() || error.is_unrecoverable_error()) {
            *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        answer
    }

    async fn connection(&self) -> RedisResult<MultiplexedConnection> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(connection) = held {
            return Ok(connection);
        }
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection =
            Client::open(self.address.as_str())?.get_multiplexed_async_connection_with_config(&config).await?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        Ok(connection)
    }
}
