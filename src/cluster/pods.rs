//! What the API server passes on about pods, beside the objects that it keeps: a page that one serves, and what they use.

use std::io;

use futures::{AsyncBufReadExt, Stream};
use http::Request;
use http::request::Builder;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{AttachParams, AttachedProcess, LogParams};
use serde_json::Value;

use super::{Cluster, Fault, call};

impl Cluster {
    /// What a pod answers to GET at this port and path, through the API server's proxy
    /// (<https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/>): whoever deploys need not
    /// reach the pods' network.
    ///
    /// # Errors
    /// When proxying is not allowed, or the pod does not answer.
    pub async fn page(&self, pod: &str, port: u16, path: &str) -> Result<String, Fault> {
        let uri = format!("/api/v1/namespaces/{}/pods/{pod}:{port}/proxy{path}", self.namespace);
        call(self.client.request_text(whole(Request::get(uri))?)).await
    }

    /// The lines of a pod's log, from its beginning until its container has ended.
    ///
    /// # Errors
    /// When it may not be read, or the container has not begun.
    pub async fn log_lines(&self, pod: &str) -> Result<impl Stream<Item = io::Result<String>> + use<>, Fault> {
        let params = LogParams { follow: true, ..LogParams::default() };
        Ok(call(self.typed::<Pod>().log_stream(pod, &params)).await?.lines())
    }

    /// Runs a command in a pod, whose output is read
    /// (<https://kubernetes.io/docs/tasks/debug/debug-application/get-shell-running-container/>).
    ///
    /// # Errors
    /// When that is not allowed, or the container does not run.
    pub async fn exec(&self, pod: &str, command: &[&str]) -> Result<AttachedProcess, Fault> {
        let params = AttachParams::default().stdin(false).stdout(true).stderr(false);
        call(self.typed::<Pod>().exec(pod, command.iter().copied(), &params)).await
    }

    /// The pods of these `app.kubernetes.io/name`s: a PodList.
    ///
    /// # Errors
    /// When they may not be listed.
    pub async fn pods_named(&self, names: &[&str]) -> Result<Value, Fault> {
        // app.kubernetes.io/name in (a,b)
        let selector = format!("labelSelector=app.kubernetes.io/name%20in%20%28{}%29", names.join("%2C"));
        let uri = format!("/api/v1/namespaces/{}/pods?{selector}", self.namespace);
        call(self.client.request(whole(Request::get(uri))?)).await
    }

    /// What the namespace's containers use, as `metrics.k8s.io` has it: a PodMetricsList
    /// (<https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/>).
    ///
    /// # Errors
    /// When the cluster does not measure it, or it may not be read.
    pub async fn usage(&self) -> Result<Value, Fault> {
        let uri = format!("/apis/metrics.k8s.io/v1beta1/namespaces/{}/pods", self.namespace);
        call(self.client.request(whole(Request::get(uri))?)).await
    }
}

fn whole(request: Builder) -> Result<Request<Vec<u8>>, Fault> {
    request.body(Vec::new()).map_err(|error| Fault::Other(error.to_string()))
}
