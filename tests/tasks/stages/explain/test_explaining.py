from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.case_files import CaseFile
from tasks.errors import ConfigError, DataError
from tasks.gates import Outcome
from tasks.stages.explain.explaining import Explained, explain
from tasks.stages.explain.judging import ExplainCheck, judge_explanation
from tasks.stages.explain.params import ExplainLimits, ExplainParams, ReasonGroup, ReasonMap
from tasks.stages.explain.proxies import proxy_strengths
from tasks.stages.explain.reasons import group_contributions, load_reason_map, overlap, top_reasons
from tasks.stages.explain.stability import Overlap
from tasks.stages.train.training import train
from tests.tasks.stages.train.portfolio import COLUMNS, portfolio, train_params

PARAMS = ExplainParams(
    reasons=CaseFile(path="configs/x/reasons.yaml", sha256="0" * 64),
    background="near_cutoff",
    background_rows=40,
    explain_rows=150,
    stability_draws=2,
    perturbation=0.02,
    seed=1,
)
LIMITS = ExplainLimits(
    additivity_error=1e-4, proxy_strength=0.05, top_reasons_overlap=0.5, fidelity=0.5
)
REASONS = ReasonMap(
    version="1",
    reasons=(
        ReasonGroup(code="A", features=("income",), text="The income is low"),
        ReasonGroup(code="B", features=("debt",), text="The debts are high"),
        ReasonGroup(code="C", features=("town",), text="The town of the property"),
    ),
)


def explained(family: str = "lightgbm", **change: float) -> Explained:
    given_rows = portfolio()
    trained = train(
        given_rows, COLUMNS, train_params(family=family, rounds=30 if family != "logistic" else 500)
    )
    protected = given_rows[["race"]]
    chosen = PARAMS.model_copy(update=change)
    return explain(
        given_rows, trained.predictions, trained.scorer, trained.refits, protected, REASONS, chosen
    )


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_contributions_add_up_to_the_score_and_every_declined_applicant_has_reasons(
    family: str,
) -> None:
    found = explained(family)
    assert found.report.additivity_error is not None
    assert found.report.additivity_error < 1e-4
    assert len(found.reasons) == found.report.declined_rows > 0
    assert found.report.declined_without_reason == 0
    assert set(found.reasons["reason_1"]) <= {"A", "B", "C"}
    assert found.report.fidelity is not None
    assert found.report.fidelity > 0.8
    kept = found.report.top_reasons_overlap
    for share in (kept.backgrounds, kept.refits, kept.perturbations):
        assert share is not None
        assert share > 0.5


def test_explaining_again_gives_the_same_reasons() -> None:
    pd.testing.assert_frame_equal(explained().reasons, explained().reasons)


def test_a_background_that_is_too_small_is_refused() -> None:
    given_rows = portfolio()
    trained = train(given_rows, COLUMNS, train_params())
    shut = type(trained.scorer)(
        trained.scorer.family, trained.scorer.inputs, trained.scorer.booster, 2.0
    )
    with pytest.raises(DataError, match="background"):
        explain(
            given_rows,
            trained.predictions,
            shut,
            trained.refits,
            given_rows[["race"]],
            REASONS,
            PARAMS,
        )


def test_reasons_that_only_a_small_error_gives_are_not_stable() -> None:
    large = explained(perturbation=0.2).report.top_reasons_overlap.perturbations
    small = explained(perturbation=0.001).report.top_reasons_overlap.perturbations
    assert large is not None
    assert small is not None
    assert large < small


def test_refits_that_disagree_fail_the_gate_and_missing_ones_are_refused() -> None:
    given_rows = portfolio()
    trained = train(given_rows, COLUMNS, train_params(rounds=30))
    upside_down = train(
        given_rows.assign(good=1 - given_rows["good"]), COLUMNS, train_params(rounds=30)
    )
    protected = given_rows[["race"]]
    found = explain(
        given_rows,
        trained.predictions,
        trained.scorer,
        upside_down.refits,
        protected,
        REASONS,
        PARAMS,
    )
    failed = [
        check
        for check in judge_explanation(found.report, LIMITS)
        if check.outcome is not Outcome.PASS
    ]
    assert ExplainCheck.REASONS_KEPT_BY_REFITS in {check.id for check in failed}
    with pytest.raises(DataError, match="refits"):
        explain(given_rows, trained.predictions, trained.scorer, (), protected, REASONS, PARAMS)


