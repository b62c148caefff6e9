//! For each alert: series on which it fires, and series like them on which it does not. One sample a minute, in promtool's
//! notation (<https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series>).

/// A series, and its values.
pub type Series = (&'static str, &'static str);

/// One alert.
pub struct Case {
    pub alert: &'static str,
    /// When it is looked at.
    pub at: &'static str,
    /// On these it fires, for so many series.
    pub fires: &'static [Series],
    pub count: usize,
    /// On these it does not.
    pub calm: &'static [Series],
}

const fn case(alert: &'static str, at: &'static str, fires: &'static [Series], calm: &'static [Series]) -> Case {
    Case { alert, at, fires, count: 1, calm }
}

const API: &str = r#"kube_deployment_status_replicas_available{namespace="keyboss",deployment="saleor-api"}"#;
const WORKER: &str = r#"kube_deployment_status_replicas_available{namespace="keyboss",deployment="celery-worker"}"#;
const POSTGRES: &str = r#"kube_statefulset_status_replicas_ready{namespace="keyboss",statefulset="postgres"}"#;
const POSTGRES_WANTED: &str = r#"kube_statefulset_replicas{namespace="keyboss",statefulset="postgres"}"#;
const REDIS: &str = r#"kube_statefulset_status_replicas_ready{namespace="keyboss",statefulset="redis"}"#;
const GOOD: &str = r#"keyboss_probe_runs_total{endpoint="graphql_api",result="success"}"#;
const BAD: &str = r#"keyboss_probe_runs_total{endpoint="graphql_api",result="fail"}"#;
const FAST: &str = r#"keyboss_probe_latency_seconds_bucket{endpoint="graphql_api",le="2.0"}"#;
const SLOW: &str = r#"keyboss_probe_latency_seconds_bucket{endpoint="graphql_api",le="5.0"}"#;
const ALL: &str = r#"keyboss_probe_latency_seconds_bucket{endpoint="graphql_api",le="+Inf"}"#;
const LOOP: &str =
    r#"kube_pod_container_status_waiting_reason{namespace="keyboss",pod="p",container="c",reason="CrashLoopBackOff"}"#;
const MEMORY: &str = r#"keyboss_container_memory_bytes{namespace="keyboss",pod="p",container="c"}"#;
const MEMORY_LIMIT: &str =
    r#"kube_pod_container_resource_limits{namespace="keyboss",pod="p",container="c",resource="memory"}"#;
const CPU: &str = r#"keyboss_container_cpu_cores{namespace="keyboss",pod="p",container="c"}"#;
const CPU_LIMIT: &str =
    r#"kube_pod_container_resource_limits{namespace="keyboss",pod="p",container="c",resource="cpu"}"#;
const HPA: &str =
    r#"kube_horizontalpodautoscaler_status_current_replicas{namespace="keyboss",horizontalpodautoscaler="saleor-api"}"#;
const HPA_MAX: &str =
    r#"kube_horizontalpodautoscaler_spec_max_replicas{namespace="keyboss",horizontalpodautoscaler="saleor-api"}"#;
const LEADER: &str = r#"keyboss_watchdog_leader{instance="a"}"#;
const FOLLOWER: &str = r#"keyboss_watchdog_leader{instance="b"}"#;
const SYNCHRONOUS: &str = r#"keyboss_watchdog_postgres_synchronous{instance="a"}"#;
const FOLLOWERS: &str = r#"keyboss_watchdog_postgres_synchronous{instance="b"}"#;
const BACKUP: &str = r#"kube_job_status_completion_time{namespace="keyboss",job_name="postgres-backup-1"}"#;
const VERIFY: &str = r#"kube_job_status_start_time{namespace="keyboss",job_name="postgres-verify-2"}"#;
const VERIFY_FAILED: &str = r#"kube_job_status_failed{namespace="keyboss",job_name="postgres-verify-2"}"#;
const VERIFY_WELL: &str = r#"kube_job_status_completion_time{namespace="keyboss",job_name="postgres-verify-3"}"#;
const BACKUP_WELL: &str = r#"kube_job_status_succeeded{namespace="keyboss",job_name="postgres-backup-1"}"#;

