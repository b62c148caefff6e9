//! C5.

use super::*;

#[test]
fn a_service_is_ready_with_its_addresses() {
    let balancer = |status: Value| json!({"spec": {"type": "LoadBalancer"}, "status": status});
    for (patch, is_ready) in [
        (json!({}), true),
        (json!({"spec": {"clusterIP": "None"}}), true),
        (json!({"spec": {"clusterIP": ""}}), false),
        (json!({"spec": {"clusterIP": null}}), false),
        (json!({"spec": {"type": "NodePort"}}), true),
        (json!({"spec": {"type": "ExternalName", "clusterIP": null}}), true),
        (balancer(json!({})), false),
        (balancer(json!({"loadBalancer": {"ingress": []}})), false),
        (balancer(json!({"loadBalancer": {"ingress": [{}]}})), false),
        (balancer(json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}})), true),
        (balancer(json!({"loadBalancer": {"ingress": [{"hostname": "lb"}]}})), true),
    ] {
        let mut scene = Scene::new(Kind::Service, recorded("service", patch.clone()));
        assert_eq!(scene.look(0) == Readiness::Ready, is_ready, "{patch}");
    }
}

#[test]
fn other_kinds_are_ready_once_applied() {
    for (api_version, kind) in [
        ("batch/v1", "CronJob"),
        ("v1", "ConfigMap"),
        ("v1", "Secret"),
        ("networking.k8s.io/v1", "Ingress"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("serving.knative.dev/v1", "Service"),
    ] {
        assert_eq!(Kind::of(api_version, kind), None);
    }
    for (api_version, kind) in [
        ("apps/v1", Kind::Deployment),
        ("apps/v1", Kind::StatefulSet),
        ("batch/v1", Kind::Job),
        ("v1", Kind::PersistentVolumeClaim),
        ("v1", Kind::Service),
    ] {
        assert_eq!(Kind::of(api_version, kind.as_str()), Some(kind));
    }
}
