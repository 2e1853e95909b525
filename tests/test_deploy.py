"""What `deploy/` starts: processes that are there, as accounts without privileges, no secret shown.

A server and a worker are started by the very command lines and variables of the units.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from flows.serving.ports import HOST, find_free_port
from tasks.registry_bucket.preparing import policy_of, prepare_bucket
from tasks.settings import PREFIX, known_names
from tests.certificates import write_certificate
from tests.flows.workspace import Workspace, make
from tests.manifests import Manifests
from tests.services import has_pgaudit, postgres

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OWN_ACCOUNT = [unit for unit in UNITS if unit.stem != "portcullis-worker"]  # that one gives root up
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CONTAINERFILES = sorted((DEPLOY / "container").glob("*Containerfile"))
CONTAINERFILE = (DEPLOY / "container" / "Containerfile").read_text()
WAIT_SECONDS = 120


def settings_of(unit: Path) -> dict[str, list[str]]:
    """Return the directives of a unit, each with all its values."""
    settings: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            settings.setdefault(name, []).append(value)
    return settings


def environment_of(unit: Path) -> dict[str, str]:
    """Return what a unit sets, by itself."""
    lines = settings_of(unit).get("Environment", [])
    words = [word for line in lines for word in shlex.split(line)]
    return dict(word.split("=", 1) for word in words)


# Units


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_sets_no_variable_that_nothing_reads(unit: Path) -> None:
    ours = {name for name in environment_of(unit) if name.startswith(PREFIX)}
    assert ours <= known_names()


@pytest.mark.parametrize("unit", OWN_ACCOUNT, ids=lambda unit: unit.stem)
def test_a_unit_runs_as_an_account_that_the_script_makes_and_can_gain_nothing(unit: Path) -> None:
    settings = settings_of(unit)
    assert settings["User"][0] in (DEPLOY / "systemd" / "accounts.sh").read_text()
    assert settings["NoNewPrivileges"] == ["yes"]
    assert settings["CapabilityBoundingSet"] == [""]
    assert settings["ProtectSystem"] == ["strict"]
    assert settings["UMask"] == ["0077"]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_reads_every_directive(unit: Path, tmp_path: Path) -> None:
    try:
        # Programs and documents of a unit lie where it is installed, and not here.
        text = re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", unit.read_text())
        (tmp_path / unit.name).write_text(text)
        command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / unit.name)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no systemd-analyze on the PATH")
    # Others of the machine's own units are read along with it.
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


@contextlib.contextmanager
def started(unit: Path, workspace: Workspace, state: Path, port: int) -> Iterator[Path]:
    """Run what a unit runs, with what it sets and nothing else; yield the file of its output."""

    def here(text: str) -> str:
        text = text.replace("/srv/models", str(workspace.root)).replace("4200", str(port))
        return text.replace("/var/lib", str(state))

    command = shlex.split(here(settings_of(unit)["ExecStart"][0]))
    environment = {name: here(value) for name, value in environment_of(unit).items()}
    environment.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    (state / unit.stem).mkdir(mode=0o700)
    output = state / f"{unit.stem}.log"
    with output.open("w") as stream:
        process = subprocess.Popen(
            command, cwd=workspace.root, env=environment, stdout=stream, stderr=stream,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield output
        assert process.poll() is None, output.read_text()[-3000:]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(int(settings_of(unit)["TimeoutStopSec"][0]))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def asked(url: str, body: dict[str, Any] | None = None) -> Any:
    """Return what Prefect's API answers, as soon as it does."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


@pytest.mark.integration
def test_server_and_worker_of_the_units_find_one_another(tmp_path: Path) -> None:
    workspace = make(tmp_path / "checkout", tmp_path / "home")
    (workspace.root / ".venv").symlink_to(sys.prefix)
    port = find_free_port()
    api = f"http://{HOST}:{port}/api"
    worker, server = OWN_ACCOUNT
    with started(server, workspace, tmp_path, port):
        assert asked(f"{api}/health") is True
        with started(worker, workspace, tmp_path, port) as output:
            end = time.monotonic() + WAIT_SECONDS
            online: list[Any] = []
            while not online and time.monotonic() < end:
                time.sleep(0.5)
                with contextlib.suppress(OSError):
                    online = asked(f"{api}/work_pools/portcullis/workers/filter", {})
            assert online, output.read_text()[-3000:]


