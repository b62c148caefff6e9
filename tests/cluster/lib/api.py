"""The API server as the cluster's own daemons need it: get, and a list kept in step by a watch."""
import http.client, json, os, ssl, threading, time

STATE, NODE = os.environ["STATE"], os.environ["NODE_IP"]


def tls():
    context = ssl.create_default_context(cafile=f"{STATE}/pki/ca.crt")
    context.load_cert_chain(f"{STATE}/pki/admin.crt", f"{STATE}/pki/admin.key")
    return context


def request(path, port=6443, timeout=10):
    connection = http.client.HTTPSConnection(NODE, port, context=tls(), timeout=timeout)
    connection.request("GET", path)
    response = connection.getresponse()
    if response.status != 200:
        raise OSError(f"{path}: {response.status} {response.read(300)!r}")
    return response


def get(path, port=6443):
    return json.load(request(path, port))


def watch(path, objects, changed):
    """Keep `objects`, by (namespace, name), what the collection is; set the event `changed` after every change."""

    def follow():
        while True:
            try:
                collection = get(path)
                new = {(o["metadata"]["namespace"], o["metadata"]["name"]): o for o in collection["items"]}
                for gone in objects.keys() - new.keys():
                    del objects[gone]
                objects.update(new)
                changed.set()
                version = collection["metadata"]["resourceVersion"]
                for line in request(f"{path}?watch=1&timeoutSeconds=300&resourceVersion={version}", timeout=330):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    meta = event["object"]["metadata"]
                    if event["type"] == "DELETED":
                        objects.pop((meta["namespace"], meta["name"]), None)
                    else:
                        objects[meta["namespace"], meta["name"]] = event["object"]
                    changed.set()
            except Exception as error:
                print("watch", path, repr(error))
                time.sleep(1)

    threading.Thread(target=follow, daemon=True).start()
