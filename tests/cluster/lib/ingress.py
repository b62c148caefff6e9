#!/usr/bin/env python3
"""In the place of k3s' Traefik: leads requests to the Services that Ingresses name, and publishes Traefik's metrics.

As Traefik does, it leads to the pods' own addresses and asks once. Routes: an Ingress' hosts and paths, the longest path first.
Metrics, with Traefik's names, labels and buckets: traefik_service_requests_total and traefik_service_request_duration_seconds.
"""
import asyncio, itertools, threading, time
import aiohttp, prometheus_client
from aiohttp import web
from api import NODE, watch

HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"}
LABELS = ("code", "method", "protocol", "service")
REQUESTS = prometheus_client.Counter("traefik_service_requests_total", "Requests led to a service.", LABELS)
SECONDS = prometheus_client.Histogram("traefik_service_request_duration_seconds", "How long a service took.", LABELS, buckets=(0.1, 0.3, 1.2, 5))

ingresses, services, endpoints, turns = {}, {}, {}, {}


def matches(path, wanted, kind):
    """https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types"""
    if kind == "Exact":
        return path == wanted
    elements = wanted.rstrip("/").split("/")
    return path.split("/")[:len(elements)] == elements


def route(host, path):
    """The namespace of the Ingress that has this host and path, and its backend: the longest path, an exact one first."""
    found = []
    for (namespace, _), ingress in list(ingresses.items()):
        for rule in ingress["spec"].get("rules") or []:
            if rule.get("host", host) == host:
                found += [(rank(one), namespace, one["backend"]["service"]) for one in rule["http"]["paths"]
                          if matches(path, one.get("path", "/"), one["pathType"])]
    return max(found, key=lambda one: one[0])[1:] if found else None


def rank(path):
    return len(path.get("path", "/")), path["pathType"] == "Exact"


def pods(namespace, backend):
    """The backend's port, by the name that Traefik calls the service, and the addresses behind it."""
    name, wanted = backend["name"], backend["port"]
    ports = services.get((namespace, name), {}).get("spec", {}).get("ports", [])
    port = next((port for port in ports if port.get("name") == wanted.get("name") or port["port"] == wanted.get("number")), None)
    if not port:
        return None, []
    addresses = [f"{address['ip']}:{end['port']}"
                 for subset in endpoints.get((namespace, name), {}).get("subsets") or []
                 for end in subset.get("ports") or [] if end.get("name") == port.get("name")
                 for address in subset.get("addresses") or []]
    return f"{namespace}-{name}-{port.get('name', port['port'])}@kubernetes", addresses


async def lead(request):
    found = route(request.host.partition(":")[0], request.path)
    service, addresses = pods(*found) if found else (None, [])
    if not service:
        return web.Response(status=404, text="404 page not found\n")
    began = time.monotonic()
    code = 503
    try:
        if not addresses:
            return web.Response(status=503, text="Service Unavailable\n")
        turn = turns.setdefault(service, itertools.count())
        response = await forward(request, addresses[next(turn) % len(addresses)])
        code = response.status
        return response
    finally:
        labels = (code, request.method, "http", service)
        REQUESTS.labels(*labels).inc()
        SECONDS.labels(*labels).observe(time.monotonic() - began)


async def forward(request, address):
    headers = [(key, value) for key, value in request.headers.items() if key.lower() not in HOP_BY_HOP]
    headers += [("X-Forwarded-For", request.remote or ""), ("X-Forwarded-Host", request.host), ("X-Forwarded-Proto", "http")]
    body = request.content if request.can_read_body else None
    asked = request.app["session"].request(request.method, f"http://{address}{request.raw_path}", headers=headers, data=body,
                                           allow_redirects=False)
    answer = None
    try:
        async with asked as theirs:
            answer = web.StreamResponse(status=theirs.status, reason=theirs.reason)
            for key, value in theirs.headers.items():
                if key.lower() not in HOP_BY_HOP:
                    answer.headers.add(key, value)
            await answer.prepare(request)
            async for chunk in theirs.content.iter_any():
                await answer.write(chunk)
            await answer.write_eof()
            return answer
    except (aiohttp.ClientError, asyncio.TimeoutError) as error:
        print(request.method, request.host, request.path, address, repr(error))
        if answer is not None and answer.prepared:
            raise                                        # half an answer: the connection breaks
        return web.Response(status=502, text="Bad Gateway\n")


async def main():
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", lead)
    limit = aiohttp.ClientTimeout(total=None, connect=5)
    app["session"] = aiohttp.ClientSession(timeout=limit, auto_decompress=False, connector=aiohttp.TCPConnector(limit=0))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, NODE, 80).start()
    await asyncio.Event().wait()


changed = threading.Event()
watch("/apis/networking.k8s.io/v1/ingresses", ingresses, changed)
watch("/api/v1/services", services, changed)
watch("/api/v1/endpoints", endpoints, changed)
prometheus_client.start_http_server(9100, NODE)
asyncio.run(main())
