#!/usr/bin/env python3
"""default_kubeconfig.py add|remove FILE ADMIN CONTEXT

What k3d does with the user's own kubeconfig: `add` merges the context of the file ADMIN into FILE and
switches to it; `remove` takes it out again and switches back to the context that was current before,
which is remembered in FILE itself, as an extension.
"""
import os, pathlib, sys, tempfile, yaml

action, file, admin, context = sys.argv[1:]
path = pathlib.Path(os.path.realpath(file))
if path == pathlib.Path(admin).resolve() or (action == "remove" and not path.exists()):
    sys.exit()
old = path.read_text() if path.exists() else ""
config = yaml.safe_load(old) or {"apiVersion": "v1", "kind": "Config"}

previous = None
for kind in ("clusters", "users", "contexts"):
    entries = config.get(kind) or []
    for entry in entries:
        if kind == "contexts" and entry["name"] == context:
            for extension in entry["context"].get("extensions") or []:
                if extension["name"] == "previous-context":
                    previous = extension["extension"]
    config[kind] = [entry for entry in entries if entry["name"] != context]

if action == "add":
    current = config.get("current-context") or ""
    if current != context:
        previous = current
    ours = yaml.safe_load(pathlib.Path(admin).read_text())
    ours["contexts"][0]["context"]["extensions"] = [{"name": "previous-context", "extension": previous or ""}]
    for kind in ("clusters", "users", "contexts"):
        config[kind] += ours[kind]
    config["current-context"] = context
elif config.get("current-context") == context:
    names = {entry["name"] for entry in config["contexts"]}
    config["current-context"] = previous if previous in names else ""

new = yaml.safe_dump(config, sort_keys=False)
if new != old:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as f:
        f.write(new)
    os.replace(f.name, path)
