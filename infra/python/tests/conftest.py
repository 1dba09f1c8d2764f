"""The real broker and registry: those of the launcher, one for all tests."""

import json
import os
import pathlib
import subprocess
import uuid

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED = pathlib.Path(os.environ.get("CALIBRANT_SHARED", ROOT.parent / "shared"))


def environment():
    """The launcher's: what is a setting of these tests alone is none of its own."""
    return {name: value for name, value in os.environ.items() if name != "CALIBRANT_SHARED"}


class Launcher:
    """The launcher with a broker and registry of its own."""

    def __init__(self, command, directory):
        self.command = command
        self.directory = directory
        self.up = subprocess.Popen(
            [command, "up", "--dir", str(directory / "up")],
            stdout=subprocess.PIPE,
            stderr=open(directory / "up.log", "w"),
            env=environment(),
            text=True,
        )
        line = self.up.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} up: {(directory / 'up.log').read_text()}")
        place = json.loads(line)
        self.bootstrap_servers = place["bootstrapServer"]
        self.schema_registry = place["schemaRegistry"]
        self.run("topics", "--apply")

    def place(self):
        return ["--bootstrap-server", self.bootstrap_servers, "--schema-registry", self.schema_registry]

    def run(self, *arguments, timeout=300):
        done = subprocess.run(
            [self.command, *map(str, arguments), *self.place()],
            capture_output=True,
            env=environment(),
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def check(self, *arguments):
        done = subprocess.run(
            [self.command, "check", *map(str, arguments)],
            capture_output=True,
            env=environment(),
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments):
        name = f"{arguments[0]}-{uuid.uuid4().hex[:6]}"
        return subprocess.Popen(
            [self.command, *map(str, arguments), *self.place()],
            stdout=open(self.directory / f"{name}.out", "w"),
            stderr=open(self.directory / f"{name}.log", "w"),
            env=environment(),
        )

    def close(self):
        stop(self.up)


def stop(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def launcher(tmp_path_factory):
    command = os.environ.get("CALIBRANT", str(ROOT / "infra" / "calibrant"))
    if not os.path.exists(command):
        pytest.skip(f"needs the launcher, and CALIBRANT is {command!r}")
    started = Launcher(command, tmp_path_factory.mktemp("launcher"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def connection(launcher):
    from calibrant import Connection

    return Connection(launcher.bootstrap_servers, launcher.schema_registry)


@pytest.fixture(scope="session")
def golden():
    directory = SHARED / "golden"
    if not (directory / "mcq_golden.json").exists():
        pytest.skip(f"needs the golden files in {directory}")
    return directory


@pytest.fixture()
def impatient(monkeypatch):
    """Who looks for a broker that is away gives up sooner than after 10 s."""
    for module in ("connection", "publishing"):
        monkeypatch.setattr(f"calibrant.{module}._PATIENCE", 2.0)
    monkeypatch.setattr("calibrant.publishing._PARTING", 0.5)


@pytest.fixture()
def name():
    return f"run-{uuid.uuid4().hex[:8]}"