# Containers


def test_the_image_that_is_built_by_default_ends_as_a_number_that_is_not_root() -> None:
    last = CONTAINERFILE.rpartition("\nFROM ")[2]
    (user,) = re.findall(r"(?m)^USER (\d+):(\d+)$", last)
    assert 0 not in map(int, user)


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
def test_no_digest_is_invented_and_none_is_left_out(path: Path) -> None:
    text = path.read_text()
    froms = re.findall(r"(?m)^FROM (\S+)", text)
    assert froms[0] == "${BASE}"
    assert set(froms[1:]) <= {"system"}
    assert re.findall(r"(?m)^ARG BASE.*$", text)[0] == "ARG BASE"  # without a default


@pytest.mark.parametrize("path", CONTAINERFILES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("base", "code"),
    [
        ("debian@sha256:" + "a" * 64, 0),
        ("debian:bookworm", 2),
        ("debian@sha256:" + "a" * 63, 2),
        ("", 2),
    ],
)
def test_a_build_stops_at_a_base_without_a_digest(path: Path, base: str, code: int) -> None:
    (step,) = re.findall(r"(?ms)^RUN (case .*?esac)$", path.read_text())
    done = subprocess.run(
        ["sh", "-c", step.replace("\\\n", "")], env={"BASE": base}, capture_output=True, check=False
    )
    assert done.returncode == code


def test_mlflow_finds_what_the_image_s_checkout_offers(tmp_path: Path) -> None:
    (program,) = re.findall(r'-c \\\n    "(from pathlib .*)"', CONTAINERFILE)
    root = DEPLOY.parent
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, env=python_path(root))
    listing = (
        "from importlib.metadata import entry_points as e; "
        "print(*sorted(f'{p.group} {p.name} {p.load().__name__}' for g in "
        "('mlflow.app', 'mlflow.tracking_store', 'mlflow.model_registry_store') "
        "for p in e(group=g) if 'portcullis' in p.name), sep='\\n')"
    )
    places = python_path(root, tmp_path / "entry-points")
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=tmp_path, env=places, capture_output=True, text=True
    )  # fmt: skip
    found = {line.rpartition(" ")[0] for line in done.stdout.splitlines()}
    assert {
        "mlflow.app portcullis",
        "mlflow.tracking_store portcullis+postgresql",
        "mlflow.model_registry_store portcullis+postgresql",
    } <= found, done.stderr
    assert "PYTHONPATH=/opt/portcullis:/opt/portcullis/entry-points" in CONTAINERFILE


def python_path(*folders: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, folders))}


