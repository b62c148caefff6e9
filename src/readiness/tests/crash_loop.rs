//! C7: containers that end or cannot be started.

use super::*;

fn ended(exit_code: i32, reason: &str) -> Value {
    json!({"terminated": {
        "exitCode": exit_code, "reason": reason, "containerID": "containerd://1",
        "startedAt": WRITTEN, "finishedAt": "2026-11-22T11:00:03Z"}})
}

fn backing_off(restarts: i32, last: Value) -> Value {
    json!({
        "restartCount": restarts,
        "lastState": last,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
    })
}

#[test]
fn the_third_restart_is_a_crash_loop() {
    let mut scene = Scene::rollout();
    for restarts in 0..3 {
        scene.container(backing_off(restarts, ended(1, "Error")));
        let suspicion = scene.progress(10).suspicion.expect("is suspicious");
        assert_eq!(suspicion.failure.reason, Reason::CrashLoop);
        assert_eq!(suspicion.fails_at, None);
    }
    scene.container(backing_off(3, ended(1, "Error")));
    let failure = scene.failure(40);
    assert_eq!(failure.reason, Reason::CrashLoop);
    assert_eq!(failure.message, "ended with exit code 1, restarted 3 times");
    assert_eq!(failure.container.as_deref(), Some("api"));
}

#[test]
fn a_crash_loop_may_be_shown_as_terminated_only() {
    let mut scene = Scene::rollout();
    scene.container(json!({"restartCount": 3, "state": ended(137, "OOMKilled")}));
    assert_eq!(scene.failure(40).message, "ended with exit code 137 (OOMKilled), restarted 3 times");
}

#[test]
fn a_program_that_just_ends_crashes_too() {
    let mut scene = Scene::rollout();
    scene.container(json!({"restartCount": 3, "state": ended(0, "Completed")}));
    assert_eq!(scene.failure(40).message, "ended with exit code 0 (Completed), restarted 3 times");
}

#[test]
fn a_container_that_runs_after_its_third_restart_may_stay_up() {
    let mut scene = Scene::rollout();
    scene.container(json!({
        "restartCount": 3, "lastState": ended(1, "Error"), "state": {"running": {}}}));
    let suspicion = scene.progress(40).suspicion.expect("is suspicious");
    assert_eq!(suspicion.fails_at, None);
    scene.container(json!({
        "restartCount": 3, "lastState": ended(1, "Error"), "state": {"running": {}},
        "ready": true}));
    assert_eq!(scene.progress(41).suspicion, None);
}

#[test]
fn restarts_before_our_write_do_not_count() {
    let mut scene = Scene::rollout();
    let older = |restarts: i32| {
        let mut pod = pod_with(backing_off(restarts, ended(1, "Error")));
        pod["metadata"]["creationTimestamp"] = json!("2026-11-22T09:00:00Z");
        pod
    };
    scene.put(older(7));
    scene.progress(0);
    scene.put(older(9));
    scene.progress(10);
    scene.put(older(10));
    let failure = scene.failure(20);
    assert!(failure.message.ends_with("restarted 3 times"));
}

#[test]
fn the_count_before_our_write_is_taken_while_the_pod_is_still_well() {
    let mut scene = Scene::rollout();
    let mut well = recorded("pod", json!({"status": {"phase": "Running"}}));
    well["metadata"]["creationTimestamp"] = json!("2026-11-22T09:00:00Z");
    well["status"]["conditions"] = json!([{"type": "Ready", "status": "True"}]);
    well["status"]["containerStatuses"][0]["restartCount"] = json!(5);
    scene.put(well);
    scene.progress(0);
    let mut down = pod_with(backing_off(6, ended(1, "Error")));
    down["metadata"]["creationTimestamp"] = json!("2026-11-22T09:00:00Z");
    scene.put(down);
    let why = scene.progress(1).why;
    assert!(why.ends_with("restarted once"), "{why}");
}

