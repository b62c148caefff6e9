//! Which environment, and which cluster.

use std::path::PathBuf;

use clap::Args;

/// Which environment, with which values.
#[derive(Args, Debug)]
pub struct EnvironmentArgs {
    #[command(flatten)]
    which: Which,

    /// Override one value (typed as YAML); may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,

    /// Use envs/ and manifests/ of this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Which {
    /// The environment envs/local.yaml: a laptop's k3d cluster.
    #[arg(long)]
    local: bool,

    /// The environment envs/deti.yaml: a tenant's namespace of a shared cluster.
    #[arg(long)]
    deti: bool,

    /// The environment envs/NAME.yaml.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

impl EnvironmentArgs {
    /// The environment's name.
    pub fn name(&self) -> &str {
        match &self.which {
            Which { env: Some(name), .. } => name,
            Which { deti: true, .. } => "deti",
            Which { .. } => "local",
        }
    }
}

/// Which environment; by default that of the last release in the current context.
#[derive(Args, Debug)]
pub struct AnyEnvironmentArgs {
    #[command(flatten)]
    which: AnyWhich,

    /// Override one value (typed as YAML); may be repeated.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,

    /// Use envs/ of this folder instead of the built-in ones.
    #[arg(long, value_name = "DIR")]
    pub project: Option<PathBuf>,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct AnyWhich {
    /// The environment envs/local.yaml.
    #[arg(long)]
    local: bool,

    /// The environment envs/deti.yaml.
    #[arg(long)]
    deti: bool,

    /// The environment envs/NAME.yaml.
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

impl AnyEnvironmentArgs {
    /// The environment's name, where one is given.
    pub fn name(&self) -> Option<&str> {
        match &self.which {
            AnyWhich { env: Some(name), .. } => Some(name),
            AnyWhich { deti: true, .. } => Some("deti"),
            AnyWhich { local: true, .. } => Some("local"),
            AnyWhich { .. } => None,
        }
    }
}

/// Which cluster.
#[derive(Args, Debug)]
pub struct ClusterArgs {
    /// The kubeconfig context; by default the current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// The kubeconfig file; by default $KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
}

/// Where what runs in the cluster works, and with which credentials.
#[derive(Args, Debug)]
pub struct InClusterArgs {
    /// A kubeconfig file, whose current context is used; by default the pod's own service account.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The namespace of the shop; by default that of the pod, or of the context.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAME")]
    pub namespace: Option<String>,
}
