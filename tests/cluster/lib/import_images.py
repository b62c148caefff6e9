#!/usr/bin/env python3
"""import_images.py IMAGES LAYERS VALUES CTR...

Give containerd the images that it does not have yet: those of VALUES (envs/default.yaml) under the names
and tags of production, and the cluster's own as docker.io/keyboss-test/<name>. CTR is the command that
reaches containerd. A new tag in VALUES costs no build.
"""
import hashlib, io, json, pathlib, subprocess, sys, tarfile, yaml

IMAGES, LAYERS, VALUES = map(pathlib.Path, sys.argv[1:4])
CTR = sys.argv[4:]
OURS = {"pause": "docker.io/keyboss-test/pause:3.2", "shell": "docker.io/keyboss-test/debian:12"}
sys.argv[1:] = [str(IMAGES), str(LAYERS), "/nonexistent"]
import build_images  # noqa: E402  (reads its arguments when it is imported)


def full(repository, tag):
    """The name that containerd knows an image by."""
    host, slash, _ = repository.partition("/")
    if not slash:
        repository = f"docker.io/library/{repository}"
    elif "." not in host and ":" not in host and host != "localhost":
        repository = f"docker.io/{repository}"
    return f"{repository}:{tag}"


def names():
    for name, image in yaml.safe_load(VALUES.read_text())["images"].items():
        if not (IMAGES / name).is_dir():
            print(f"  image {name} of {VALUES.name} has no stand-in in {IMAGES}")
            continue
        for tag in (image["tag"], "next"):                               # `next`: for tests that need a second tag
            yield full(image["repository"], tag), name
    yield from ((reference, name) for name, reference in OURS.items())


def blob(blobs, data, kind):
    digest = hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {"mediaType": f"application/vnd.oci.image.{kind}.v1+json", "digest": f"sha256:{digest}", "size": len(data)}


def manifest(name, blobs):
    image = build_images.image(name)
    digests = [layer.with_suffix(".sha256").read_text() for layer in image.layers]
    blobs.update(zip(digests, image.layers))
    config = {"architecture": "amd64", "os": "linux", "config": image.config,
              "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]}}
    return blob(blobs, json.dumps({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(blobs, json.dumps(config).encode(), "config"),
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{digest}",
                    "size": layer.stat().st_size} for digest, layer in zip(digests, image.layers)],
    }).encode(), "manifest")


def main():
    listed = subprocess.run([*CTR, "images", "ls"], check=True, capture_output=True, text=True).stdout
    present = {line.split()[0]: line.split()[2] for line in listed.splitlines()[1:]}
    blobs, manifests = {}, []
    for reference, name in names():
        image_blobs = {}
        descriptor = manifest(name, image_blobs)
        if present.get(reference) != descriptor["digest"]:
            blobs.update(image_blobs)
            manifests.append({**descriptor, "annotations": {"io.containerd.image.name": reference}})
    if not manifests:
        return
    importing = subprocess.Popen([*CTR, "images", "import", "--no-unpack=false", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with tarfile.open(fileobj=importing.stdin, mode="w|") as archive:
        def add(path, data):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))

        add("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        for digest, content in blobs.items():
            if isinstance(content, bytes):
                add(f"blobs/sha256/{digest}", content)
            else:
                archive.add(content, f"blobs/sha256/{digest}")
        add("index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}).encode())
    importing.stdin.close()
    if importing.wait():
        sys.exit("containerd took no images")
    print("\n".join(f"  imported {m['annotations']['io.containerd.image.name']}" for m in manifests))


main()
