//! C5: Service.

use super::look::Look;
use super::outcome::Readiness;

/// C5: a Service is ready with its `clusterIP` (`None` is one), a LoadBalancer with an address
/// from outside too, an ExternalName at once.
///
/// <https://kubernetes.io/docs/concepts/services-networking/service/#publishing-services-service-types>
pub(super) fn assess(look: &mut Look) -> Readiness {
    let Some(service) = look.world.services.get(&look.target.name) else {
        return look.in_progress("not seen yet", 0, 1, None);
    };
    let spec = service.spec.as_ref();
    let kind = spec.and_then(|spec| spec.type_.as_deref());
    if kind == Some("ExternalName") {
        return Readiness::Ready;
    }
    if spec.is_none_or(|spec| spec.cluster_ip.as_deref().unwrap_or_default().is_empty()) {
        return look.in_progress("has no cluster IP yet", 0, 1, None);
    }
    if kind == Some("LoadBalancer") && !has_address(service) {
        return look.in_progress("the load balancer has no address yet", 0, 1, None);
    }
    Readiness::Ready
}

/// An empty list is no address, and neither is an entry without one.
fn has_address(service: &k8s_openapi::api::core::v1::Service) -> bool {
    service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref())
        .and_then(|balancer| balancer.ingress.as_ref())
        .is_some_and(|entries| entries.iter().any(|entry| entry.ip.is_some() || entry.hostname.is_some()))
}
