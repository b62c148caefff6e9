#!/usr/bin/env python3
"""metrics.k8s.io/v1beta1, for `kubectl top` and the HPAs, from the kubelet's /stats/summary (one node)."""
import http.server, json, ssl, urllib.parse
from api import NODE, STATE, get

GROUP = "metrics.k8s.io/v1beta1"
# How old the oldest processor time in an answer may be: the kubelet measures every ten seconds, over the ten before.
# An HPA reads by it whether a pod's start is still in there.
WINDOW = "30s"


def usage(stats):
    return {"cpu": f"{stats.get('cpu', {}).get('usageNanoCores', 0)}n",
            "memory": f"{stats.get('memory', {}).get('workingSetBytes', 0) // 1024}Ki"}


def metrics(kind, metadata, time, **rest):
    return {"kind": kind, "apiVersion": GROUP, "metadata": metadata, "timestamp": time, "window": WINDOW, **rest}


def nodes():
    node = get("/stats/summary", port=10250)["node"]
    return [metrics("NodeMetrics", {"name": node["nodeName"]}, node["cpu"]["time"], usage=usage(node))]


def pods(namespace, query):
    selectors = {key: query[key] for key in ("labelSelector", "fieldSelector") if key in query}
    path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
    stats = {pod["podRef"]["uid"]: pod for pod in get("/stats/summary", port=10250)["pods"]}
    for pod in get(f"{path}?{urllib.parse.urlencode(selectors)}")["items"]:
        containers = [c for c in stats.get(pod["metadata"]["uid"], {}).get("containers") or []
                      if c.get("cpu", {}).get("usageNanoCores") is not None]
        if containers:
            metadata = {key: pod["metadata"].get(key) for key in ("name", "namespace", "labels")}
            yield metrics("PodMetrics", metadata, containers[0]["cpu"]["time"],
                          containers=[{"name": c["name"], "usage": usage(c)} for c in containers])


def answer(path, query):
    namespace, parts = None, path.strip("/").split("/")[3:]
    if not parts:
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": [
            {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": ["get", "list"]},
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": ["get", "list"]}]}
    if parts[0] == "namespaces":
        namespace, parts = parts[1], parts[2:]
    items = nodes() if parts[0] == "nodes" else list(pods(namespace, query))
    if len(parts) > 1:
        return next((item for item in items if item["metadata"]["name"] == parts[1]), None)
    return {"kind": "NodeMetricsList" if parts[0] == "nodes" else "PodMetricsList", "apiVersion": GROUP, "metadata": {}, "items": items}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        try:
            body = answer(url.path, dict(urllib.parse.parse_qsl(url.query))) if url.path.startswith(f"/apis/{GROUP}") else None
            status = 200 if body else 404
        except Exception as error:
            print(self.path, repr(error))
            body, status = None, 500
        data = json.dumps(body or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((NODE, 4443), Handler)
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=f"{STATE}/pki/ca.crt")
context.verify_mode = ssl.CERT_REQUIRED              # only who has a certificate of this cluster
context.load_cert_chain(f"{STATE}/pki/node.crt", f"{STATE}/pki/node.key")
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
