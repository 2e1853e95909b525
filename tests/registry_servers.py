"""MLflow served by our application, as an operator starts it: one process, SQLite, the loopback."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from flows.serving.ports import find_free_port
from tests.identity import AUDIENCE, CLIENT, CLIENT_SECRET, Issuer

ROOT = Path(__file__).parents[1]
GATEKEEPER = "svc-release"
SERVICES = {GATEKEEPER: "Gatekeeper", "svc-training": "DataScientist"}
GROUPS = {"ds": "DataScientist", "audit": "ModelAuditor", "platform": "Admin"}
START_SECONDS = 120


@dataclass(frozen=True)
class RunningRegistry:
    """Where it is, what it writes, and the group of its processes."""

    origin: str
    audit_file: Path
    artifacts: Path
    output: Path
    process_group: int


def server_values(origin: str, issuer: str, audit_file: Path) -> dict[str, object]:
    """Return a valid configuration, as its file holds it."""
    return {
        "origin": origin,
        "issuer": issuer,
        "audience": AUDIENCE,
        "client_id": CLIENT,
        "algorithms": ["ES256"],
        "groups": GROUPS,
        "services": SERVICES,
        "longest_token_seconds": 60,
        "recheck_seconds": 1,
        "session_seconds": 3600,
        "clock_skew_seconds": 0,
        "most_artifact_bytes": 1 << 20,
        "audit_file": str(audit_file),
    }


@contextmanager
def registry_server(
    folder: Path,
    issuer: Issuer,
    backend_uri: str = "",
    registry_uri: str = "",
    environ: Mapping[str, str] | None = None,
    changes: Mapping[str, object] | None = None,
) -> Iterator[RunningRegistry]:
    """Run `mlflow server --app-name portcullis`.

    `environ` replaces the variables of secrets, `changes` are to its configuration.
    """
    # An installed package brings this; a checkout is not installed.
    metadata = folder / "site" / "portcullis-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: portcullis\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(
        "[mlflow.app]\nportcullis = tasks.registry_server.app:create_app\n"
        "[mlflow.tracking_store]\nportcullis+postgresql = "
        "tasks.secrets.tracking_store:make_tracking_store\n"
    )

    port = find_free_port()
    origin = f"http://127.0.0.1:{port}"
    config = folder / "server.yaml"
    values = server_values(origin, issuer.address, folder / "audit.jsonl")
    # Beside another origin, it answers to its own address, by which it is waited for.
    values |= {"hosts": [f"127.0.0.1:{port}"], **(changes or {})}
    config.write_text(yaml.safe_dump(values))
    artifacts = folder / "artifacts"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{ROOT}:{folder / 'site'}",
        "PORTCULLIS_SERVER_CONFIG": str(config),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **(
            environ
            or {
                "PORTCULLIS_SERVER_CLIENT_SECRET": CLIENT_SECRET,
                "PORTCULLIS_SERVER_SESSION_KEY": "5a" * 32,
            }
        ),
    }
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "portcullis"]
    command += ["--backend-store-uri", backend_uri or f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--registry-store-uri", registry_uri] if registry_uri else []
    command += ["--workers", "1"]
    command += ["--artifacts-destination", str(artifacts), "--port", str(port)]
    output = folder / "server.log"
    with output.open("wb") as log:
        server = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait(server, origin, output)
            yield RunningRegistry(origin, folder / "audit.jsonl", artifacts, output, server.pid)
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait(server: "subprocess.Popen[bytes]", origin: str, output: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{origin}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(output.read_text(errors="replace")[-4000:])
