//! A page that a pod serves, through the API server.

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
        let request = http::Request::get(uri).body(Vec::new()).map_err(|error| Fault::Other(error.to_string()))?;
        call(self.client.request_text(request)).await
    }
}
