#!/usr/bin/env python3
"""Cluster DNS: Services and Endpoints become a hosts file, which dnsmasq serves (A and PTR; no SRV).

A name that does not exist is answered with NXDOMAIN at once, also outside cluster.local.
"""
import ctypes, os, signal, socket, subprocess, sys, threading, time
from api import NODE, STATE, watch

HOSTS, ZONE = f"{STATE}/run/dns.hosts", "svc.cluster.local"
services, endpoints, changed = {}, {}, threading.Event()


def hosts():
    for (namespace, name), service in list(services.items()):         # a watch may change it meanwhile
        domain, spec = f"{name}.{namespace}.{ZONE}", service["spec"]
        if spec.get("clusterIP") not in (None, "", "None"):
            yield f"{spec['clusterIP']} {domain}"
            continue
        for subset in endpoints.get((namespace, name), {}).get("subsets") or []:
            for address in subset.get("addresses") or []:
                if address.get("hostname"):              # pods of a StatefulSet
                    yield f"{address['ip']} {address['hostname']}.{domain}"
                yield f"{address['ip']} {domain}"


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def write(names):
    with open(HOSTS + ".new", "w") as f:
        f.write(names)
    os.replace(HOSTS + ".new", HOSTS)


def listens():
    try:
        socket.create_connection((NODE, 53), timeout=1).close()
        return True
    except OSError:
        return False


write("")
dnsmasq = subprocess.Popen(
    ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--log-facility=-",
     "--pid-file", "--bind-interfaces", "--except-interface=lo", f"--listen-address={NODE}", f"--addn-hosts={HOSTS}",
     "--local=/#/", "--local-ttl=1", "--cache-size=0", "--dns-forward-max=1000"],
    preexec_fn=die_with_parent)
signal.signal(signal.SIGTERM, lambda *_: (dnsmasq.kill(), sys.exit()))
while dnsmasq.poll() is None and not listens():          # before that, the SIGHUP below would end it
    time.sleep(0.02)
watch("/api/v1/services", services, changed)
watch("/api/v1/endpoints", endpoints, changed)
old = None
while dnsmasq.poll() is None:
    changed.wait(5)
    changed.clear()
    time.sleep(0.02)                                     # a burst of events is one change
    new = "\n".join(sorted(set(hosts()))) + "\n"
    if new != old:
        write(new)
        dnsmasq.send_signal(signal.SIGHUP)
        old = new
sys.exit(f"dnsmasq ended with code {dnsmasq.returncode}")
