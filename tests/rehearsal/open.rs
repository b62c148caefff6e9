//! `keyboss open` as a user runs it: pages of pods, whichever are there.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use keyboss::rehearsal::ailments::Ailments;
use keyboss::rehearsal::rights::Denial;

use crate::logs::{Followed, Living};

const MUCH: usize = 5 << 20;

fn much() -> Vec<u8> {
    (0..MUCH).map(|number| (number % 251) as u8).collect()
}

/// What runs in a pod: it answers with its name, with much, or with what it was sent.
fn server(name: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, name) = (listener.local_addr().unwrap(), name.to_owned());
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let name = name.clone();
            thread::spawn(move || serve(client, &name));
        }
    });
    address
}

fn serve(mut client: TcpStream, name: &str) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let body = match head.split(' ').nth(1)? {
        "/much" => much(),
        "/echo" => {
            let mut body = vec![0; MUCH];
            client.read_exact(&mut body).ok()?;
            body
        }
        "/slow" => {
            thread::sleep(Duration::from_secs(1));
            name.as_bytes().to_vec()
        }
        _ => name.as_bytes().to_vec(),
    };
    client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").ok()?;
    client.write_all(&body).ok()
}

/// What is answered to a request. The client has nothing more to say, and says so.
fn ask(address: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream.write_all(body).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    answer.split_off(head)
}

fn name(address: &str) -> String {
    String::from_utf8(ask(address, "/", &[])).unwrap()
}

/// `127.0.0.1:40123` of `prometheus: http://127.0.0.1:40123/`.
fn opened(open: &mut Followed, what: &str) -> String {
    let line = open.until(&format!("{what}: http://127.0.0.1:"));
    line.split('/').nth(2).unwrap().to_owned()
}

#[test]
fn what_is_opened_outlives_its_pod() {
    let shop = Living::new(Ailments::default());
    let first = shop.pods("prometheus").pop().unwrap();
    shop.served.ports.lead(&first, 9090, server("first"));
    let mut open = shop.follow(&["open", "prometheus", "--local"]);
    let address = opened(&mut open, "prometheus");
    assert!(open.until("connections go to pod").ends_with(&first));
    assert_eq!(name(&address), "first");

    let began = Instant::now();
    let asked: Vec<_> = (0..20)
        .map(|_| {
            thread::spawn({
                let address = address.clone();
                move || ask(&address, "/slow", &[])
            })
        })
        .collect();
    asked.into_iter().for_each(|answer| assert_eq!(answer.join().unwrap(), b"first"));
    assert!(began.elapsed() < Duration::from_secs(8), "one after the other: {:?}", began.elapsed());
    assert!(ask(&address, "/much", &[]) == much());
    assert!(ask(&address, "/echo", &much()) == much());

    shop.delete(&first);
    open.until("no pod of Service prometheus is ready; one is waited for");
    // Asked while there is none.
    let waits = thread::spawn({
        let address = address.clone();
        move || name(&address)
    });
    let second = loop {
        if let Some(second) = shop.pods("prometheus").pop().filter(|pod| *pod != first) {
            break second;
        }
        thread::sleep(Duration::from_millis(20));
    };
    shop.served.ports.lead(&second, 9090, server("second"));
    assert!(open.until("connections go to pod").contains(&second));
    assert_eq!(waits.join().unwrap(), "second");
    assert_eq!(name(&address), "second");
    assert_eq!(open.stop("-INT").0, Some(0));
}

#[test]
fn a_pod_that_goes_takes_no_connection_with_it() {
    let shop = Living::new(Ailments::default());
    let before = shop.pods("saleor-dashboard");
    for pod in &before {
        shop.served.ports.lead(pod, 80, server("pod of before"));
    }
    let mut open = shop.follow(&["open", "dashboard", "--local", "--no-browser"]);
    let line = open.until("dashboard: http://127.0.0.1:");
    assert!(line.ends_with("/dashboard/"), "{line}");
    let address = line.split('/').nth(2).unwrap().to_owned();
    assert_eq!(open.until("its public address"), "  its public address: http://localhost/dashboard/");
    let leads = open.until("connections go to pod").split(' ').next_back().unwrap().to_owned();
    assert!(before.contains(&leads), "{leads}: {before:?}");
    let asks = thread::spawn(move || {
        let until = Instant::now() + Duration::from_secs(8);
        let mut names = Vec::new();
        while Instant::now() < until {
            names.push(name(&address));
            thread::sleep(Duration::from_millis(20));
        }
        names
    });
    shop.delete(&leads);
    let deadline = Instant::now() + Duration::from_secs(6);
    while Instant::now() < deadline {
        for pod in shop.pods("saleor-dashboard").iter().filter(|pod| !before.contains(pod)) {
            shop.served.ports.lead(pod, 80, server("pod of after"));
        }
        thread::sleep(Duration::from_millis(20));
    }
    let names = asks.join().unwrap();
    assert!(names.len() > 20 && names.iter().all(|name| name.starts_with("pod of")), "{names:?}");
}

#[test]
fn what_there_is_is_listed_and_what_is_not_is_refused() {
    let shop = Living::new(Ailments::default());
    let (code, told, error) = shop.served.told(&["open", "--local"]);
    assert_eq!(code, 0, "{error}");
    for words in ["  shop          http://localhost/", "  prometheus    -", "Service saleor-dashboard"] {
        assert!(told.contains(words), "{words:?} is not in {told}");
    }
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, error) = shop.served.told(&["open", "grafana", "--port", &port, "--local"]);
    assert!(code == 2 && error.contains(&format!("port {port} of 127.0.0.1 cannot be had")), "{code} {error}");

    // Nothing listens in the pod.
    let mut open = shop.follow(&["open", "grafana", "--local"]);
    let address = opened(&mut open, "grafana");
    assert!(open.until("user admin").contains("kubectl -n keyboss get secret keyboss-secrets"));
    assert_eq!(ask(&address, "/", &[]), b"");
    open.until("has ended: an error occurred forwarding 3000: connection refused");
    assert_eq!(open.stop("-TERM").0, Some(0));

    shop.face.rights().deny(Denial { verb: "get".to_owned(), resource: "pods/portforward".to_owned() });
    let (code, _, error) = shop.served.told(&["open", "grafana", "--local"]);
    assert!(
        code == 2 && error.contains("you may not get pods/portforward in namespace keyboss: ask for that"),
        "{error}"
    );
    let nothing = Living::bare();
    let (code, _, error) = nothing.served.told(&["open", "grafana", "--local"]);
    assert!(code == 2 && error.contains("there is no Service grafana in namespace keyboss: keyboss deploy"), "{error}");
    let (code, told, _) = nothing.served.told(&["open", "--local"]);
    assert!(code == 0 && told.contains("not deployed: there is no Service grafana"), "{told}");
}