/// The alerts of the rules as they are where Traefik cannot be scraped.
pub const ALERTS: [Case; 18] = [
    case("SaleorAPIDown", "10m", &[(API, "2x5 0x10")], &[(API, "2x5 0 2x10")]),
    case("CeleryWorkerDown", "10m", &[(WORKER, "2x5 0x10")], &[(WORKER, "2x5 1x10")]),
    case("PostgreSQLDown", "10m", &[(POSTGRES, "2x5 0x10")], &[(POSTGRES, "2x5 1x10")]),
    case("RedisDown", "10m", &[(REDIS, "2x5 0x10")], &[(REDIS, "2x5 1x10")]),
    case("HighAPIErrorRate", "15m", &[(GOOD, "0+39x20"), (BAD, "0+1x20")], &[(GOOD, "0+400x20"), (BAD, "0+1x20")]),
    case(
        "HighAPILatency",
        "15m",
        &[(FAST, "0+90x20"), (SLOW, "0+100x20"), (ALL, "0+100x20")],
        &[(FAST, "0+100x20"), (SLOW, "0+100x20"), (ALL, "0+100x20")],
    ),
    case("PodCrashLooping", "20m", &[(LOOP, "1x3 _x3 1x20")], &[(LOOP, "1x2 _x30")]),
    case(
        "HighMemoryUsage",
        "15m",
        &[(MEMORY, "95x20"), (MEMORY_LIMIT, "100x20")],
        &[(MEMORY, "85x20"), (MEMORY_LIMIT, "100x20")],
    ),
    case(
        "HighCPUUsage",
        "20m",
        &[(CPU, "0.95x30"), (CPU_LIMIT, "1x30")],
        &[(CPU, "0.95x5 0.5x30"), (CPU_LIMIT, "1x40")],
    ),
    case("HPAMaxedOut", "30m", &[(HPA, "6x40"), (HPA_MAX, "6x40")], &[(HPA, "5x40"), (HPA_MAX, "6x40")]),
    case(
        "ErrorBudgetBurningFast",
        "90m",
        &[(API, "2x60 0x60"), (WORKER, "2x120")],
        &[(API, "2x60 0 2x60"), (WORKER, "2x120")],
    ),
    // One minute in twenty down: 5 %, ten times what the objective allows.
    case(
        "ErrorBudgetBurningSlowly",
        "7h",
        &[(API, "2x360 0x30 2x3 0x30"), (WORKER, "2x430")],
        &[(API, "2x360 0 2x60"), (WORKER, "2x430")],
    ),
    case(
        "ReplicationDegraded",
        "10m",
        &[(LEADER, "1x20"), (FOLLOWER, "0x20"), (SYNCHRONOUS, "0x20"), (FOLLOWERS, "0x20")],
        &[(LEADER, "1x20"), (FOLLOWER, "0x20"), (SYNCHRONOUS, "1x20"), (FOLLOWERS, "0x20")],
    ),
    case(
        "StandbyMissing",
        "15m",
        &[(POSTGRES, "1x20"), (POSTGRES_WANTED, "2x20")],
        &[(POSTGRES, "0x20"), (POSTGRES_WANTED, "2x20")],
    ),
    case(
        "BackupTooOld",
        "28h",
        &[(BACKUP, "60x1800"), (BACKUP_WELL, "1x1800")],
        &[(BACKUP, "60x1200 86400x600"), (BACKUP_WELL, "1x1800")],
    ),
    case(
        "BackupNotVerified",
        "15m",
        &[(VERIFY, "600x20"), (VERIFY_FAILED, "3x20"), (VERIFY_WELL, "300x20")],
        &[(VERIFY, "600x20"), (VERIFY_FAILED, "3x20"), (VERIFY_WELL, "_x3 700x17")],
    ),
    case(
        "WatchdogWithoutLeader",
        "10m",
        &[(LEADER, "1x3 0x20"), (FOLLOWER, "0x23")],
        &[(LEADER, "1x3 0x20"), (FOLLOWER, "0x3 1x20")],
    ),
    case(
        "DeployLockStuck",
        "30m",
        &[("keyboss_deploy_lock_held", "1x40"), ("keyboss_deploy_lock_renewed_timestamp_seconds", "60x40")],
        &[("keyboss_deploy_lock_held", "1x40"), ("keyboss_deploy_lock_renewed_timestamp_seconds", "0+60x40")],
    ),
];

const COPIED: &str = r#"kube_job_status_completion_time{namespace="keyboss",job_name="postgres-off-site-4"}"#;
const COPIED_WELL: &str = r#"kube_job_status_succeeded{namespace="keyboss",job_name="postgres-off-site-4"}"#;
const LISTED: &str = r#"kube_job_status_completion_time{namespace="keyboss",job_name="postgres-off-site-by-hand-4"}"#;
const LISTED_WELL: &str = r#"kube_job_status_succeeded{namespace="keyboss",job_name="postgres-off-site-by-hand-4"}"#;

/// That of copies off site, where there is a store.
pub const OFF_SITE: [Case; 1] = [case(
    "BackupNotOffSite",
    "28h",
    &[(COPIED, "60x1800"), (COPIED_WELL, "1x1800"), (LISTED, "86400x1800"), (LISTED_WELL, "1x1800")],
    &[(COPIED, "60x1200 86400x600"), (COPIED_WELL, "1x1800")],
)];

const ARCHIVE: &str = r#"kube_deployment_status_replicas_available{namespace="keyboss",deployment="postgres-archive"}"#;

/// That of the archive of the write-ahead log, where there is one.
pub const POINT_IN_TIME: [Case; 1] =
    [case("WALArchiveDown", "30m", &[(ARCHIVE, "1x10 0x20")], &[(ARCHIVE, "1x20 0x5 1x5")])];

const OK: &str = r#"traefik_service_requests_total{service="keyboss-saleor-api-http@kubernetes",code="200"}"#;
const FAILED: &str = r#"traefik_service_requests_total{service="keyboss-saleor-api-http@kubernetes",code="502"}"#;
const IN_TIME: &str =
    r#"traefik_service_request_duration_seconds_bucket{service="keyboss-saleor-api-http@kubernetes",le="1.2"}"#;
const LATE: &str =
    r#"traefik_service_request_duration_seconds_bucket{service="keyboss-saleor-api-http@kubernetes",le="5.0"}"#;
const EVERY: &str =
    r#"traefik_service_request_duration_seconds_bucket{service="keyboss-saleor-api-http@kubernetes",le="+Inf"}"#;

/// The same, of what Traefik counts.
pub const TRAEFIK: [Case; 2] = [
    case("HighAPIErrorRate", "15m", &[(OK, "0+95x20"), (FAILED, "0+5x20")], &[(OK, "0+95x20")]),
    case(
        "HighAPILatency",
        "15m",
        &[(IN_TIME, "0+90x20"), (LATE, "0+100x20"), (EVERY, "0+100x20")],
        &[(IN_TIME, "0+100x20"), (LATE, "0+100x20"), (EVERY, "0+100x20")],
    ),
];
