#!/usr/bin/env python3
"""The registry that containerd asks for every image that is not on the node. It has none, and says so
in the words of a real one, so that a missing image fails at once and not in a time-out."""
import http.server, json, os


class Registry(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path in ("/v2", "/v2/"):
            return self.answer(200, {})
        blob = "/blobs/" in self.path
        self.answer(404, {"errors": [{
            "code": "BLOB_UNKNOWN" if blob else "MANIFEST_UNKNOWN",
            "message": "blob unknown to registry" if blob else "manifest unknown",
            "detail": {"name": self.path.split("?")[0].removeprefix("/v2/")}}]})

    do_HEAD = do_GET

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


http.server.ThreadingHTTPServer((os.environ["NODE_IP"], 5000), Registry).serve_forever()
