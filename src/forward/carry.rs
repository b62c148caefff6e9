//! Bytes between a client and a pod.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep_until};

/// How long a pod may be silent after its client has said its last: there is no way to tell it so, for a forwarded port
/// cannot be half closed, and no way to know whether the client still reads.
const LINGER: Duration = Duration::from_secs(60);
const BUFFER: usize = 64 * 1024;

/// Carries both ways, until the pod ends, or the client does. How many bytes came from the pod.
///
/// # Errors
/// When the client breaks off, or what comes from the pod does.
pub async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    pod: impl AsyncRead + AsyncWrite + Unpin,
) -> io::Result<u64> {
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_pod, mut to_pod) = tokio::io::split(pod);
    let last = Mutex::new(Instant::now());
    let down = async {
        let (mut buffer, mut bytes) = (vec![0; BUFFER], 0);
        loop {
            let count = from_pod.read(&mut buffer).await?;
            if count == 0 {
                to_client.shutdown().await?;
                return Ok(bytes);
            }
            to_client.write_all(buffer.get(..count).unwrap_or_default()).await?;
            bytes += count as u64;
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    };
    let up = async {
        let mut buffer = vec![0; BUFFER];
        loop {
            let count = from_client.read(&mut buffer).await?;
            if count == 0 {
                break;
            }
            if to_pod.write_all(buffer.get(..count).unwrap_or_default()).await.is_err() {
                // It has ended, and its last words come yet.
                std::future::pending::<()>().await;
            }
        }
        // What the pod has to say to it yet is waited for.
        let mut until = Instant::now() + LINGER;
        while Instant::now() < until {
            sleep_until(until).await;
            until = *last.lock().unwrap_or_else(PoisonError::into_inner) + LINGER;
        }
        Ok(0)
    };
    tokio::select! {
        ended = down => ended,
        ended = up => ended,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn much_is_carried_both_ways_at_once() {
        let ((client, near), (far, pod)) = (duplex(4096), duplex(4096));
        let much: Vec<u8> = (0..5 << 20).map(|number: u32| (number % 251) as u8).collect();
        let carried = tokio::spawn(async move { carry(near, far).await.unwrap() });
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_pod, mut to_pod) = tokio::io::split(pod);
        let (sent, answered) = (much.clone(), much.clone());
        let client = tokio::spawn(async move {
            let writes = async { to_client.write_all(&sent).await.unwrap() };
            let mut got = Vec::new();
            let reads = async { from_client.read_to_end(&mut got).await.unwrap() };
            tokio::join!(writes, reads);
            got
        });
        let pod = tokio::spawn(async move {
            let writes = async { to_pod.write_all(&answered).await.unwrap() };
            let mut got = vec![0; answered.len()];
            let reads = async { from_pod.read_exact(&mut got).await.unwrap() };
            tokio::join!(writes, reads);
            to_pod.shutdown().await.unwrap();
            got
        });
        assert!(pod.await.unwrap() == much);
        assert!(client.await.unwrap() == much);
        assert_eq!(carried.await.unwrap(), much.len() as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_said_its_last_is_answered_yet() {
        let ((mut client, near), (far, mut pod)) = (duplex(64), duplex(64));
        let carried = tokio::spawn(carry(near, far));
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = [0; 8];
        pod.read_exact(&mut question).await.unwrap();
        for _ in 0..3 {
            tokio::time::sleep(LINGER - Duration::from_secs(1)).await;
            pod.write_all(b"answer").await.unwrap();
        }
        drop(pod);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((answer.as_str(), carried.await.unwrap().unwrap()), ("answeransweranswer", 18));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_that_ends_before_it_has_heard_everything_is_heard() {
        let ((mut client, near), (far, mut pod)) = (duplex(64), duplex(64));
        let carried = tokio::spawn(carry(near, far));
        client.write_all(&[0; 64]).await.unwrap();
        pod.write_all(b"too much").await.unwrap();
        drop(pod);
        let _ = client.write_all(&[0; 4096]).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!((answer.as_str(), carried.await.unwrap().unwrap()), ("too much", 8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_gone_is_not_waited_for_for_ever() {
        let ((client, near), (far, _pod)) = (duplex(64), duplex(64));
        let began = Instant::now();
        drop(client);
        assert_eq!(carry(near, far).await.unwrap(), 0);
        assert_eq!(began.elapsed().as_secs(), LINGER.as_secs());
    }
}
