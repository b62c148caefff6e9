//! Whole lives of small objects, second by second.

use serde_json::{Value, json};

use super::super::object::{condition, is_in_phase, is_true, name};
use super::cluster::{Cluster, image, status, template, workload};

const COUNTS: [&str; 4] = ["observedGeneration", "replicas", "updatedReplicas", "availableReplicas"];

#[test]
fn a_deployment_rolls_out_and_back_and_its_owner_takes_all_with_it() {
    let mut cluster = Cluster::new();
    let spec = json!({"replicas": 2, "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
                      "template": template("Always", None)});
    cluster.create(workload("Deployment", spec));
    cluster.pass(2);
    let deployment = cluster.one("Deployment");
    assert_eq!(status(&deployment, &COUNTS), [1, 2, 2, 0]);
    assert_eq!(condition(&deployment, "Progressing").unwrap()["reason"], "ReplicaSetUpdated");
    assert!(!is_true(&deployment, "Available"));
    cluster.pass(2);
    let deployment = cluster.one("Deployment");
    assert_eq!(status(&deployment, &COUNTS), [1, 2, 2, 2]);
    assert_eq!(condition(&deployment, "Progressing").unwrap()["reason"], "NewReplicaSetAvailable");
    assert_eq!(deployment["metadata"]["generation"], 1, "what controllers write is no change of the spec");

    let revision = |cluster: &mut Cluster| {
        let deployment = cluster.one("Deployment");
        deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str().unwrap().to_owned()
    };
    for (new, expected) in [("i:2", "2"), ("i:1", "3")] {
        cluster.change("Deployment", |deployment| image(deployment, new));
        let mut most = 0;
        for _ in 0..15 {
            cluster.pass(1);
            let available = status(&cluster.one("Deployment"), &["availableReplicas"])[0];
            assert!(available >= 2, "{available} available");
            most = most.max(status(&cluster.one("Deployment"), &["replicas"])[0]);
        }
        assert_eq!(most, 3, "one more than wanted");
        assert_eq!(status(&cluster.one("Deployment"), &COUNTS[1..]), [2, 2, 2]);
        assert_eq!(revision(&mut cluster), expected);
        assert_eq!(cluster.list("ReplicaSet").len(), 2, "an old template is found again");
    }
    let was = "deployment.kubernetes.io/revision-history";
    let sets = cluster.list("ReplicaSet");
    assert!(sets.iter().any(|set| set["metadata"]["annotations"][was] == "1"), "and has not forgotten what it was");

    let deployment = cluster.one("Deployment");
    cluster.turn().delete(&deployment);
    cluster.pass(2);
    assert!(cluster.list("ReplicaSet").is_empty() && cluster.list("Pod").is_empty());
}

#[test]
fn a_paused_deployment_is_scaled_and_rolled_out_later() {
    let mut cluster = Cluster::new();
    cluster.create(workload("Deployment", json!({"replicas": 1, "template": template("Always", None)})));
    cluster.pass(5);
    let reason = |cluster: &mut Cluster| {
        let deployment = cluster.one("Deployment");
        condition(&deployment, "Progressing").unwrap()["reason"].as_str().unwrap().to_owned()
    };
    cluster.change("Deployment", |deployment| {
        deployment["spec"]["paused"] = json!(true);
        deployment["spec"]["replicas"] = json!(2);
        image(deployment, "i:2");
    });
    cluster.pass(20);
    assert_eq!(reason(&mut cluster), "DeploymentPaused");
    assert_eq!(status(&cluster.one("Deployment"), &COUNTS), [2, 2, 0, 2]);
    assert_eq!(cluster.one("ReplicaSet")["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"], "2");
    cluster.change("Deployment", |deployment| deployment["spec"]["paused"] = json!(false));
    cluster.pass(20);
    assert_eq!(reason(&mut cluster), "NewReplicaSetAvailable");
    assert_eq!(status(&cluster.one("Deployment"), &COUNTS), [3, 2, 2, 2]);
}

#[test]
fn recreate_waits_for_the_old_pod_to_go() {
    let mut cluster = Cluster::new();
    let spec = json!({"strategy": {"type": "Recreate"}, "template": template("Always", None)});
    cluster.create(workload("Deployment", spec));
    cluster.pass(5);
    cluster.change("Deployment", |deployment| image(deployment, "i:2"));
    cluster.pass(0);
    assert!(!cluster.one("Pod")["metadata"]["deletionTimestamp"].is_null());
    assert_eq!(status(&cluster.one("Deployment"), &COUNTS), [2, 0, 0, 0]);
    cluster.pass(5);
    assert_eq!(cluster.one("Pod")["spec"]["containers"][0]["image"], "i:2");
    assert_eq!(status(&cluster.one("Deployment"), &COUNTS), [2, 1, 1, 1]);
}