@pytest.mark.parametrize("secret", [".portcullis", ".venv", "data/*/*", "deploy/compose/secrets"])
def test_keys_rows_and_secrets_stay_out_of_the_image(secret: str) -> None:
    ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
    assert secret in ignored
    assert not [line for line in ignored if line.startswith("!")]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_can_gain_nothing_and_write_nowhere_but_to_its_volumes(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert "?" in service["image"]  # compose stops where nobody has said which image


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_a_container_s_variables(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search("PASSWORD|SECRET_|TOKEN|KEY|_URL_FILE|CONNECTION_URL", variable):
            assert variable.endswith("_FILE")
            assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
        assert "@" not in value


def test_only_the_proxy_can_be_reached_from_elsewhere() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    # The port of the proxy, whose network is the registry's; that one listens on 127.0.0.1 alone.
    assert ports == {
        "registry": ["${REGISTRY_ADDRESS:-127.0.0.1}:8443:8443"],
        "prefect": [f"{HOST}:4200:4200"],
    }
    assert SERVICES["proxy"]["network_mode"] == "service:registry"
    assert "--host=127.0.0.1" in SERVICES["registry"]["command"]


def test_what_holds_secrets_and_rows_has_no_way_out() -> None:
    leading_out = {name for name, network in COMPOSE["networks"].items() if not network}
    reaching = {name for name, s in SERVICES.items() if leading_out & set(s.get("networks", []))}
    assert reaching == {"registry", "shipper", "prefect", "worker"}


def test_every_server_says_whether_it_is_well_and_others_wait_for_it() -> None:
    waited_for = {
        (other, how["condition"])
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
    }
    well = {name for name, condition in waited_for if condition == "service_healthy"}
    assert well == {"database", "prefect", "registry"}
    assert all("healthcheck" in SERVICES[name] for name in well)


def test_a_container_mounts_what_is_declared_and_nothing_is_declared_for_nobody() -> None:
    for kind in ("secrets", "configs"):
        mounted = {
            item if isinstance(item, str) else item["source"]
            for service in SERVICES.values()
            for item in service.get(kind, [])
        }
        assert mounted == set(COMPOSE[kind])
    for item in COMPOSE["configs"].values():
        assert (DEPLOY / "compose" / item["file"]).is_file()
    volumes = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    }
    assert volumes == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_reads_the_files_that_it_mounts(name: str) -> None:
    service = SERVICES[name]
    mounted = {
        f"/run/secrets/{item}" if isinstance(item, str) else item["target"]
        for kind in ("secrets", "configs")
        for item in service.get(kind, [])
    }
    words = [*service.get("command", []), *map(str, service.get("environment", {}).values())]
    named = {path for word in words for path in re.findall(r"(?:/run/secrets|/etc)/[\w./]+", word)}
    assert named <= mounted


def test_containers_and_pods_are_told_the_same() -> None:
    pods = Manifests.read().workloads()
    same = {"database": "postgresql", "prefect": "prefect", "worker": "worker"}
    for name, container in {**same, "registry": "registry"}.items():
        (spec,) = [c for c in pods[name]["spec"]["containers"] if c["name"] == container]
        there = {variable["name"]: variable["value"] for variable in spec["env"]}
        here = SERVICES[name].get("environment", {})
        # Files lie elsewhere; the data's folder and the probe's port are the pod's own business.
        assert set(here) <= set(there)
        for variable, value in here.items():
            assert there[variable] == value or value.startswith("/"), variable
    assert SERVICES["registry"]["command"] == pods["registry"]["spec"]["containers"][1]["command"]


# The bucket's files, for whoever makes it without us


class RecordingClient:
    """Takes down what is asked of an S3 server."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda **arguments: self.asked.update({name: arguments})


def test_the_bucket_s_files_are_what_the_product_itself_sets() -> None:
    lock = json.loads((DEPLOY / "registry" / "release-bucket-lock.json").read_text())
    days = lock["Rule"]["DefaultRetention"]["Days"]
    client = RecordingClient()
    prepare_bucket(client, "releases", days, policy_of("releases", "worker", DEPLOY.parent))
    assert client.asked["put_object_lock_configuration"]["ObjectLockConfiguration"] == lock
    assert client.asked["create_bucket"]["ObjectLockEnabledForBucket"] is True

    text = (DEPLOY / "registry" / "release-bucket-policy.json").read_text()
    filled = json.loads(text.replace("BUCKET", "releases").replace("WRITER", "worker"))
    assert json.loads(client.asked["put_bucket_policy"]["Policy"]) == filled
    worker = SERVICES["worker"]["environment"]
    assert worker["PORTCULLIS_RELEASE_BUCKET_DAYS"] == str(days)
    assert worker["PORTCULLIS_RELEASE_BUCKET"] == "s3://releases"


# The example pipeline

PIPELINE: dict[str, Any] = yaml.safe_load((DEPLOY / "pipeline" / "gitlab-ci.yml").read_text())


@pytest.mark.parametrize(
    ("image", "code"),
    [("i@sha256:" + "a" * 64, 0), ("i:1.0", 1), ("i@sha256:" + "a" * 63, 1), ("", 1)],
)
def test_a_pipeline_goes_on_with_pinned_images_alone(image: str, code: int) -> None:
    (step,) = PIPELINE["images-are-pinned"]["script"]
    names = set(re.findall(r'"\$(\w+)"', step)) - {"image"}
    every = re.findall(r"\$\{?(\w+_IMAGE|\w+_BASE)", str(PIPELINE))
    assert names == set(every)
    for name in names:
        good = dict.fromkeys(names, "i@sha256:" + "b" * 64)
        environment = {"PATH": os.environ["PATH"], **good, name: image}
        done = subprocess.run(["sh", "-c", step], env=environment, capture_output=True, check=False)
        assert done.returncode == code


def test_a_pipeline_builds_nothing_that_was_not_weighed_and_scans_what_it_built() -> None:
    assert {"supply-chain", "tests", "images-are-pinned"} <= set(PIPELINE["images"]["needs"])
    assert PIPELINE["supply-chain"]["script"] == ["./portcullis scan --sbom portcullis.cdx.json"]
    scanned = {job["variables"]["NAME"] for job in PIPELINE.values() if "extends" in job}
    built = set(re.findall(r"-t (\w+)", str(PIPELINE["images"]["script"])))
    assert scanned == built


# The database's configuration


@pytest.mark.integration
def test_postgresql_starts_by_the_committed_files_and_takes_tls_1_3_alone() -> None:
    if not has_pgaudit():
        pytest.skip("no pgaudit on this machine (Debian package postgresql-15-pgaudit)")
    text = (DEPLOY / "database" / "postgresql.conf").read_text()
    settings = dict(re.findall(r"(?m)^(\w+) = '?([^'\n]*)'?$", text))
    # Not pytest's own folder: PostgreSQL's account could not enter it.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        write_certificate(folder, "database")
        hba = folder / "pg_hba.conf"
        hba.write_text("host all all 127.0.0.1/32 trust\n")  # until there is a password
        for path in folder.iterdir():
            path.chmod(0o400)
            if not os.getuid():
                shutil.chown(path, "postgres")
        settings |= {
            "listen_addresses": HOST,
            "hba_file": str(hba),
            "ssl_cert_file": str(folder / "tls.crt"),
            "ssl_key_file": str(folder / "tls.key"),
            "log_directory": "log",
        }
        with postgres(settings) as url:
            with psycopg.connect(url, autocommit=True) as link:
                shown = [
                    link.execute(SQL("SHOW {}").format(Identifier(name))).fetchone()
                    for name in ("shared_preload_libraries", "ssl", "log_destination")
                ]
                link.execute("ALTER ROLE t PASSWORD 'only for this test'")
                hba.chmod(0o600)
                hba.write_text((DEPLOY / "database" / "pg_hba.conf").read_text())
                link.execute("SELECT pg_reload_conf()")
            assert shown == [("pgaudit",), ("on",), ("jsonlog",)]
            _require_tls(url, folder / "tls.crt")


def _require_tls(url: str, authority: Path) -> None:
    given = make_conninfo(url, password="only for this test", sslrootcert=str(authority))
    deadline = time.monotonic() + 30
    while True:  # it takes a moment until its processes have read the file anew
        try:
            psycopg.connect(make_conninfo(given, sslmode="disable")).close()
        except psycopg.OperationalError:
            break
        assert time.monotonic() < deadline
    with psycopg.connect(make_conninfo(given, sslmode="verify-ca")) as link:
        used = link.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert used.fetchone() == ("TLSv1.3",)
    for how in ({"ssl_max_protocol_version": "TLSv1.2"}, {"password": "another"}):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(make_conninfo(given, sslmode="require", **how))


def with_secrets(*command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [DEPLOY / "container" / "with-secrets", *command],
        env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_secret_s_file_becomes_the_variable_of_the_process_alone(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://a:p w'$(id)\"@db/x\n")
    done = with_secrets("env", DATABASE_URL_FILE=str(tmp_path / "url"), OTHER="1")
    lines = done.stdout.splitlines()
    assert "DATABASE_URL=postgresql://a:p w'$(id)\"@db/x" in lines
    assert "OTHER=1" in lines
    assert not [line for line in lines if line.startswith("DATABASE_URL_FILE=")]


def test_a_secret_that_is_not_there_is_one_line_and_nothing_starts(tmp_path: Path) -> None:
    done = with_secrets("echo", "started", DATABASE_URL_FILE=str(tmp_path / "url"))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("with-secrets: DATABASE_URL_FILE: expected a file")
