//! Plans as tables: the project's own manifests, and small ones made for a rule.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

/// A project whose only manifests are these, in the environment `place` (YAML; "" for the defaults).
fn project(place: &str, files: &[(&str, &str)]) -> anyhow::Result<Plan> {
    let folder = tempfile::tempdir()?;
    for (path, text) in files {
        let path = folder.path().join("manifests").join(path);
        std::fs::create_dir_all(path.parent().unwrap())?;
        std::fs::write(path, text)?;
    }
    std::fs::create_dir_all(folder.path().join("envs"))?;
    std::fs::write(folder.path().join("envs/default.yaml"), Project::BuiltIn.read("envs/default.yaml")?)?;
    std::fs::write(folder.path().join("envs/x.yaml"), place)?;
    let project = Project::folder(folder.path())?;
    plan(&project, &Environment::load(&project, "x", &[])?)
}

fn built_in(name: &str, sets: &[&str]) -> Plan {
    let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
    let environment = Environment::load(&Project::BuiltIn, name, &sets).unwrap();
    plan(&Project::BuiltIn, &environment).unwrap()
}

fn only(plan: &Plan) -> &Object {
    plan.objects().next().unwrap().1
}

fn claims(plan: &Plan) -> Vec<Value> {
    let mut claims = Vec::new();
    for (_, object) in plan.objects() {
        match object.id.kind.as_str() {
            "PersistentVolumeClaim" => claims.push(object.value["spec"].clone()),
            "StatefulSet" => {
                let templates = object.value.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
                claims.extend(templates.into_iter().flatten().map(|template| template["spec"].clone()));
            }
            _ => {}
        }
    }
    claims
}

#[test]
fn every_phase_of_every_place_has_objects() {
    for place in ["local", "deti"] {
        let plan = built_in(place, &[]);
        for phase in Phase::ALL {
            assert!(!plan.phase(phase).is_empty(), "{place}: {phase:?}");
        }
    }
}

#[test]
fn what_differs_between_the_places_differs_everywhere() {
    let plan = built_in("deti", &[]);
    let claims = claims(&plan);
    assert!(claims.len() >= 6, "{}", claims.len());
    for claim in &claims {
        assert_eq!(claim["storageClassName"], "longhorn");
        assert_eq!(claim["resources"]["requests"]["storage"], "1Gi");
    }
    let text = print(&plan, None).unwrap();
    assert_eq!(text.matches("longhorn").count(), claims.len());
    for foreign in ["local-path", "localhost", "namespace: keyboss\n"] {
        assert!(!text.contains(foreign), "{foreign:?} is in the rendering of deti");
    }
}

#[test]
fn images_are_exact_and_pulled_only_when_absent() {
    for (_, object) in built_in("local", &[]).objects() {
        let Some(template) = object.pod_template() else { continue };
        for containers in ["initContainers", "containers"] {
            for container in template["spec"][containers].as_array().into_iter().flatten() {
                let image = container["image"].as_str().unwrap();
                assert!(image.contains(':') && !image.ends_with(":latest"), "{}: {image}", object.id);
                assert_eq!(container["imagePullPolicy"], "IfNotPresent", "{}", object.id);
                assert!(container["resources"]["requests"]["cpu"].is_string(), "{}: no CPU request", object.id);
                assert!(container["resources"]["limits"]["memory"].is_string(), "{}: no memory limit", object.id);
            }
        }
    }
}

#[test]
fn the_whole_shop_fits_two_cores() {
    let plan = built_in("local", &[]);
    let autoscaled = BTreeMap::from([("saleor-api", 6), ("celery-worker", 4)]);
    let mut millicores = 0;
    for (_, object) in plan.objects() {
        if !matches!(object.id.kind.as_str(), "Deployment" | "StatefulSet") {
            continue;
        }
        let replicas = autoscaled.get(object.id.name.as_str()).copied();
        let replicas = replicas.or(object.value["spec"]["replicas"].as_i64()).unwrap_or(1);
        for container in object.value.pointer("/spec/template/spec/containers").unwrap().as_array().unwrap() {
            let cpu = container["resources"]["requests"]["cpu"].as_str().unwrap();
            millicores += replicas * cpu.strip_suffix('m').unwrap().parse::<i64>().unwrap();
        }
    }
    assert!(millicores <= 2000, "{millicores}m");
}

