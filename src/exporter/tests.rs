//! An exporter among real servers on loopback: one that is well, one that errs, one that refuses, one that hangs.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use http::Uri;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::*;

const LIMIT: Duration = Duration::from_secs(2);

/// A server that answers so.
async fn server(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// A port where nobody listens.
async fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/", listener.local_addr().unwrap())
}

/// A port that takes connections and never answers.
async fn hanging() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    (listener, url)
}

async fn shop() -> Router {
    let answer = || async { r#"{"data":{"products":{"totalCount":10}}}"# };
    let failure = || async { (StatusCode::INTERNAL_SERVER_ERROR, "no") };
    let host =
        |headers: http::HeaderMap| async move { format!("{:?} {:?}", headers["host"], headers["x-forwarded-proto"]) };
    Router::new().route("/graphql/", post(answer)).route("/fails", get(failure)).route("/host", get(host))
}

fn settings(probes: &[(&str, &str)], broker: Option<String>) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        environment: "local".to_owned(),
        probes: probes.iter().map(|(endpoint, url)| format!("{endpoint}={url}").parse().unwrap()).collect(),
        hosts: Vec::new(),
        scheme: "https".to_owned(),
        broker,
        pace: Pace { every: LIMIT, limit: LIMIT },
    }
}

/// Starts an exporter, and says where its metrics are.
async fn started(settings: Settings) -> Uri {
    let listener = scraped::listen(settings.listen).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { serve(listener, None, settings).await.unwrap() });
    format!("http://{address}/metrics").parse().unwrap()
}

async fn scrape(uri: &Uri) -> String {
    let began = Instant::now();
    let answer = Client::new([], "http").unwrap().ask(uri, None, None).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "a scrape waits for nobody: {:?}", began.elapsed());
    String::from_utf8(answer.body).unwrap()
}

/// Scrapes until every line is there.
async fn until(uri: &Uri, lines: &[&str], within: Duration) -> String {
    let began = Instant::now();
    loop {
        let text = scrape(uri).await;
        let missing: Vec<_> = lines.iter().filter(|line| !text.lines().any(|found| found == **line)).collect();
        if missing.is_empty() {
            return text;
        }
        assert!(began.elapsed() < within, "not within {within:?}: {missing:?} in\n{text}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn one_that_hangs_delays_no_other_and_each_is_told() {
    let shop = server(shop().await).await;
    let (_listener, hangs) = hanging().await;
    let (fails, api, closed) = (format!("{shop}/fails"), format!("{shop}/graphql/"), closed().await);
    let uri = started(settings(
        &[("grafana", &hangs), ("storefront", &fails), ("dashboard", &closed), ("graphql_api", &api)],
        None,
    ))
    .await;
    // Long before the one that hangs is given up.
    let quick = [
        r#"keyboss_probe_success{endpoint="graphql_api"} 1"#,
        r#"keyboss_probe_status_code{endpoint="graphql_api"} 200"#,
        r#"keyboss_probe_runs_total{endpoint="graphql_api",result="success"} 1"#,
        r#"keyboss_probe_runs_total{endpoint="graphql_api",result="fail"} 0"#,
        r#"keyboss_probe_latency_seconds_count{endpoint="graphql_api"} 1"#,
        r#"keyboss_probe_success{endpoint="storefront"} 0"#,
        r#"keyboss_probe_status_code{endpoint="storefront"} 500"#,
        r#"keyboss_probe_runs_total{endpoint="storefront",result="fail"} 1"#,
        r#"keyboss_probe_success{endpoint="dashboard"} 0"#,
        r#"keyboss_probe_status_code{endpoint="dashboard"} 0"#,
        r#"keyboss_probe_latency_seconds_count{endpoint="dashboard"} 0"#,
        "keyboss_graphql_up{} 1",
        "keyboss_catalogue_products_total{} 10",
    ];
    let text = until(&uri, &quick, LIMIT / 2).await;
    assert!(!text.contains(r#"keyboss_probe_success{endpoint="grafana"}"#), "{text}");
    assert!(!text.contains("alertmanager"), "what is not probed is not there: {text}");
    assert!(text.contains(concat!(
        "keyboss_build_info{version=\"",
        env!("CARGO_PKG_VERSION"),
        "\",environment=\"local\"} 1"
    )));
    assert!(text.contains("\n# UNIT keyboss_probe_duration_seconds seconds\n"), "{text}");

    let slow = [
        r#"keyboss_probe_success{endpoint="grafana"} 0"#,
        r#"keyboss_probe_status_code{endpoint="grafana"} 0"#,
        r#"keyboss_probe_latency_seconds_count{endpoint="grafana"} 1"#,
        r#"keyboss_probe_runs_total{endpoint="graphql_api",result="success"} 2"#,
    ];
    until(&uri, &slow, LIMIT * 3).await;
}

#[tokio::test]
async fn an_api_that_answers_with_errors_is_up_and_its_graphql_is_not() {
    let answer = || async { r#"{"errors":[{"message":"the database is away"}],"data":null}"# };
    let api = server(Router::new().route("/graphql/", post(answer))).await;
    let uri = started(settings(&[("graphql_api", &format!("{api}/graphql/"))], None)).await;
    let lines = [r#"keyboss_probe_success{endpoint="graphql_api"} 1"#, "keyboss_graphql_up{} 0"];
    let text = until(&uri, &lines, LIMIT / 2).await;
    let known = text.lines().filter(|line| !line.starts_with('#') && line.contains("products"));
    assert_eq!(known.count(), 0, "a number that is not known is not there");
}

#[tokio::test]
async fn the_host_and_the_browsers_scheme_are_sent() {
    let url = format!("{}/host", server(shop().await).await);
    let client = Client::new([], "https").unwrap();
    let answer = client.ask(&url.parse().unwrap(), Some("keyboss.example"), None).await.unwrap();
    assert_eq!(String::from_utf8(answer.body).unwrap(), r#""keyboss.example" "https""#);
}

#[tokio::test]
async fn a_broker_that_hangs_has_no_queue() {
    let (_listener, hangs) = hanging().await;
    let uri = started(settings(&[], Some(hangs.replace("http", "redis")))).await;
    sleep(LIMIT + Duration::from_millis(200)).await;
    assert!(!scrape(&uri).await.contains("\nkeyboss_celery_queue_length{"));
}

#[test]
fn what_is_wrong_with_an_argument_is_said() {
    for (text, expected) in [
        ("api=http://a/", "the endpoints are storefront, graphql_api"),
        ("grafana", "is not ENDPOINT=URL"),
        ("grafana=ftp://a/", "is not an http or https URL"),
        ("grafana=/x", "is not an http or https URL"),
    ] {
        let error = format!("{:#}", text.parse::<Probe>().unwrap_err());
        assert!(error.contains(expected), "{error}");
    }
}