#[test]
fn after_a_write_that_changed_nothing_every_restart_is_an_old_one() {
    let mut scene = Scene::rollout();
    scene.target.write.changed = false;
    scene.container(backing_off(30, ended(1, "Error")));
    scene.progress(0);
}

#[test]
fn init_containers_crash_too_but_may_end_well() {
    let init = |status: Value| {
        let mut status = status;
        merge(&mut status, json!({"name": "wait", "image": "x", "imageID": "", "ready": false}));
        recorded("pod", json!({"status": {"initContainerStatuses": [status]}}))
    };
    let mut scene = Scene::rollout();
    scene.put(init(backing_off(3, ended(2, "Error"))));
    assert_eq!(scene.failure(40).container.as_deref(), Some("wait"));

    let mut scene = Scene::rollout();
    scene.put(init(json!({"restartCount": 3, "state": ended(0, "Completed")})));
    assert_eq!(scene.progress(40).suspicion, None);
}

#[test]
fn a_container_that_is_never_restarted_does_not_loop() {
    let mut scene = Scene::rollout();
    let mut pod = pod_with(json!({"restartCount": 3, "state": ended(1, "Error")}));
    pod["spec"]["restartPolicy"] = json!("Never");
    scene.put(pod);
    assert!(scene.never_fails().why.contains("ended with exit code 1"));
}

#[test]
fn a_missing_reference_fails_after_15_seconds() {
    let mut scene = Scene::rollout();
    scene.container(json!({"state": {"waiting": {
        "reason": "CreateContainerConfigError", "message": "secret \"nope\" not found"}}}));
    let failure = scene.fails_after(15, Reason::CreateContainerConfigError);
    assert_eq!(failure.message, "secret \"nope\" not found");
}

#[test]
fn the_cache_of_the_kubelet_may_lag() {
    for what in ["secret", "configmap"] {
        let mut scene = Scene::rollout();
        scene.container(json!({"state": {"waiting": {
            "reason": "CreateContainerConfigError",
            "message": format!("failed to sync {what} cache: timed out waiting for the condition"),
        }}}));
        assert!(scene.never_fails().why.contains("failed to sync"));
    }
}

#[test]
fn a_container_that_cannot_start_fails_after_30_seconds() {
    for (reason, wanted) in [
        ("CreateContainerError", Reason::CreateContainerError),
        ("RunContainerError", Reason::RunContainerError),
        ("PreCreateHookError", Reason::HookError),
        ("PreStartHookError", Reason::HookError),
        ("PostStartHookError", Reason::HookError),
    ] {
        let mut scene = Scene::rollout();
        scene.container(json!({"state": {"waiting": {"reason": reason, "message": "why"}}}));
        let failure = scene.fails_after(30, wanted);
        assert!(failure.message.ends_with("why"));
    }
}

#[test]
fn a_back_off_between_two_attempts_to_start_is_the_same_trouble() {
    for (reason, wanted) in
        [("RunContainerError", Reason::RunContainerError), ("PostStartHookError", Reason::HookError)]
    {
        let mut scene = Scene::rollout();
        scene.container(json!({"state": {"waiting": {"reason": reason, "message": "why"}}}));
        scene.progress(0);
        scene.container(backing_off(1, ended(128, "Error")));
        scene.progress(29);
        let failure = scene.failure(30);
        assert_eq!(failure.reason, wanted);
        assert!(failure.message.ends_with("why"));
    }
}

#[test]
fn a_container_that_could_not_start_is_told_by_its_last_state() {
    for reason in ["StartError", "ContainerCannotRun"] {
        let mut scene = Scene::rollout();
        let mut last = ended(128, reason);
        last["terminated"]["message"] = json!("exec: \"nope\": not found");
        scene.container(backing_off(1, last));
        let failure = scene.fails_after(30, Reason::RunContainerError);
        assert_eq!(failure.message, "exec: \"nope\": not found");
    }
}
