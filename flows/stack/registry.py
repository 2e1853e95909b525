"""MLflow behind the layers that are on, as `mlflow server` starts it."""

import os
import secrets
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path

import yaml

from flows.serving.ports import HOST
from flows.stack.server_process import (
    ServerProcess,
    StackServer,
    is_answering,
    own_folder,
    plain_environment,
)

CHECKOUT = Path(__file__).parents[2]
APP = "portcullis"
SESSION_KEY_BYTES = 32


class RegistryProcess(StackServer):
    """The server of the pages and of the API.

    Attributes:
        origin: Its address.
    """

    def __init__(
        self,
        folder: Path,
        log: Path,
        *,
        port: int,
        store_url: str,
        artifacts: str,
        registry_store_url: str = "",
        config: Mapping[str, object] | None = None,
        client_secret: str = "",
        secrets_file: Path | None = None,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.origin = f"http://{HOST}:{port}"
        self._folder = own_folder(folder)

        # One: what layer 1 remembers of sessions is of its process
        # (`tasks/registry_server/sessions.py`).
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
        command += ["--host", HOST, "--port", str(port), "--artifacts-destination", artifacts]

        # Addresses with passwords go by the environment, which other accounts cannot read.
        environment = plain_environment(
            self._folder,
            PYTHONPATH=os.pathsep.join([str(CHECKOUT), str(self._folder / "site")]),
            MLFLOW_BACKEND_STORE_URI=_with_driver(store_url),
            MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
            MLFLOW_DISABLE_TELEMETRY="true",
            **(more or {}),
        )

        # Layer 2. Without it MLflow's own store serves, on the same database.
        if registry_store_url:
            environment["MLFLOW_REGISTRY_STORE_URI"] = registry_store_url

        if config is not None:
            command += ["--app-name", APP]
            path = self._folder / "server.yaml"
            path.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
            environment |= {
                "PORTCULLIS_SERVER_CONFIG": str(path),
            }

        # Without OpenBao both go by the environment, which other accounts cannot read.
        if config is not None and secrets_file is None:
            environment |= {
                "PORTCULLIS_SERVER_CLIENT_SECRET": client_secret,
                "PORTCULLIS_SERVER_SESSION_KEY": secrets.token_hex(SESSION_KEY_BYTES),
            }
        if secrets_file is not None:
            # It asks OpenBao for what the file refers to; MLflow's store of runs comes by the same
            # way, and the registry's by SQLAlchemy's engines, which the first one made log in.
            environment |= {
                "PORTCULLIS_SECRETS": str(secrets_file),
                "MLFLOW_BACKEND_STORE_URI": f"portcullis+{store_url}",
                "MLFLOW_REGISTRY_STORE_URI": registry_store_url or _with_driver(store_url),
            }

        self._process = ServerProcess(
            name="MLflow",
            command=command,
            log=log,
            environment=environment,
            folder=self._folder,
        )

    def start(self) -> None:
        """Start it, with our entry points where it finds them."""
        write_entry_points(self._folder / "site")
        self._process.start()

    def _answers(self) -> bool:
        return is_answering(f"{self.origin}/health")


def _with_driver(url: str) -> str:
    """Return an address that names the driver: SQLAlchemy 2.0 would take another."""
    return url.replace("postgresql:", "postgresql+psycopg:", 1)


def write_entry_points(site: Path) -> None:
    """Let MLflow find what `pyproject.toml` offers it, where the package is not installed.

    A checkout is no installed package: it has no metadata in which entry points are looked up.
    """
    # An installed package has its own; a second one of that name would be a choice that MLflow
    # makes.
    if any(point.name == APP for point in entry_points(group="mlflow.app")):
        return

    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    lines = []
    for group, points in project["entry-points"].items():
        lines.append(f"[{group}]")
        # `portcullis:name` is the wheel's; in a checkout that file is the launcher.
        lines += [f"{name} = {in_checkout(target)}" for name, target in points.items()]

    metadata = own_folder(site / "portcullis-0.dist-info")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: portcullis\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def in_checkout(target: str) -> str:
    """Return where in a checkout lies what an entry point names in the wheel."""
    module, _, name = target.partition(":")
    return f"flows.installed:{name}" if module == "portcullis" else target