#[test]
fn labels_namespace_and_pull_secrets_are_everywhere() {
    let plan = built_in("deti", &["imagePullSecrets=[registry]"]);
    for (_, object) in plan.objects() {
        let labels = &object.value["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/managed-by"], "keyboss", "{}", object.id);
        assert_eq!(labels["app.kubernetes.io/part-of"], "keyboss", "{}", object.id);
        if object.namespaced() {
            assert_eq!(object.value["metadata"]["namespace"], "tenant-keyboss", "{}", object.id);
        }
        if let Some(template) = object.pod_template() {
            assert_eq!(template["spec"]["imagePullSecrets"], json!([{"name": "registry"}]), "{}", object.id);
        }
    }
}

#[test]
fn rights_are_never_cluster_wide_and_tokens_are_the_exception() {
    let plan = built_in("local", &[]);
    let with_token: Vec<String> = plan
        .objects()
        .filter(|(_, object)| {
            object
                .pod_template()
                .is_some_and(|template| template["spec"]["automountServiceAccountToken"] != json!(false))
        })
        .map(|(_, object)| object.id.name.clone())
        .collect();
    assert_eq!(with_token, ["postgres-watchdog", "keyboss-exporter", "kube-state-metrics"]);
    assert!(plan.objects().all(|(_, object)| !object.id.kind.starts_with("ClusterRole")));
}

#[test]
fn a_job_is_named_by_what_it_does() {
    let migration = |sets: &[&str]| {
        let plan = built_in("local", sets);
        let mut objects = plan.phase(Phase::Migration).iter();
        let job = objects.find(|object| object.id.kind == "Job" && object.manifest_name == "migrate");
        job.unwrap().id.name.clone()
    };
    assert_eq!(migration(&[]), migration(&["replicas.storefront=3"]));
    assert_ne!(migration(&[]), migration(&["images.saleor.tag=3.23"]));
    assert!(migration(&[]).starts_with("migrate-"));
}

const CONFIG: &str = "
apiVersion: v1
kind: ConfigMap
metadata:
  name: c
  annotations: {keyboss.io/initial: /data/HOST}
data: {HOST: a, URL: b, OTHER: c}
";

#[test]
fn initial_fields_leave_the_apply_and_stand_in_the_rendering() {
    let plan = project("", &[("1-config/c.yaml", CONFIG)]).unwrap();
    let object = only(&plan);
    assert_eq!(object.value["data"], json!({"URL": "b", "OTHER": "c"}));
    assert_eq!(object.initial, [InitialField { pointer: "/data/HOST".into(), value: json!("a") }]);
    assert!(print(&plan, None).unwrap().contains("HOST: a"));
}

#[test]
fn an_initial_field_that_leaves_its_parent_empty_takes_it_along() {
    let service = "
apiVersion: v1
kind: Service
metadata: {name: s, annotations: {keyboss.io/initial: '/spec/selector'}}
spec: {ports: [{port: 80, protocol: TCP}], selector: {a.b/c: d}}
";
    let plan = project("", &[("1-config/s.yaml", service)]).unwrap();
    assert_eq!(only(&plan).value["spec"], json!({"ports": [{"port": 80, "protocol": "TCP"}]}));
    assert_eq!(only(&plan).initial[0].value, json!({"a.b/c": "d"}));
    let alone = CONFIG.replace(", URL: b, OTHER: c", "");
    let plan = project("", &[("1-config/c.yaml", &alone)]).unwrap();
    assert!(only(&plan).value.get("data").is_none(), "an empty mapping would be owned as a whole");
}

