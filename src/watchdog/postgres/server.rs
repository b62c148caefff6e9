//! One PostgreSQL server, asked over SQL (HA.md, rule 7).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::PgLsn;
use tokio_postgres::{Client, Config, Error, NoTls};

/// What our sessions are called (`application_name`); the servers' entrypoint knows it by this name.
const APPLICATION: &str = "keyboss-watchdog";
/// The advisory lock that the leading watchdog's session holds on each server: whoever has been deposed while it slept has
/// lost its session to the next leader, and with it every statement that it was about to send (HA.md, rule 4).
const LOCK: i64 = 0x6b65_7962_6f73_7300;

/// What a server says of itself, by one query.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// It is a standby, or recovers.
    pub in_recovery: bool,
    /// Its timeline.
    pub timeline: u32,
    /// How far it has written, or received or replayed.
    pub lsn: PgLsn,
    /// For which standby its commits wait; empty: none.
    pub synchronous_standby_names: String,
    /// When its WAL receiver last heard of the primary, if it is connected.
    pub heard: Option<String>,
    /// Its standby, if one streams from it.
    pub standby: Option<Standby>,
}

/// A standby, as its primary sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standby {
    /// Commits wait for it.
    pub is_sync: bool,
    /// When it last reported.
    pub reported: Option<String>,
    /// WAL that it has not yet written to its disk, in bytes.
    pub lag: i64,
}

/// How a server answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It answered.
    Up(State),
    /// It refuses us, so it is alive: it starts or stops, or its slots are full, or it does not know us.
    Alive(String),
    /// Nothing listens there.
    Crashed(String),
    /// No answer came in time.
    Hung,
}

/// A session that holds the lock.
#[derive(Clone)]
pub struct Session {
    client: Arc<Client>,
    closed: Arc<Notify>,
}

/// Both columns about a peer are NULL where there is none.
const LOOK: &str = "
SELECT pg_is_in_recovery(),
  (CASE WHEN pg_is_in_recovery()
    THEN (SELECT greatest(timeline_id, min_recovery_end_timeline) FROM pg_control_checkpoint(), pg_control_recovery())
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END)::int,
  CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    ELSE pg_current_wal_lsn() END,
  current_setting('synchronous_standby_names'),
  (SELECT last_msg_receipt_time::text FROM pg_stat_wal_receiver WHERE status = 'streaming'),
  sync_state, reply_time::text,
  CASE WHEN pg_is_in_recovery() THEN 0 ELSE (pg_current_wal_lsn() - flush_lsn)::bigint END
FROM (VALUES (1)) AS one
LEFT JOIN pg_stat_replication ON application_name = $1 AND state = 'streaming'
LIMIT 1";

/// Ends the sessions of other watchdogs that hold the lock: they lead no longer.
const DEPOSE: &str = "
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND classid::bigint << 32 | objid::bigint = $1";