#[test]
fn a_rollout_that_stands_still_is_told_at_its_deadline() {
    let mut cluster = Cluster::new();
    let spec = json!({"progressDeadlineSeconds": 30, "template": template("Always", Some("none"))});
    cluster.create(workload("Deployment", spec));
    let reason =
        |cluster: &mut Cluster| condition(&cluster.one("Deployment"), "Progressing").unwrap()["reason"].clone();
    cluster.pass(29);
    assert_eq!(reason(&mut cluster), "ReplicaSetUpdated");
    cluster.pass(2);
    assert_eq!(reason(&mut cluster), "ProgressDeadlineExceeded");
    assert_eq!(condition(&cluster.one("Pod"), "PodScheduled").unwrap()["reason"], "Unschedulable");
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "none"}, "spec": {}});
    cluster.create(claim);
    cluster.pass(5);
    assert_eq!(reason(&mut cluster), "NewReplicaSetAvailable", "late is better than never");
}

#[test]
fn a_stateful_set_replaces_its_pods_from_the_highest_ordinal() {
    let mut cluster = Cluster::new();
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}});
    let spec = json!({"replicas": 2, "serviceName": "x", "template": template("Always", None),
                      "volumeClaimTemplates": [claim]});
    cluster.create(workload("StatefulSet", spec));
    cluster.pass(1);
    assert_eq!(cluster.list("Pod").len(), 1, "the second waits for the first");
    cluster.pass(6);
    assert_eq!(
        cluster.list("PersistentVolumeClaim").iter().map(|claim| name(claim)).collect::<Vec<_>>(),
        ["data-x-0", "data-x-1"]
    );
    let set = cluster.one("StatefulSet");
    let counts = ["observedGeneration", "replicas", "readyReplicas", "currentReplicas", "updatedReplicas"];
    assert_eq!(status(&set, &counts), [1, 2, 2, 2, 2]);

    cluster.change("StatefulSet", |set| image(set, "i:2"));
    cluster.pass(2);
    let set = cluster.one("StatefulSet");
    assert_ne!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    let images = |cluster: &mut Cluster| -> Vec<String> {
        let pods = cluster.list("Pod");
        pods.iter().map(|pod| pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(images(&mut cluster), ["i:1", "i:2"]);
    assert_eq!(status(&set, &counts), [2, 2, 1, 1, 1]);
    cluster.pass(10);
    assert_eq!(images(&mut cluster), ["i:2", "i:2"]);
    let set = cluster.one("StatefulSet");
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    assert_eq!(cluster.list("PersistentVolumeClaim").len(), 2);
}

#[test]
fn a_pod_that_is_lost_below_the_partition_is_made_again_as_it_was() {
    let mut cluster = Cluster::new();
    cluster.create(workload(
        "StatefulSet",
        json!({"replicas": 2, "serviceName": "x", "podManagementPolicy": "Parallel",
               "updateStrategy": {"rollingUpdate": {"partition": 1}}, "template": template("Always", None)}),
    ));
    cluster.pass(5);
    cluster.change("StatefulSet", |set| image(set, "i:2"));
    cluster.pass(10);
    cluster.list("Pod").iter().for_each(|pod| cluster.turn().delete(pod));
    cluster.pass(10);
    let pods = cluster.list("Pod");
    let images: Vec<&Value> = pods.iter().map(|pod| &pod["spec"]["containers"][0]["image"]).collect();
    assert_eq!(images, ["i:1", "i:2"]);
}

#[test]
fn a_job_ends_with_its_pod_or_after_too_many() {
    let mut cluster = Cluster::new();
    cluster.create(workload("Job", json!({"backoffLimit": 1, "template": template("Never", None)})));
    cluster.pass(2);
    assert_eq!(status(&cluster.one("Job"), &["active"]), [1]);
    cluster.pass(2);
    let job = cluster.one("Job");
    assert!(is_true(&job, "Complete") && status(&job, &["active", "succeeded"]) == [0, 1]);
    assert!(is_in_phase(&cluster.one("Pod"), "Succeeded"), "its pod stays, for its log");
    cluster.turn().delete(&job);
    cluster.pass(0);
    assert!(cluster.list("Pod").is_empty());

    cluster.create(workload("Job", json!({"backoffLimit": 1, "template": template("Never", None)})));
    cluster.pass(0);
    cluster.change("Pod", |pod| pod["status"]["phase"] = json!("Failed"));
    cluster.pass(9);
    assert_eq!(status(&cluster.one("Job"), &["active", "failed"]), [0, 1], "not again at once");
    cluster.pass(1);
    cluster.pass(0);
    let pods = cluster.list("Pod");
    let mut second = Value::clone(pods.iter().find(|pod| !is_in_phase(pod, "Failed")).unwrap());
    second["status"]["phase"] = json!("Failed");
    cluster.turn().put(second).unwrap();
    cluster.pass(0);
    let job = cluster.one("Job");
    assert_eq!(condition(&job, "Failed").unwrap()["reason"], "BackoffLimitExceeded");
    assert_eq!(status(&job, &["active", "failed"]), [0, 2]);
}
