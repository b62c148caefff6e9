//! Small objects, and changes of them.

use serde_json::{Value, json};

/// A template whose container runs until it is told to go, or ends by itself.
pub fn template(app: &str, command: &str, restart: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "restartPolicy": restart,
            "containers": [{
                "name": "main", "image": "keyboss-test/debian:12", "command": ["sh", "-c", command],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            }],
        },
    })
}

pub fn workload(app: &str, spec: Value) -> Value {
    let mut object = json!({"spec": {"selector": {"matchLabels": {"app": app}}}});
    object["spec"]["template"] = template(app, "exec sleep 3600", "Always");
    json_patch::merge(&mut object["spec"], &spec);
    object
}

/// What no pod can run with.
pub fn no_such_claim() -> Value {
    json!([{"name": "none", "persistentVolumeClaim": {"claimName": "none"}}])
}

/// Another template: what is in the pods' environment.
pub fn version(version: &str) -> Value {
    json!({"spec": {"template": {"metadata": {"annotations": {"version": version}}}}})
}

pub fn replicas(replicas: u32) -> Value {
    json!({"spec": {"replicas": replicas}})
}