#[test]
fn checksums_follow_what_a_pod_reads_and_nothing_else() {
    let reader = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
spec:
  selector: {matchLabels: {a: d}}
  template:
    metadata: {labels: {a: d}}
    spec:
      containers:
        - name: c
          image: i:1
          env:
            - {name: URL, valueFrom: {configMapKeyRef: {name: c, key: URL}}}
            - {name: HOST, valueFrom: {configMapKeyRef: {name: c, key: HOST}}}
            - {name: P, valueFrom: {secretKeyRef: {name: s, key: P}}}
";
    let secret = "
apiVersion: v1
kind: Secret
metadata: {name: s, annotations: {keyboss.io/generate: P=password}}
";
    let checksum = |config: &str, password: &str, key: &str| {
        let files = [("1-config/c.yaml", config), ("1-config/s.yaml", secret), ("4-deployments/d.yaml", reader)];
        let mut plan = project("", &files).unwrap();
        let secrets = BTreeMap::from([
            ("s".to_owned(), BTreeMap::from([("P".to_owned(), password.to_owned())])),
            (CHECKSUM_SECRET.to_owned(), BTreeMap::from([(CHECKSUM_KEY.to_owned(), key.to_owned())])),
        ]);
        stamp(&mut plan, &secrets);
        let annotation = "/metadata/annotations/keyboss.io~1config-checksum";
        let template = plan.phase(Phase::Deployments)[0].pod_template().unwrap();
        template.pointer(annotation).unwrap().as_str().unwrap().to_owned()
    };
    let before = checksum(CONFIG, "secret", "k");
    assert_eq!(before.len(), 32);
    assert_eq!(before, checksum(&CONFIG.replace("OTHER: c", "OTHER: d"), "secret", "k"), "a key that it does not read");
    assert_eq!(before, checksum(&CONFIG.replace("HOST: a", "HOST: z"), "secret", "k"), "an initial field");
    assert_ne!(before, checksum(&CONFIG.replace("URL: b", "URL: z"), "secret", "k"));
    assert_ne!(before, checksum(CONFIG, "other", "k"));
    assert_ne!(before, checksum(CONFIG, "secret", "other key"), "it is keyed");
}

#[test]
fn secret_values_stand_in_no_manifest_and_no_rendering() {
    let text = print(&built_in("local", &[]), Some(Phase::Config)).unwrap();
    assert!(text.contains("POSTGRES_PASSWORD: ••••"), "{text}");
    let value = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {A: hunter22}\n";
    let error = format!("{:#}", project("", &[("1-config/s.yaml", value)]).unwrap_err());
    assert!(error.contains("holds no secret values") && !error.contains("hunter22"), "{error}");
}

#[test]
fn claims_are_cut_to_the_cap() {
    let claim = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: p}
spec: {storageClassName: mine, accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}
";
    for (cap, size) in [("\"\"", "5Gi"), ("10Gi", "5Gi"), ("1Gi", "1Gi"), ("512Mi", "512Mi")] {
        let place = format!("storage: {{class: fast, maxSize: {cap}}}");
        let plan = project(&place, &[("6-backup/p.yaml", claim)]).unwrap();
        assert_eq!(claims(&plan)[0]["resources"]["requests"]["storage"], size);
        assert_eq!(claims(&plan)[0]["storageClassName"], "fast");
    }
}

