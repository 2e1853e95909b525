"""A clone of this repository with state of its own, to be measured and thrown away."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Bench:
    """A clone at `root`; every command runs in it with its own home."""

    root: Path

    @classmethod
    def clone(cls, folder: Path) -> "Bench":
        """Clone what is committed."""
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(folder)], check=True)
        return cls(folder)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a shell inside .venv, without the caller's Prefect, MLflow and DVC."""
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PREFECT_", "MLFLOW_", "DVC_"))
        }
        home = self.root / ".portcullis"
        home.mkdir(exist_ok=True)
        quiet = {
            "DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        }
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**kept, **quiet, "PATH": path, "PREFECT_HOME": str(home / "prefect")}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python <arguments>`; a failure shows what was said."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(
                f"{' '.join(arguments)} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def forget(self, case: str) -> None:
        """Forget every output of `case`, DVC's run cache included; keep the keys."""
        shutil.rmtree(self.root / "data" / case, ignore_errors=True)
        shutil.rmtree(self.root / ".dvc" / "cache", ignore_errors=True)
        (self.root / "dvc.lock").unlink(missing_ok=True)

    def scale(self, case: str, rows: int, workers: int = 1) -> None:
        """Set every sample source to `rows` rows, redact with `workers` processes, and commit."""
        path = self.root / "configs" / case / "case.yaml"
        values = yaml.safe_load(path.read_text())
        for source in values["sources"].values():
            if source["kind"] == "sample":
                source["rows"] = rows
        if workers > 1:
            values["engine"] = {"kind": "processes", "workers": workers}
        path.write_text(yaml.safe_dump(values, sort_keys=False))
        self.run("-m", "flows", "sync")
