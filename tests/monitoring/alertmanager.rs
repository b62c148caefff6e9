//! Alertmanager's configuration.

use serde_json::Value;

use crate::rendered::{config, objects, tool};

const BOTH: [&str; 6] = [
    "monitoring.alertmanager.webhook.url=http://pager.example/hook",
    "monitoring.alertmanager.webhook.token=true",
    "monitoring.alertmanager.email.to=shop@keyboss.example",
    "monitoring.alertmanager.email.from=alerts@keyboss.example",
    "monitoring.alertmanager.email.smarthost=mail.example:587",
    "monitoring.alertmanager.email.username=alerts",
];

#[test]
#[ignore = "needs amtool"]
fn amtool_takes_it_with_every_receiver_and_with_none() {
    for (environment, sets) in [("local", &[][..]), ("deti", &[]), ("local", &BOTH)] {
        let text = config(&objects(environment, sets), "alertmanager", "alertmanager.yml");
        tool(&["amtool", "check-config", "alertmanager.yml"], &[("alertmanager.yml", &text)]);
    }
}

#[test]
#[ignore = "needs amtool"]
fn every_alert_finds_its_receiver() {
    let text = config(&objects("local", &BOTH), "alertmanager", "alertmanager.yml");
    for severity in ["severity=critical", "severity=warning"] {
        let route = ["amtool", "config", "routes", "test", "--config.file=alertmanager.yml", "--verify.receivers=shop"];
        tool(&[&route[..], &[severity]].concat(), &[("alertmanager.yml", &text)]);
    }
}

#[test]
fn secrets_stand_in_files_and_only_where_they_are_asked_for() {
    let with = objects("local", &BOTH);
    let text = config(&with, "alertmanager", "alertmanager.yml");
    assert!(text.contains("credentials_file: /etc/alertmanager/secrets/webhook-token"), "{text}");
    assert!(text.contains("auth_password_file: /etc/alertmanager/secrets/smtp-password"), "{text}");
    let mounts = |objects: &[Value]| {
        let pod =
            objects.iter().find(|o| o["kind"] == "Deployment" && o["metadata"]["name"] == "alertmanager").unwrap();
        pod.pointer("/spec/template/spec/volumes").unwrap().to_string().contains("keyboss-secrets")
    };
    assert!(mounts(&with));
    assert!(!mounts(&objects("local", &[])));
}

#[test]
fn an_api_that_is_down_keeps_what_follows_from_it_quiet() {
    let text = config(&objects("local", &[]), "alertmanager", "alertmanager.yml");
    let document: Value = serde_yaml::from_str(&text).unwrap();
    let rules = document["inhibit_rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["source_matchers"][0] == "alertname=\"SaleorAPIDown\"").unwrap();
    let targets = rule["target_matchers"][0].as_str().unwrap();
    assert!(targets.contains("HighAPIErrorRate") && targets.contains("HighAPILatency"), "{targets}");
}
