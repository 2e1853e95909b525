"""A use case whose every gate has passed, made of a handful of small files: what `decide` and `register` start from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from tasks.digests import sha256_of
from tasks.gates import Verdict, at_least
from tasks.gates.decision import SUBJECTS
from tasks.gates.verdict import digest_of
from tasks.model import Input, Scorer
from tasks.model.families import Logistic

CASE = "tiny"
LIMITS: dict[str, dict[str, float]] = {gate: {"m": 0.5} for gate in SUBJECTS}
AGREEMENT = {"owner": "o", "role": "controller", "legal_basis": "consent", "agreement": "A-1", "expires": "2031-12-31"}


def judged(root: Path) -> Path:
    """Fill `root` with a configuration, artefacts, passing verdicts and a decision about them; return it."""
    (root / "configs").mkdir(parents=True)
    values = {
        "sources": {"applications": {"kind": "file", "path": "a.csv", "format": "csv", **AGREEMENT}},
        "register": {"model": CASE, "experiment": CASE},
        "limits": LIMITS,
    }
    (root / "configs" / f"{CASE}.yaml").write_text(yaml.safe_dump(values))
    (root / "configs" / "index.yaml").write_text(f"use_cases: [{CASE}]\n")
    data = root / "data" / CASE
    model = data / "train" / "model"
    model.mkdir(parents=True)
    Scorer("logistic", (Input("income"),), Logistic(np.array([1.0]), 0.0, np.zeros(1), np.ones(1)), 0.5).save(model)
    for name in {name for subjects in SUBJECTS.values() for name in subjects} - {"train/model"}:
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text(name)
    (data / "train" / "report.json").write_text(json.dumps({"limits_sha256": digest_of(LIMITS)}))
    for gate in SUBJECTS:
        put_verdict(root, gate)
    return root


def put_verdict(root: Path, gate: str, **change: Any) -> None:
    """Write the verdict of `gate` about what lies in `root`, with `change` made to it."""
    data = root / "data" / CASE
    (data / gate).mkdir(exist_ok=True)
    values = {
        "gate": gate,
        "use_case": CASE,
        "checks": (at_least("m", 1.0, 0.5),),
        "limits_sha256": digest_of(LIMITS[gate]),
        "about": {name: sha256_of(data / name) for name in SUBJECTS[gate]},
    }
    (data / gate / "verdict.json").write_text(Verdict(**(values | change)).model_dump_json())
