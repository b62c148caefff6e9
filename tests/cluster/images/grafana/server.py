"""Grafana as the manifests meet it: provisioning is read at start, and what is wrong there is the end."""
import base64, http.server, json, os, pathlib, sys, urllib.parse, yaml

PROVISIONING, DATA = (pathlib.Path(os.environ[f"GF_PATHS_{name}"]) for name in ("PROVISIONING", "DATA"))
USER = os.environ.get("GF_SECURITY_ADMIN_USER", "admin")
PASSWORD = os.environ.get("GF_SECURITY_ADMIN_PASSWORD", "admin")
if "GF_SECURITY_ADMIN_PASSWORD__FILE" in os.environ:
    PASSWORD = pathlib.Path(os.environ["GF_SECURITY_ADMIN_PASSWORD__FILE"]).read_text().strip()


def expanded(value):
    """$NAME and ${NAME} in a provisioning file are taken from the environment."""
    if isinstance(value, dict):
        return {key: expanded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [expanded(one) for one in value]
    return os.path.expandvars(value) if isinstance(value, str) else value


def provisioned(kind, key):
    for file in sorted((PROVISIONING / kind).glob("*.y*ml")):
        try:
            document = expanded(yaml.safe_load(file.read_text())) or {}
            yield from document.get(key) or []
        except (yaml.YAMLError, AttributeError, OSError) as error:
            sys.exit(f"logger=provisioning level=error msg=\"Failed to provision {kind}\" file={file} error={error}")


def dashboards():
    for provider in provisioned("dashboards", "providers"):
        for file in sorted(pathlib.Path(provider["options"]["path"]).rglob("*.json")):
            try:
                dashboard = json.loads(file.read_text())
                yield dashboard["uid"], dashboard
            except (ValueError, KeyError) as error:                      # Grafana says so and goes on
                print(f"logger=provisioning.dashboard level=error msg=\"failed to load dashboard\" file={file} error={error!r}")


DATASOURCES, DASHBOARDS = list(provisioned("datasources", "datasources")), dict(dashboards())
for source in DATASOURCES:
    if not source.get("name") or not source.get("type"):
        sys.exit("logger=provisioning level=error msg=\"Datasource provisioning error: a datasource needs name and type\"")
(DATA / "grafana.db").touch()


class Grafana(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path
        if path in ("/api/health", "/healthz"):
            return self.answer(200, {"commit": "stand-in", "database": "ok", "version": "10.4.19"})
        if path == "/login":
            return self.answer(200, {"title": "Grafana"})
        if not path.startswith("/api/"):
            return self.answer(302, {}, Location="/login")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {login}":
            return self.answer(401, {"message": "Unauthorized"})
        if path == "/api/datasources":
            return self.answer(200, DATASOURCES)
        if path == "/api/search":
            return self.answer(200, [{"uid": uid, "title": d.get("title"), "type": "dash-db"} for uid, d in DASHBOARDS.items()])
        uid = path.removeprefix("/api/dashboards/uid/")
        if uid in DASHBOARDS:
            return self.answer(200, {"meta": {"provisioned": True}, "dashboard": DASHBOARDS[uid]})
        self.answer(404, {"message": "Not found"})

    def answer(self, status, body, **headers):
        data = json.dumps(body, indent=2).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


print(f"logger=http.server t=now level=info msg=\"HTTP Server Listen\" datasources={len(DATASOURCES)} dashboards={len(DASHBOARDS)}")
http.server.ThreadingHTTPServer(("", int(os.environ.get("GF_SERVER_HTTP_PORT", 3000))), Grafana).serve_forever()
