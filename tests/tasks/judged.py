"""A use case whose every gate has passed: what tests of `decide` and `register` start from."""

import gc
import json
import shutil
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pandas as pd

from tasks.attestation.artefacts import declared
from tasks.clearance import own_limits
from tasks.clearance.attest_stage import Observed, attest, look, observe
from tasks.formats.digests import sha256_of
from tasks.gates import Check, CheckId, Verdict, at_least
from tasks.gates.holding import LimitRule, Unmeasured
from tasks.gates.verdict import digest_of
from tasks.path import STAGES, SUBJECTS
from tasks.stages.alternatives.checks import AlternativesCheck
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.fairness.checks import FairnessCheck
from tasks.stages.packages.checks import PackagesCheck
from tasks.stages.redact.checks import RedactCheck
from tasks.stages.subgroups.checks import SubgroupsCheck
from tasks.stages.train.checks import TrainCheck
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.installations import installation_at
from tests.models import income_model

Value = TypeVar("Value")

CASE = "tiny"
CHECKOUT = Path(__file__).parents[2]
CATALOGUES: dict[str, type[CheckId]] = {
    "redact": RedactCheck,
    "validate": ValidateCheck,
    "train": TrainCheck,
    "explain": ExplainCheck,
    "fairness": FairnessCheck,
    "subgroups": SubgroupsCheck,
    "alternatives": AlternativesCheck,
    "packages": PackagesCheck,
}
# What stands in for the gates' own rules (`tasks.clearance.own_limits`): one limit for all checks.
RULES_OF_TESTS: dict[str, dict[CheckId, LimitRule]] = {
    gate: {
        check_id: LimitRule("m", "≥", unmeasured=(Unmeasured("declared"),))
        for check_id in catalogue
    }
    for gate, catalogue in CATALOGUES.items()
}
LIMITS: dict[str, dict[str, float]] = {gate: {"m": 0.5} for gate in SUBJECTS}
AGREEMENT = {
    "owner": "o",
    "role": "controller",
    "legal_basis": "consent",
    "agreement": "A-1",
    "expires": "2031-12-31",
}


def present(value: Value | None) -> Value:
    """Return a value that must be there."""
    assert value is not None
    return value


def judged(root: Path) -> Path:
    """Fill `root` with a configuration, artefacts and passing verdicts; return it."""
    values = {
        "validate": {"suite": "suite.yaml"},
        "sources": {
            "applications": {"kind": "file", "path": "a.csv", "format": "csv", **AGREEMENT}
        },
        "erasure": {
            "identifiers": {"ignore": ["case", "blanks", "unicode form"]},
            "retrain_after": {"people": 1, "days": 30},
            "keep": {},
        },
        "register": {"model": CASE, "experiment": CASE},
        "limits": LIMITS,
    }
    (root / "configs" / CASE).mkdir(parents=True)
    (root / "configs" / CASE / "suite.yaml").write_text("expectations: [one]")
    write_case(root, CASE, values)
    data = root / "data" / CASE
    model = data / "train" / "model"
    model.mkdir(parents=True)
    income_model().save(model)
    for name in {name for subjects in SUBJECTS.values() for name in subjects} - {"train/model"}:
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_text(name)
    people = pd.DataFrame({"subject": [f"{i:032x}" for i in range(20)], "income": range(20)})
    StageRun("redact", CASE, installation_at(root)).write_rows(people)
    report = {
        "limits_sha256": digest_of(LIMITS),
        "rows": {"unsealed": 20, "shredded": 0, "people_shredded": 0},
    }
    (data / "train" / "report.json").write_text(json.dumps(report))
    for gate in SUBJECTS:
        put_verdict(root, gate)
    return root


def attested(root: Path) -> Path:
    """Have the worker sign for every stage before `register`, as if each had just run."""
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy2(CHECKOUT / name, root / name)
    shutil.copytree(
        CHECKOUT / "configs" / "policy", root / "configs" / "policy", dirs_exist_ok=True
    )
    for stage in tuple(STAGES)[:-1]:
        for name in declared(stage, CASE, root).outputs:
            if not (root / name).exists():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(bytes(64) if name.endswith(".tree") else b"{}")
    for stage in tuple(STAGES)[:-1]:
        sign_for(root, stage)
    # A database whose last connection is closed loses the files of its log: one that waits for the
    # collector would do so while somebody copies the folder.
    gc.collect()
    return root


def sign_for(root: Path, stage: str, claimed: dict[str, int] | None = None) -> None:
    """Have the worker sign for one stage."""
    with patch.object(own_limits, "RULES_OF", RULES_OF_TESTS):
        attest(observed(root, stage), claimed or {})


def observed(root: Path, stage: str) -> Observed:
    """Digest what a stage reads, where configuration and data both lie in `root`."""
    before = look(declared(stage, CASE, root), installation_at(root), configuration=root, data=root)
    return observe(before, "0" * 32)


def check(check_id: CheckId, value: float | None = 1.0) -> Check:
    """Return a check that passes from 0.5 on."""
    return at_least(check_id, f"the measure of {check_id}", value, 0.5)


def put_verdict(root: Path, gate: str, **change: Any) -> None:
    """Write the verdict of `gate` about what lies in `root`, with `change` made to it."""
    data = root / "data" / CASE
    (data / gate).mkdir(exist_ok=True)
    values = {
        "gate": gate,
        "use_case": CASE,
        "checks": tuple(check(name) for name in CATALOGUES[gate]),
        "limits_sha256": digest_of(LIMITS[gate]),
        "about": {name: sha256_of(data / name) for name in SUBJECTS[gate]},
    }
    verdict = Verdict(**(values | change))
    (data / gate / "verdict.json").write_text(json.dumps(verdict.to_dict()))