impl Session {
    /// Connects, and takes the lock from whoever has it.
    ///
    /// # Errors
    /// How the server answered instead.
    pub async fn open(host: &str, port: u16, password: &str, limit: Duration) -> Result<Self, Answer> {
        let mut config = Config::new();
        config.host(host).port(port).user("watchdog").password(password).dbname("postgres");
        config.application_name(APPLICATION).connect_timeout(limit).keepalives_idle(Duration::from_secs(5));
        let opening = async {
            let (client, connection) = config.connect(NoTls).await?;
            let closed = Arc::new(Notify::new());
            let session = Self { client: Arc::new(client), closed: Arc::clone(&closed) };
            tokio::spawn(async move {
                let _ = connection.await;
                closed.notify_one();
            });
            // Nothing that is known here is worth waiting for: not for a standby, and not for long.
            session.client.batch_execute("SET statement_timeout = '120s'; SET lock_timeout = '1s'").await?;
            session.take_lock().await?;
            Ok(session)
        };
        match timeout(limit, opening).await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => Err(classify(&error)),
            Err(_) => Err(Answer::Hung),
        }
    }

    async fn take_lock(&self) -> Result<(), Error> {
        loop {
            let row = self.client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?;
            if row.get(0) {
                return Ok(());
            }
            self.client.query(DEPOSE, &[&LOCK]).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it everything, and how it sees the pod `peer`.
    ///
    /// # Errors
    /// How it answered instead.
    pub async fn look(&self, peer: &str, limit: Duration) -> Result<State, Answer> {
        let row = match timeout(limit, self.client.query_one(LOOK, &[&peer])).await {
            Ok(Ok(row)) => row,
            Ok(Err(error)) => return Err(classify(&error)),
            Err(_) => return Err(Answer::Hung),
        };
        let sync: Option<String> = row.get(5);
        Ok(State {
            in_recovery: row.get(0),
            timeline: u32::try_from(row.get::<_, i32>(1)).unwrap_or(0),
            lsn: row.get::<_, Option<PgLsn>>(2).unwrap_or(PgLsn::from(0)),
            synchronous_standby_names: row.get(3),
            heard: row.get(4),
            standby: sync.map(|sync| Standby {
                is_sync: sync == "sync",
                reported: row.get(6),
                lag: row.get::<_, Option<i64>>(7).unwrap_or(i64::MAX),
            }),
        })
    }

    /// Runs statements, for at most so long.
    ///
    /// # Errors
    /// The server's words, or that no answer came.
    pub async fn run(&self, statements: &[&str], limit: Duration) -> Result<(), String> {
        let running = async {
            for statement in statements {
                self.client.batch_execute(statement).await?;
            }
            Ok(())
        };
        match timeout(limit, running).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(words(&error)),
            Err(_) => Err(format!("no answer within {} s", limit.as_secs_f32())),
        }
    }

    /// Resolves when the connection ends; once.
    pub async fn closed(&self) {
        self.closed.notified().await;
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

/// What an error says about the server (<https://www.postgresql.org/docs/15/errcodes-appendix.html>; HA.md, rule 7).
fn classify(error: &Error) -> Answer {
    if let Some(code) = error.code() {
        // Ours was ended by the next leader or by a shutdown: the server itself is asked again.
        let ended = [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
        return if ended.contains(code) { Answer::Crashed(words(error)) } else { Answer::Alive(words(error)) };
    }
    if error.is_closed() {
        return Answer::Crashed(words(error));
    }
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    match causes.filter_map(|cause| cause.downcast_ref::<io::Error>()).next() {
        Some(cause) if says_that_nobody_is_there(cause.kind()) => Answer::Crashed(words(error)),
        // No route, no name for the pod: as silent as a server that hangs.
        Some(_) => Answer::Hung,
        // It answered, and not as we understand it: a refused password, say.
        None => Answer::Alive(words(error)),
    }
}

/// Whether a connection that failed like this failed because no server is at its other end.
fn says_that_nobody_is_there(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, UnexpectedEof};
    matches!(kind, ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
}

/// An error with its causes. A server's own words hold no secret: a password is never in them.
fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind::{ConnectionRefused, ConnectionReset, HostUnreachable, Other, TimedOut, UnexpectedEof};

    use super::*;

    #[test]
    fn only_a_server_that_is_gone_has_crashed() {
        // HA.md, rule 7. `Other`: the cluster's DNS does not answer the watchdog.
        for (kind, crashed) in [
            (ConnectionRefused, true),
            (ConnectionReset, true),
            (UnexpectedEof, true),
            (TimedOut, false),
            (HostUnreachable, false),
            (Other, false),
        ] {
            assert_eq!(says_that_nobody_is_there(kind), crashed, "{kind}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_nowhere_is_no_crash() {
        let answer = Session::open("postgres-0.invalid", 1, "", Duration::from_secs(5)).await.err();
        assert!(matches!(answer, Some(Answer::Hung)), "{answer:?}");
        let answer = Session::open("127.0.0.1", 1, "", Duration::from_secs(5)).await.err();
        assert!(matches!(answer, Some(Answer::Crashed(_))), "{answer:?}");
    }
}
