"""`power`: what the gate can tell, from what `validate` reported, before anything is trained."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import power
from tasks.errors import EvidenceError
from tasks.system.installation import Installation
from tests.cases import write_case
from tests.flows.cli import running
from tests.flows.workspace import CASE, case, write_case_files
from tests.installations import installation_at

REPORT = {
    "group_rows": {"colour": {"blue": 2400, "green": 60, "other group": None}},
    "label_shares": {"0": 0.4, "1": 0.6},
}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    write_case_files(tmp_path)
    write_case(tmp_path, CASE, case())
    return installation_at(tmp_path)


def report(installation: Installation, values: dict[str, Any]) -> None:
    path = installation.workspace / "data" / CASE / "validate" / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def run(installation: Installation) -> int:
    return running.run(power, installation, CASE)


def test_a_group_that_cannot_be_certified_is_named_with_what_would_do(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    report(installation, REPORT)
    assert run(installation) == 0
    headline, green = capsys.readouterr().out.splitlines()
    assert "at an approval rate of 80% the gate would block" in headline  # the plan's own
    assert green.startswith("  green (colour), 60 rows: cannot be certified")
    assert "would do" in green


@pytest.mark.parametrize("values", [None, {}, {"group_rows": {}}])
def test_without_what_validate_reported_nothing_is_said(
    installation: Installation, values: dict[str, Any] | None
) -> None:
    if values is not None:
        report(installation, values)
    with pytest.raises(EvidenceError, match="what `validate` reports"):
        run(installation)


def test_a_combination_has_as_many_rows_as_if_its_attributes_were_independent(
    installation: Installation,
) -> None:
    from tests.tasks.stages.fairness.portfolio import fairness_params

    params = fairness_params(privileged={"a": "x", "b": "m"}, intersections=(("a", "b"),))
    sizes = {"a": {"x": 900, "y": 100}, "b": {"m": 800, "f": 200}}
    combined = power._with_combinations(sizes, params)["a and b"]
    assert combined["x / m"] == pytest.approx(720, abs=1)
    assert "y / f" not in combined or combined["y / f"] >= params.smallest_group_rows


def test_combinations_whose_names_run_together_have_their_own_rows() -> None:
    from tests.tasks.stages.fairness.portfolio import fairness_params

    params = fairness_params(privileged={"a": "x", "b": "m"}, intersections=(("a", "b"),))
    sizes = {"a": {"p / q": 500, "p": 500}, "b": {"r": 500, "q / r": 500}}
    combined = power._with_combinations(sizes, params)["a and b"]
    assert combined == {
        "p // q / r": 250, "p // q / q // r": 250, "p / r": 250, "p / q // r": 250,
    }  # fmt: skip
