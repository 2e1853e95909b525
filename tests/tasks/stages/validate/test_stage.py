"""The stage as DVC runs it: the same bytes twice, and nobody's values in any of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import ConfigError
from tasks.gates import Outcome
from tasks.stages.validate.checks import ValidateCheck
from tasks.stages.validate.stage import run
from tasks.stages.workspace import StageRun
from tests.cases import change_case, sync_cases, write_case
from tests.installations import installation_at

CASE = {
    "columns": {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        "income": {"role": "feature", "source": "bank"},
        "debt": {"role": "feature", "source": "bank"},
        "sex": {"role": "protected", "source": "bank", "kind": "category"},
        "approve": {"role": "target", "source": "bank", "kind": "flag"},
    },
    "validate": {
        "suite": "suite.json",
        "near_duplicate_columns": ["income", "debt"],
        "significance": 0.005,
        "unlinked_sources": "there is one source",
    },
    "limits": {
        "validate": {
            "drift_psi": 0.25, "column_agreement": 0.8, "label_agreement": 0.9,
            "join_agreement": 0.9, "correlation_shift": 0.1, "label_rate_shift": 0.03,
            "group_label_rate_shift": 0.05, "beyond_support_ratio": 0.01,
            "repeated_people_ratio": 0.01, "exact_duplicate_ratio": 0.001,
            "near_duplicate_ratio": 0.01,
            "minority_label_ratio": 0.05, "missing_ratio": 0.2, "smallest_group_rows": 50,
        },
    },
}  # fmt: skip
SUITE = {
    "name": "bank",
    "expectations": [
        {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "subject"}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "income", "min_value": 0},
        },
        {
            "type": "expect_column_values_to_not_match_regex",
            "kwargs": {"column": "notes", "regex": "@"},
        },
    ],
}
CANARY = "4711.2599"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "configs" / "bank").mkdir(parents=True)
    (tmp_path / "configs" / "bank" / "suite.json").write_text(json.dumps(SUITE))
    write_case(tmp_path, "bank", CASE)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(2)
    wealth = rng.normal(size=300)
    frame = pd.DataFrame(
        {
            "subject": [f"{number:032x}" for number in range(300)],
            "person": range(300),
            "income": [float(CANARY), *np.exp(8 + wealth[1:])],
            "debt": np.exp(5 + 0.8 * wealth + 0.6 * rng.normal(size=300)),
            "sex": rng.choice(["male", "female"], 300),
            "approve": np.where(wealth + rng.normal(size=300) > 0, 1.0, 0.0),
            "notes": ["call me at canary@example.org", *["[OWN_NAME] called"] * 299],
        }
    )
    StageRun("redact", "bank", installation_at(tmp_path)).write_rows(frame)
    return tmp_path


def validate(root: Path) -> dict[str, bytes]:
    work = StageRun("validate", "bank", installation_at(root))
    run(work)
    return {
        path.relative_to(work.folder).as_posix(): path.read_bytes()
        for path in work.folder.rglob("*.*")
    }


def accept(root: Path) -> None:
    report = json.loads((root / "data" / "bank" / "validate" / "report.json").read_text())
    accept_text(root, json.dumps(report["profile"]))


def accept_text(root: Path, text: Any) -> Any:
    path = root / "configs" / "bank" / "references" / "profile.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    named = {"reference": "references/profile.json"}
    change_case(root, "bank", lambda values: values["validate"].update(named))


def outcomes(root: Path) -> dict[str, Outcome]:
    return {
        check.key: check.outcome
        for check in StageRun("train", "bank", installation_at(root))
        .read_verdict("validate")
        .checks
    }


def test_it_judges_blocks_without_an_accepted_version_and_passes_with_one(root: Path) -> None:
    files = validate(root)
    assert {"docs/index.html", "page/index.html", "report.json", "verdict.json"} <= set(files)
    assert outcomes(root)[ValidateCheck.DRIFT] is Outcome.UNDECIDED
    accept(root)
    validate(root)
    found = outcomes(root)
    assert (
        found.pop(
            "validate.expectation[expectation=expect_column_values_to_not_match_regex, "
            "column=notes]"
        )
        is Outcome.FAIL
    )
    assert found.pop(ValidateCheck.JOIN_AGREEMENT) is Outcome.NOT_MEASURED
    assert set(found.values()) == {Outcome.PASS}


def test_a_rerun_gives_the_same_bytes(root: Path) -> None:
    assert validate(root) == validate(root)


def test_nobody_s_values_are_in_what_it_leaves(root: Path) -> None:
    files = validate(root)
    for name, content in files.items():
        for value in (CANARY, CANARY[:6], "canary", "OWN_NAME", f"{7:032x}"):
            assert value.encode() not in content, name


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"rows": 3}', '{"rows": 3, "columns": {"income": {"edges": [1]}}}']
)
def test_a_damaged_yardstick_is_a_line_not_a_crash(root: Path, text: Any) -> None:
    accept_text(root, text)
    with pytest.raises(ConfigError, match=r"bank/references/profile\.json") as refusal:
        validate(root)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "change", [{"suit": "suite.json"}, {"near_duplicate_columns": []}, {"suite": "none.json"}]
)
def test_an_unknown_key_or_suite_is_a_line(root: Path, change: Any) -> None:
    def run_with_change() -> Any:
        change_case(root, "bank", lambda values: values["validate"].update(change))
        validate(root)

    with pytest.raises(ConfigError) as refusal:
        run_with_change()
    assert "\n" not in str(refusal.value)


def test_a_suite_that_changed_since_sync_stops_it(root: Path) -> None:
    path = root / "configs" / "bank" / "suite.json"
    path.write_text(path.read_text().replace("subject", "income"))
    with pytest.raises(ConfigError, match=r"resolved\.yaml: .*validate\.suite\.sha256"):
        validate(root)
    sync_cases(root)
    validate(root)
