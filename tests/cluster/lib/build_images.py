#!/usr/bin/env python3
"""build_images.py IMAGES CACHE WORK

Build the layer of every folder of IMAGES that CACHE does not hold yet. A layer is named by the hash of
the folder and of what the folder builds on, so that a change rebuilds just what depends on it. What
`COPY --from=checkout` names is in CACHE/../checkout: the program of this checkout. Runs in a mount
namespace of its own (`unshare --mount`): however it ends, no mount is left behind.
"""
import hashlib, json, os, pathlib, stat, subprocess, sys, tarfile, tempfile, time
import dockerfile

IMAGES, CACHE, WORK = map(pathlib.Path, sys.argv[1:])
CHECKOUT = CACHE.parent / "checkout"
LEFT_OUT = ("proc/", "sys/", "dev/", "tmp/", "run/", "var/lib/apt/lists/", "var/cache/apt/", "var/cache/debconf/", "var/log/",
            "var/cache/ldconfig/", "etc/resolv.conf", "root/.wget")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Image:
    """One folder of IMAGES: its layers, bottom first, and its configuration."""

    def __init__(self, name):
        self.name, self.folder = name, IMAGES / name
        self.stages = dockerfile.parse(self.folder / "Dockerfile") if (self.folder / "Dockerfile").exists() else []
        self.parents = {stage.parent: image(stage.parent) for stage in self.stages if stage.parent != "scratch"}
        digest = hashlib.sha256()
        for file in sorted(self.folder.rglob("*")):
            if file.is_file():
                digest.update(f"{file.relative_to(self.folder)} {file.stat().st_mode & 0o111} ".encode() + file.read_bytes())
        for _, options, sources, _ in (step for stage in self.stages for step in stage.steps if step[0] == "COPY"):
            if options.get("from") == "checkout":
                for source in sources:
                    digest.update((CHECKOUT / source).read_bytes())
        digest.update(" ".join(sorted(parent.key for parent in self.parents.values())).encode())
        self.key = digest.hexdigest()[:12]
        self.tar = CACHE / f"{name}-{self.key}.tar"
        final = self.stages[-1] if self.stages else dockerfile.Stage("scratch", "")
        base = self.parents.get(final.parent)
        self.env = {**(base.env if base else {"PATH": PATH}), **final.env}
        self.config = {**(base.config if base else {}), **final.config, "Env": [f"{k}={v}" for k, v in self.env.items()]}
        if "Entrypoint" in final.config and "Cmd" not in final.config:
            self.config.pop("Cmd", None)
        self.own = bool(final.steps) or not self.stages
        self.layers = (base.layers if base else []) + ([self.tar] if self.own else [])

    def build(self):
        for parent in self.parents.values():
            parent.build()
        if not self.own or self.tar.exists():
            return
        started = time.monotonic()
        roots = {}
        if self.stages:
            for number, stage in enumerate(self.stages):
                roots[stage.name] = self.stage(stage, {**roots, "checkout": CHECKOUT}, f"{self.name}-{number}")
            for root in roots.values():
                subprocess.run(["umount", root], check=True)
            upper = WORK / f"{self.name}-{number}.upper"
        else:
            upper = WORK / f"{self.name}.upper"
            subprocess.run([self.folder / "rootfs", upper], check=True)
        pack(upper, self.tar)
        lowers[self.tar] = upper
        print(f"  image {self.name:34} {time.monotonic() - started:6.1f} s {self.tar.stat().st_size / 1e6:6.0f} MB")

    def stage(self, stage, roots, name):
        """Run one stage on an overlay over its parent's layers; returns where it is mounted."""
        upper, work, root = (WORK / f"{name}.{part}" for part in ("upper", "work", "root"))
        for folder in (upper, work, root):
            folder.mkdir()
        if stage.parent == "scratch":
            below = [WORK / "empty"]
            below[0].mkdir(exist_ok=True)
        else:
            below = [lower(layer) for layer in reversed(self.parents[stage.parent].layers)]
        options = f"lowerdir={':'.join(map(str, below))},upperdir={upper},workdir={work},redirect_dir=off,metacopy=off"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
        env = {**(self.parents[stage.parent].env if stage.parent != "scratch" else {"PATH": PATH}), **stage.env}
        for step in stage.steps:
            if step[0] == "RUN":
                run(root, step[1], env)
            else:
                copy(root, *step[1:], roots.get(step[1].get("from"), self.folder))
        return root


images, lowers = {}, {}


def image(name):
    if name not in images:
        images[name] = Image(name)
    return images[name]


