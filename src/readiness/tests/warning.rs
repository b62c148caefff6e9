//! What is worth telling, and which answer is told first.

use super::*;

fn hpa(status: &str) -> Value {
    json!({
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "saleor-api"},
        "status": {"conditions": [
            {"type": "AbleToScale", "status": "True", "reason": "SucceededGetScale", "message": ""},
            {"type": "ScalingActive", "status": status, "reason": "FailedGetResourceMetric",
             "message": "unable to get metrics for resource memory:\n no metrics returned"},
        ]},
    })
}

#[test]
fn an_autoscaler_without_metrics_is_worth_a_warning_after_a_minute() {
    let minute = Duration::from_secs(60);
    assert_eq!(hpa_warning(&hpa("False"), minute - Duration::from_secs(1)), None);
    assert_eq!(
        hpa_warning(&hpa("False"), minute).as_deref(),
        Some(
            "is not scaling: FailedGetResourceMetric: \
             unable to get metrics for resource memory: no metrics returned"
        )
    );
    assert_eq!(hpa_warning(&hpa("True"), minute), None);
    assert_eq!(hpa_warning(&json!({"status": {}}), minute), None);
}

#[test]
fn the_worst_is_told_first() {
    let failure = Failure::new(Reason::Deleted, "gone");
    let waits = |done, fails_at: Option<Option<u64>>| {
        Readiness::InProgress(Progress {
            why: String::new(),
            done,
            total: 4,
            suspicion: fails_at.map(|at| Suspicion {
                failure: failure.clone(),
                since: Duration::ZERO,
                fails_at: at.map(Duration::from_secs),
            }),
        })
    };
    let failed = Readiness::Failed(failure.clone());
    let order = [
        failed,
        waits(3, Some(Some(15))),
        waits(0, Some(Some(90))),
        waits(3, Some(None)),
        waits(1, None),
        waits(3, None),
        Readiness::Ready,
    ];
    for first in 0..order.len() - 1 {
        let answers = order.iter().enumerate().skip(first).rev();
        let (worst_one, _) = worst(answers).expect("not all are ready");
        assert_eq!(worst_one, first);
    }
    assert_eq!(worst([((), &Readiness::Ready)]), None);
}

#[test]
fn a_failure_names_its_pod_and_container() {
    let failure = Failure::new(Reason::CrashLoop, "ended");
    assert_eq!(failure.to_string(), "CrashLoop: ended");
    let failure = failure.in_pod("x");
    assert_eq!(failure.to_string(), "pod x: CrashLoop: ended");
    let failure = failure.in_container("x", "api");
    assert_eq!(failure.to_string(), "pod x, container api: CrashLoop: ended");
    assert_eq!(Failure::new(Reason::Deleted, "").to_string(), "Deleted");
}