#[test]
fn a_wrong_manifest_is_one_clear_error() {
    let map = |rest: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c}}\n{rest}");
    let table: &[(String, &[&str])] = &[
        (map("dta: {a: b}\n"), &["manifests/1-config/x.yaml", "ConfigMap c", "unknown field dta"]),
        (map("data: {a: 1}\n"), &["ConfigMap c", "data.a", "expected a string"]),
        (map("data: {a: '{{ no.such }}'}\n"), &["manifests/1-config/x.yaml:4", "not in envs/default.yaml"]),
        (map("data: {a: '{{ image(\"nginx\") }}'}\n"), &["images.nginx"]),
        (map("data: {a: '{{ file(\"gone.sh\") }}'}\n"), &["manifests/1-config/gone.sh", "cannot be read"]),
        (map("data: [\n"), &["manifests/1-config/x.yaml", "not valid YAML once rendered"]),
        (map("").replace("ConfigMap", "Pody"), &["Pody", "not a kind that keyboss deploys"]),
        (map("").replace("name: c", "labels: {}"), &["no metadata.name"]),
        (format!("{}---\n{}", map(""), map("")), &["document 2", "ConfigMap c is in"]),
        (CONFIG.replace("/data/HOST", "/data/NONE"), &["keyboss.io/initial names /data/NONE"]),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: s, annotations: {keyboss.io/initial: /spec/ports/0/nodePort}}\n\
             spec: {ports: [{port: 80, nodePort: 30080}]}\n"
                .to_owned(),
            &["/spec/ports/0/nodePort, which leads through a list"],
        ),
        ("- a\n".to_owned(), &["not a mapping"]),
    ];
    for (text, expected) in table {
        let error = format!("{:#}", project("", &[("1-config/x.yaml", text)]).unwrap_err());
        for part in *expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }
}

#[test]
fn a_stateful_set_that_would_never_roll_out_is_refused() {
    let set = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s}
spec:
  serviceName: s
  updateStrategy: {type: OnDelete}
  selector: {matchLabels: {a: s}}
  template: {metadata: {labels: {a: s}}, spec: {containers: [{name: c, image: 'i:1'}]}}
";
    let error = format!("{:#}", project("", &[("2-stateful/s.yaml", set)]).unwrap_err());
    assert!(error.contains("OnDelete"), "{error}");
}

#[test]
fn a_scaled_object_asks_for_all_that_the_autoscaler_does_and_for_the_queue() {
    let scalers = |sets: &[&str]| {
        let plan = built_in("local", sets);
        let of = |kind: &str| {
            let id = ObjectId { api_version: String::new(), kind: kind.to_owned(), name: "celery-worker".to_owned() };
            plan.get(&id).map(|object| object.value["spec"].clone())
        };
        (of("ScaledObject"), of("HorizontalPodAutoscaler").unwrap(), plan)
    };
    let (none, before, _) = scalers(&[]);
    assert_eq!(none, None);
    let on = ["autoscaling.keda={enabled: true, tasksPerWorker: 7}", "autoscaling.worker.cpuPercent=65"];
    let (scaled, hpa, plan) = scalers(&on);
    let scaled = scaled.unwrap();
    assert_eq!(scaled["scaleTargetRef"], hpa["scaleTargetRef"]);
    assert_eq!(scaled["minReplicaCount"], hpa["minReplicas"]);
    assert_eq!(scaled["maxReplicaCount"], hpa["maxReplicas"]);
    assert_eq!(scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"], hpa["behavior"]);
    assert_eq!(before["behavior"], hpa["behavior"]);
    let triggers = scaled["triggers"].as_array().unwrap();
    for metric in hpa["metrics"].as_array().unwrap() {
        let resource = &metric["resource"];
        let value = json!(resource["target"]["averageUtilization"].to_string());
        let trigger = json!({"type": resource["name"], "metricType": "Utilization", "metadata": {"value": value}});
        assert!(triggers.contains(&trigger), "{trigger}");
    }
    let config = ObjectId { api_version: "v1".into(), kind: "ConfigMap".into(), name: "keyboss-config".into() };
    let broker = plan.get(&config).unwrap().value["data"]["CELERY_BROKER_URL"].as_str().unwrap().to_owned();
    let redis = &triggers[0]["metadata"];
    let asked = format!("redis://redis-master:6379/{}", redis["databaseIndex"].as_str().unwrap());
    assert_eq!(asked, broker, "the database that Celery's broker is");
    assert_eq!(redis["address"], "redis-master.keyboss.svc:6379");
    assert_eq!((&redis["listName"], &redis["listLength"]), (&json!("celery"), &json!("7")));
    let text = print(&plan, None).unwrap();
    let only = "# only where the cluster does not serve keda.sh/v1alpha1 ScaledObject\napiVersion: autoscaling/v2";
    assert_eq!(text.matches(only).count(), 1, "{text}");
    assert_eq!(text.matches("only where").count(), 1);
}