def run(root, command, env):
    for folder in ("proc", "dev", "var/lib/apt/lists", "var/cache/apt", "etc"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/resolv.conf").touch()
    mounts = [("/dev", "dev"), ("/etc/resolv.conf", "etc/resolv.conf")]
    for shared in ("lists", "cache"):                    # package lists and packages are fetched once for all images
        (WORK / shared / "partial").mkdir(parents=True, exist_ok=True)
    mounts += [(WORK / "lists", "var/lib/apt/lists"), (WORK / "cache", "var/cache/apt")]
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    for source, target in mounts:
        subprocess.run(["mount", "--rbind", source, root / target], check=True)
    try:
        subprocess.run(["chroot", root, "/bin/sh", "-ec", command], check=True, stdin=subprocess.DEVNULL,
                       env={**env, "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", **proxies()})
    finally:
        for target in ["proc"] + [target for _, target in mounts]:
            subprocess.run(["umount", "--lazy", root / target], check=True)


def proxies():
    return {name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy", "no_proxy")}


def copy(root, options, sources, target, origin):
    """As Docker does: the contents of a folder, not the folder; a target with a slash at its end is a folder."""
    owner = [int(part) for part in options.get("chown", "0:0").split(":")]
    mode = options.get("chmod")
    for source in sources:
        source = origin / source.lstrip("/")
        to = root / target.lstrip("/")
        if source.is_dir():
            subprocess.run(["mkdir", "-p", to], check=True)
            subprocess.run(["cp", "-a", f"{source}/.", to], check=True)
        else:
            to = to / source.name if target.endswith("/") else to
            to.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", source, to], check=True)
        if "from" not in options or "chown" in options:
            subprocess.run(["chown", "-R", "%d:%d" % tuple(owner), to], check=True)
        if mode:
            subprocess.run(["chmod", "-R", mode, to], check=True)


def pack(upper, tar):
    """What an overlay's upper folder holds, as an OCI layer: what was deleted becomes a file `.wh.<name>`."""
    with tempfile.NamedTemporaryFile(dir=tar.parent, prefix="tmp.", delete=False) as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for folder, folders, files in os.walk(upper):
                folders.sort()
                for name in sorted(folders + files):
                    path = pathlib.Path(folder, name)
                    inside = str(path.relative_to(upper))
                    info, about = archive.gettarinfo(path, inside), path.lstat()
                    if inside.startswith(LEFT_OUT) or info is None:
                        continue
                    if stat.S_ISCHR(about.st_mode) and about.st_rdev == 0:
                        archive.addfile(tarfile.TarInfo(os.path.join(os.path.dirname(inside), f".wh.{name}")))
                        continue
                    if info.isreg():
                        with open(path, "rb") as content:
                            archive.addfile(info, content)
                    else:
                        archive.addfile(info)
                    if info.isdir() and b"y" == xattr(path):
                        archive.addfile(tarfile.TarInfo(f"{inside}/.wh..wh..opq"))
    digest = hashlib.sha256()
    with open(file.name, "rb") as content:
        while block := content.read(1 << 20):
            digest.update(block)
    tar.with_suffix(".sha256").write_text(digest.hexdigest())
    os.replace(file.name, tar)


def xattr(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque", follow_symlinks=False)
    except OSError:
        return b""


def lower(layer):
    """A layer as an overlay's lower folder: the one it was packed from in this run, or its tar unpacked."""
    if layer not in lowers:
        lowers[layer] = folder = WORK / f"{layer.stem}.lower"
        folder.mkdir()
        subprocess.run(["tar", "--numeric-owner", "-xpf", layer, "-C", folder], check=True)
        for marker in list(folder.rglob(".wh.*")):
            marker.unlink()
            if marker.name == ".wh..wh..opq":
                os.setxattr(marker.parent, "trusted.overlay.opaque", b"y")
            else:
                os.mknod(marker.with_name(marker.name.removeprefix(".wh.")), stat.S_IFCHR, 0)
    return lowers[layer]


def remove(folder):
    subprocess.run(["rm", "-rf", "--one-file-system", folder], check=True)


def all_images():
    return [image(folder.name) for folder in sorted(IMAGES.iterdir()) if folder.is_dir()]


def main():
    remove(WORK)
    WORK.mkdir(parents=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    wanted = all_images()
    for one in wanted:
        one.build()
    needed = {one.tar.stem for one in wanted}
    for old in CACHE.iterdir():
        if old.stem not in needed:
            old.unlink()
    remove(WORK)


if __name__ == "__main__":
    main()
