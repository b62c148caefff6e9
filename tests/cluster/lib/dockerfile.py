"""The part of the Dockerfile language that tests/cluster/images uses: FROM, RUN, COPY and the settings."""
import dataclasses, json, pathlib, shlex

SETTINGS = {"USER": "User", "WORKDIR": "WorkingDir", "STOPSIGNAL": "StopSignal", "ENTRYPOINT": "Entrypoint", "CMD": "Cmd"}


@dataclasses.dataclass
class Stage:
    parent: str
    name: str
    steps: list = dataclasses.field(default_factory=list)     # ("RUN", command) or ("COPY", options, sources, target)
    config: dict = dataclasses.field(default_factory=dict)    # of the image, in the words of the OCI specification
    env: dict = dataclasses.field(default_factory=dict)


def parse(path: pathlib.Path):
    """The stages of a Dockerfile, the image itself last."""
    stages = []
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        if not line.strip():
            continue
        word, rest = line.split(None, 1)
        rest = rest.strip()
        if word == "FROM":
            parent, _, name = rest.partition(" AS ")
            stages.append(Stage(parent.strip(), name.strip()))
        elif word == "RUN":
            stages[-1].steps.append(("RUN", rest))
        elif word == "COPY":
            words = rest.split()
            options = dict(option.removeprefix("--").split("=", 1) for option in words if option.startswith("--"))
            *sources, target = [w for w in words if not w.startswith("--")]
            stages[-1].steps.append(("COPY", options, sources, target))
        elif word == "ENV":
            stages[-1].env.update(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "VOLUME":
            stages[-1].config["Volumes"] = {volume: {} for volume in json.loads(rest)}
        elif word in SETTINGS:
            stages[-1].config[SETTINGS[word]] = json.loads(rest) if rest.startswith("[") else rest
        else:
            raise SystemExit(f"{path}: {word} is not supported")
    return stages
