//! What a type cannot say about a value.

use super::{Autoscaler, Credentials, Email, Exporter, OffSite, Quantity, Values, Watchdog};

/// A value that cannot be right.
#[derive(Debug)]
pub struct Fault {
    /// The value's dotted path.
    pub path: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

type Checked = Result<(), Fault>;

fn fault(path: &str, reason: impl Into<String>) -> Fault {
    Fault { path: path.to_owned(), reason: reason.into() }
}

/// Checks every value.
///
/// # Errors
/// The first value that cannot be right.
pub fn validate(values: &Values) -> Checked {
    dns_label("namespace", &values.namespace)?;
    if values.lock.renew_seconds == 0 || values.lock.renew_seconds * 3 > values.lock.duration_seconds {
        return Err(fault("lock.renewSeconds", "must be at least 1 and at most a third of lock.durationSeconds"));
    }
    public_url(&values.public_url)?;
    for (path, namespace) in [
        ("networkPolicies.ingressNamespace", &values.network_policies.ingress_namespace),
        ("networkPolicies.prometheusNamespace", &values.network_policies.prometheus_namespace),
    ] {
        if !namespace.is_empty() {
            dns_label(path, namespace)?;
        }
    }
    if values.storage.class.is_empty() {
        return Err(fault("storage.class", "is empty; name the cluster's storage class"));
    }
    if !values.storage.max_size.is_empty() {
        size("storage.maxSize", &values.storage.max_size)?;
    }
    for (path, quantity) in [
        ("postgres.storage", &values.postgres.storage),
        ("redis.storage", &values.redis.storage),
        ("media.storage", &values.media.storage),
        ("backup.storage", &values.backup.storage),
        ("backup.pointInTime.storage", &values.backup.point_in_time.storage),
        ("monitoring.prometheus.storage", &values.monitoring.prometheus.storage),
        ("monitoring.grafana.storage", &values.monitoring.grafana.storage),
        ("monitoring.alertmanager.storage", &values.monitoring.alertmanager.storage),
    ] {
        size(path, quantity)?;
    }
    images(values)?;
    watchdog(&values.watchdog)?;
    if !["ReadWriteOnce", "ReadWriteMany"].contains(&values.media.access_mode.as_str()) {
        return Err(fault("media.accessMode", "must be ReadWriteOnce or ReadWriteMany"));
    }
    autoscaler("autoscaling.api", &values.autoscaling.api)?;
    autoscaler("autoscaling.worker", &values.autoscaling.worker)?;
    if values.autoscaling.keda.tasks_per_worker == 0 {
        return Err(fault("autoscaling.keda.tasksPerWorker", "must be at least 1"));
    }
    dns_label("autoscaling.keda.namespace", &values.autoscaling.keda.namespace)?;
    cron("backup.schedule", &values.backup.schedule)?;
    if !values.backup.verify_schedule.is_empty() {
        cron("backup.verifySchedule", &values.backup.verify_schedule)?;
    }
    if values.backup.keep == 0 {
        return Err(fault("backup.keep", "must be at least 1, or no backup would survive"));
    }
    if !(1..=8760).contains(&values.backup.point_in_time.base_every_hours) {
        return Err(fault("backup.pointInTime.baseEveryHours", "must be from 1 to 8760 (a year)"));
    }
    if values.backup.point_in_time.keep_bases == 0 {
        return Err(fault(
            "backup.pointInTime.keepBases",
            "must be at least 1, or there would be nothing to restore from",
        ));
    }
    off_site(&values.backup.off_site)?;
    credentials("clients.kubeStateMetrics", &values.clients.kube_state_metrics)?;
    credentials("clients.prometheus", &values.clients.prometheus)?;
    credentials("clients.watchdog", &values.clients.watchdog)?;
    credentials("clients.exporter", &values.clients.exporter)?;
    exporter(&values.monitoring.exporter)?;
    email(&values.monitoring.alertmanager.email)?;
    let webhook = &values.monitoring.alertmanager.webhook.url;
    if !webhook.is_empty() {
        http_url("monitoring.alertmanager.webhook.url", webhook)?;
    }
    if values.monitoring.rules.backup_max_age_hours == 0 {
        return Err(fault("monitoring.rules.backupMaxAgeHours", "must be at least 1"));
    }
    Ok(())
}

fn dns_label(path: &str, text: &str) -> Checked {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = !text.starts_with('-') && !text.ends_with('-');
    if text.is_empty() || text.len() > 63 || !text.chars().all(inner) || !ends {
        return Err(fault(path, format!("{text:?} is not a DNS label (a-z, 0-9 and '-', at most 63 characters)")));
    }
    Ok(())
}

fn public_url(text: &str) -> Checked {
    let wrong = |reason: &str| fault("publicUrl", format!("{text:?} {reason}; an example: http://keyboss.example"));
    let url = url::Url::parse(text).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(wrong("is not an http or https URL"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a path, which the shop cannot be served under"));
    }
    Ok(())
}

fn size(path: &str, text: &str) -> Checked {
    match text.parse::<Quantity>() {
        Ok(quantity) if quantity.mib() >= 1 => Ok(()),
        Ok(_) => Err(fault(path, format!("{text:?} is less than 1Mi"))),
        Err(error) => Err(fault(path, error.to_string())),
    }
}

fn images(values: &Values) -> Checked {
    for (name, image) in &values.images {
        let at = |field: &str| format!("images.{name}.{field}");
        if image.repository.is_empty() {
            return Err(fault(&at("repository"), "is empty"));
        }
        if image.tag.is_empty() || image.tag == "latest" {
            return Err(fault(&at("tag"), "must be an exact tag: with \"latest\" nobody knows what is running"));
        }
    }
    Ok(())
}

/// The bounds are those of `keyboss watchdog`, which would not start otherwise.
fn watchdog(watchdog: &Watchdog) -> Checked {
    let at = |field: &str, reason: &str| Err(fault(&format!("watchdog.{field}"), reason));
    if watchdog.replicas == 0 {
        return at("replicas", "must be at least 1, or nobody would fail over");
    }
    if !(100..=60_000).contains(&watchdog.probe_interval_ms) {
        return at("probeIntervalMs", "must be from 100 to 60000 (milliseconds)");
    }
    if !(1..=60).contains(&watchdog.failures) {
        return at("failures", "must be from 1 to 60");
    }
    if !(5..=600).contains(&watchdog.lease_seconds) {
        return at("leaseSeconds", "must be from 5 to 600");
    }
    Ok(())
}

/// The bounds are those of `keyboss exporter`, which would not start otherwise.
fn exporter(exporter: &Exporter) -> Checked {
    let at = |field: &str| format!("monitoring.exporter.{field}");
    if !(1..=3600).contains(&exporter.interval_seconds) {
        return Err(fault(&at("intervalSeconds"), "must be from 1 to 3600"));
    }
    if exporter.limit_seconds == 0 || exporter.limit_seconds > exporter.interval_seconds {
        return Err(fault(&at("limitSeconds"), "must be at least 1 and at most intervalSeconds"));
    }
    for (name, probe) in exporter.probes.named() {
        if !probe.url.is_empty() {
            http_url(&at(&format!("probes.{name}.url")), &probe.url)?;
        }
    }
    Ok(())
}

fn http_url(path: &str, text: &str) -> Checked {
    let is_http = url::Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let wrong = || fault(path, format!("{text:?} is not an http or https URL; an example: http://keyboss.example/"));
    if is_http { Ok(()) } else { Err(wrong()) }
}

/// What `keyboss off-site` would refuse.
fn off_site(store: &OffSite) -> Checked {
    let at = |field: &str| format!("backup.offSite.{field}");
    if store.endpoint.is_empty() {
        return Ok(());
    }
    http_url(&at("endpoint"), &store.endpoint)?;
    if store.bucket.is_empty() {
        return Err(fault(&at("bucket"), "is empty, and endpoint names a store"));
    }
    cron(&at("schedule"), &store.schedule)?;
    if store.keep == 0 {
        return Err(fault(&at("keep"), "must be at least 1, or no copy would survive"));
    }
    if !["", "AES256", "aws:kms"].contains(&store.server_side_encryption.as_str()) {
        return Err(fault(&at("serverSideEncryption"), "must be AES256, aws:kms or empty"));
    }
    let is_none = |text: &&String| text.parse::<age::x25519::Recipient>().is_err();
    match store.age_recipients.iter().find(is_none) {
        Some(text) => Err(fault(&at("ageRecipients"), format!("{text:?} is no recipient of age, such as age1..."))),
        None => Ok(()),
    }
}

/// Alertmanager would not start otherwise.
fn email(email: &Email) -> Checked {
    let at = |field: &str| format!("monitoring.alertmanager.email.{field}");
    if email.to.is_empty() {
        return Ok(());
    }
    if email.from.is_empty() {
        return Err(fault(&at("from"), "is empty, and mail needs a sender"));
    }
    match email.smarthost.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(()),
        _ => Err(fault(&at("smarthost"), "is not a mail server with its port, such as mail.example:587")),
    }
}

fn cron(path: &str, line: &str) -> Checked {
    if line.split_whitespace().count() != 5 {
        return Err(fault(path, "is not a cron line of five fields, such as \"0 2 * * *\""));
    }
    Ok(())
}

fn autoscaler(path: &str, scaler: &Autoscaler) -> Checked {
    if scaler.min_replicas == 0 || scaler.min_replicas > scaler.max_replicas {
        return Err(fault(&format!("{path}.minReplicas"), "must be at least 1 and at most maxReplicas"));
    }
    for (name, percent) in [("cpuPercent", scaler.cpu_percent), ("memoryPercent", scaler.memory_percent)] {
        if !(1..=1000).contains(&percent) {
            return Err(fault(&format!("{path}.{name}"), "must be a percentage of the request, at least 1"));
        }
    }
    Ok(())
}

fn credentials(path: &str, credentials: &Credentials) -> Checked {
    if !credentials.service_account.is_empty() && !credentials.kubeconfig_secret.is_empty() {
        return Err(fault(path, "names both a serviceAccount and a kubeconfigSecret; one is enough"));
    }
    Ok(())
}
