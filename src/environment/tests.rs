//! Environments as tables: what is given, what is understood or said.

use super::*;

fn load(files: &[(&str, &str)], name: &str, sets: &[&str]) -> Result<Environment> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("envs")).unwrap();
    std::fs::create_dir_all(folder.path().join("manifests")).unwrap();
    let default = Project::BuiltIn.read("envs/default.yaml").unwrap();
    std::fs::write(folder.path().join("envs/default.yaml"), default).unwrap();
    for (file, text) in files {
        std::fs::write(folder.path().join("envs").join(file), text).unwrap();
    }
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    Environment::load(&Project::folder(folder.path())?, name, &sets)
}

#[test]
fn the_places_that_come_with_keyboss_are_valid() {
    let local = Environment::load(&Project::BuiltIn, "local", &[]).unwrap();
    assert_eq!(local.values.namespace, "keyboss");
    let deti = Environment::load(&Project::BuiltIn, "deti", &[]).unwrap();
    assert_eq!(deti.values.storage.class, "longhorn");
    assert_eq!(deti.values.storage.max_size, "1Gi");
    assert_eq!(deti.context["storage"]["class"], "longhorn");
}

#[test]
fn later_layers_win() {
    let place = "replicas: {storefront: 3}\nstorage:\n  class: fast\n";
    let environment = load(&[("x.yaml", place)], "x", &["replicas.storefront=5", "publicUrl=http://a.b"]).unwrap();
    assert_eq!(environment.values.replicas.storefront, 5);
    assert_eq!(environment.values.replicas.dashboard, 1);
    assert_eq!(environment.values.storage.class, "fast");
    assert_eq!(environment.values.public_url, "http://a.b");
}

#[test]
fn a_tag_is_a_text_however_it_looks() {
    let environment = load(&[], "default", &["images.saleor.tag=3.10", "replicas.storefront=3"]).unwrap();
    assert_eq!(environment.values.images["saleor"].tag, "3.10");
    assert_eq!(environment.values.replicas.storefront, 3);
}

#[test]
fn open_mappings_take_any_key() {
    let sets = ["monitoring.serviceMonitorLabels.release=prom", "extra.a.b=1", "storage.maxSize="];
    let environment = load(&[], "default", &sets).unwrap();
    assert_eq!(environment.values.monitoring.service_monitor_labels["release"], "prom");
    assert_eq!(environment.context["extra"]["a"]["b"], 1);
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_a_remedy() {
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "ingress:\n  clas: nginx\n",
            &[],
            &["envs/x.yaml:2", "ingress.clas is not a known", "did you mean ingress.class?"],
        ),
        ("", &["replica.storefront=2"], &["--set replica.storefront=2", "did you mean replicas?"]),
        ("", &["images.nginx.tag=1"], &["images.nginx is not a known"]),
        ("replicas:\n  storefront: many\n", &[], &["envs/x.yaml:2", "replicas.storefront", "invalid type"]),
        ("images: {redis: {tag: 3.10}}\n", &[], &["envs/x.yaml:1", "images.redis.tag", "put it in quotes"]),
        ("postgres: {storage: 5GB}\n", &[], &["envs/x.yaml:1", "postgres.storage", "5GB"]),
        ("", &["publicUrl=keyboss.deti"], &["--set publicUrl", "not a URL"]),
        ("", &["publicUrl=http://a/b"], &["has a path"]),
        ("", &["images.saleor.tag=latest"], &["exact tag"]),
        ("", &["namespace=Key_Boss"], &["DNS label"]),
        ("", &["networkPolicies.ingressNamespace=Kube"], &["networkPolicies.ingressNamespace", "DNS label"]),
        ("networkPolicies: {prometheusNamespace: a.b}\n", &[], &["envs/x.yaml:1", "prometheusNamespace", "DNS label"]),
        ("", &["namespace"], &["path.to.key=value"]),
        ("", &["autoscaling.api.minReplicas=9"], &["at most maxReplicas"]),
        ("", &["autoscaling.keda.namespace="], &["autoscaling.keda.namespace", "DNS label"]),
        ("", &["autoscaling.keda.tasksPerWorker=0"], &["autoscaling.keda.tasksPerWorker", "at least 1"]),
        ("", &["backup.keep=0"], &["backup.keep", "at least 1"]),
        ("", &["backup.schedule="], &["backup.schedule", "five fields"]),
        ("", &["backup.offSite.endpoint=s3.example"], &["backup.offSite.endpoint", "http or https"]),
        ("", &["backup.offSite.endpoint=https://s3.example"], &["backup.offSite.bucket", "is empty"]),
        (
            "backup: {offSite: {endpoint: 'https://s3.example', bucket: b, ageRecipients: [age1x]}}",
            &[],
            &["backup.offSite.ageRecipients", "age1x"],
        ),
        (
            "backup: {offSite: {endpoint: 'https://s3.example', bucket: b, serverSideEncryption: aes}}",
            &[],
            &["backup.offSite.serverSideEncryption", "AES256"],
        ),
        ("", &["backup.verifySchedule=weekly"], &["backup.verifySchedule", "five fields"]),
        ("", &["backup.pointInTime.storage=1"], &["backup.pointInTime.storage", "less than 1Mi"]),
        ("", &["backup.pointInTime.baseEveryHours=0"], &["backup.pointInTime.baseEveryHours", "from 1 to 8760"]),
        ("", &["backup.pointInTime.keepBases=0"], &["backup.pointInTime.keepBases", "at least 1"]),
        ("", &["watchdog.replicas=0"], &["watchdog.replicas", "nobody would fail over"]),
        ("", &["watchdog.probeIntervalMs=10"], &["watchdog.probeIntervalMs", "from 100 to 60000"]),
        ("", &["watchdog.failures=0"], &["watchdog.failures", "from 1 to 60"]),
        ("", &["watchdog.leaseSeconds=4"], &["watchdog.leaseSeconds", "from 5 to 600"]),
        ("", &["clients.prometheus={serviceAccount: a, kubeconfigSecret: b}"], &["one is enough"]),
        ("a: [1\n", &[], &["envs/x.yaml", "not valid YAML", "line"]),
        ("- 1\n", &[], &["envs/x.yaml", "mapping"]),
        ("namespace: a\nnamespace: b\n", &[], &["envs/x.yaml", "duplicate"]),
    ];
    for (file, sets, expected) in table {
        let error = format!("{:#}", load(&[("x.yaml", file)], "x", sets).unwrap_err());
        for text in *expected {
            assert!(error.contains(text), "{text:?} is not in {error:?}");
        }
    }
}

#[test]
fn an_unknown_environment_lists_those_that_exist() {
    let error = format!("{:#}", Environment::load(&Project::BuiltIn, "prod", &[]).unwrap_err());
    assert!(error.contains("envs/prod.yaml") && error.contains("deti, local"), "{error}");
}
