//! The Jobs that are run by hand.

use serde_json::{Value, json};

/// The Job: its CronJob's, so that it is one of the few that are kept, and goes with it. What fails is not tried again.
pub fn of_cron_job(cron: &Value, name: &str, command: &[&str]) -> Value {
    let template = &cron["spec"]["jobTemplate"];
    let mut spec = template["spec"].clone();
    spec["backoffLimit"] = json!(0);
    spec["template"]["spec"]["containers"][0]["command"] = json!(command);
    json!({
        "metadata": {
            "name": name,
            "labels": template["metadata"]["labels"],
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual"},
            "ownerReferences": [{
                "apiVersion": cron["apiVersion"], "kind": "CronJob", "name": cron["metadata"]["name"],
                "uid": cron["metadata"]["uid"], "controller": true,
            }],
        },
        "spec": spec,
    })
}

/// A Job anew, without what the server has added to it.
pub fn anew(job: &Value, name: &str) -> Value {
    let mut spec = job["spec"].clone();
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("selector");
    }
    if let Some(labels) = spec["template"]["metadata"]["labels"].as_object_mut() {
        labels.retain(|label, _| !label.ends_with("controller-uid") && !label.ends_with("job-name"));
    }
    json!({"metadata": {"name": name, "labels": job["metadata"]["labels"]}, "spec": spec})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_cron_jobs_but_for_its_command() {
        let cron = json!({"apiVersion": "batch/v1beta1", "metadata": {"name": "postgres-backup", "uid": "u"}, "spec": {
            "jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 2, "template": {"spec": {
                "containers": [{"name": "c", "image": "i", "command": ["bash", "/scripts/backup.sh"]}]}}}}}});
        let job = of_cron_job(&cron, "n", &["bash", "/scripts/list.sh"]);
        assert_eq!(job["spec"]["backoffLimit"], 0);
        let container = json!({"name": "c", "image": "i", "command": ["bash", "/scripts/list.sh"]});
        assert_eq!(job["spec"]["template"]["spec"]["containers"], json!([container]));
        assert_eq!(
            (&job["metadata"]["labels"]["a"], &job["metadata"]["ownerReferences"][0]["uid"]),
            (&json!("b"), &json!("u"))
        );
    }

    #[test]
    fn a_job_is_run_again_without_what_the_server_added() {
        let labels =
            json!({"app.kubernetes.io/name": "migrate", "controller-uid": "u", "batch.kubernetes.io/job-name": "m"});
        let last = json!({"metadata": {"name": "m", "uid": "u", "labels": {"a": "b"}}, "status": {"succeeded": 1},
            "spec": {"backoffLimit": 1, "selector": {"matchLabels": {"controller-uid": "u"}},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": []}}}});
        let template =
            json!({"metadata": {"labels": {"app.kubernetes.io/name": "migrate"}}, "spec": {"containers": []}});
        let expected =
            json!({"metadata": {"name": "n", "labels": {"a": "b"}}, "spec": {"backoffLimit": 1, "template": template}});
        assert_eq!(anew(&last, "n"), expected);
    }
}