grids = st.lists(st.lists(st.integers(-5, 5), min_size=6, max_size=6), min_size=1, max_size=8)


@given(grids)
def test_reasons_are_adverse_ordered_and_at_most_four(grid: list[list[int]]) -> None:
    grouped = np.array(grid, float)
    for row, top in zip(grouped, top_reasons(grouped), strict=True):
        named = top[top >= 0]
        assert len(named) == min(4, (row < 0).sum())
        assert (row[named] < 0).all()
        assert list(row[named]) == sorted(row[row < 0])[: len(named)]


@given(grids)
def test_summing_into_groups_loses_nothing(grid: list[list[int]]) -> None:
    contributions = np.array(grid, float)[:, :3]
    grouped = group_contributions(contributions, ("income", "debt", "town"), REASONS.reasons)
    np.testing.assert_allclose(grouped.sum(axis=1), contributions.sum(axis=1))


def test_overlap_counts_shared_reasons_whatever_their_order() -> None:
    assert overlap(np.array([[0, 1, -1, -1]]), np.array([[1, 0, -1, -1]])) == 1.0
    assert overlap(np.array([[0, 1, -1, -1]]), np.array([[1, 2, -1, -1]])) == 0.5
    assert overlap(np.array([[-1, -1, -1, -1]]), np.array([[1, 2, -1, -1]])) == 1.0


def test_a_planted_proxy_is_found_named_and_fails_the_gate() -> None:
    rng = np.random.default_rng(1)
    race = pd.DataFrame({"race": pd.array(rng.choice(["x", "y"], 500), dtype="str")})
    tract = (race["race"] == "x").to_numpy(float) + rng.normal(0, 0.3, 500)
    matrix = np.column_stack([rng.normal(size=500), tract])
    strengths = proxy_strengths(matrix, ("income", "tract"), {"income": 0.5, "tract": 0.5}, race)
    strength, auc, feature, attribute, group = strengths[0]
    assert (feature, attribute, group) == ("tract", "race", "x")
    assert auc > 0.95
    report = explained().report
    named = report.model_copy(
        update={
            "proxies": (
                report.proxies[0].model_copy(update={"feature": "tract", "strength": strength}),
            )
        }
    )
    failed = [
        check for check in judge_explanation(named, LIMITS) if check.outcome is not Outcome.PASS
    ]
    assert len(failed) == 1
    assert failed[0].about.feature == "tract"


def test_nobody_declined_is_undecided_not_perfect() -> None:
    nothing = Overlap(backgrounds=None, refits=None, perturbations=None)
    report = explained().report.model_copy(
        update={"declined_rows": 0, "fidelity": None, "top_reasons_overlap": nothing}
    )
    outcomes = {check.id: check.outcome for check in judge_explanation(report, LIMITS)}
    assert outcomes[ExplainCheck.FIDELITY] is Outcome.UNDECIDED
    assert outcomes[ExplainCheck.REASONS_KEPT_BY_REFITS] is Outcome.UNDECIDED


@pytest.mark.parametrize("change", ["missing", "doubled", "typo", "no file"])
def test_a_reason_map_without_total_coverage_is_refused(tmp_path: Path, change: str) -> None:
    values = REASONS.model_dump(mode="json")
    if change == "missing":
        values["reasons"].pop()
    if change == "doubled":
        values["reasons"][0]["features"] = ["income", "debt"]
    if change == "typo":
        values["reasons"][0]["txt"] = "?"
    path = tmp_path / "map.yaml"
    if change != "no file":
        path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError):
        load_reason_map(path, ("income", "debt", "town"))
