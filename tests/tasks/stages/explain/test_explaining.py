import numpy as np
import pandas as pd
import pytest

from benchmarks.characteristics.explain import TWELVE, named
from tasks.adverse_action.params import BackgroundParams
from tasks.config.case_files import CaseFile
from tasks.errors import DataError
from tasks.gates import Outcome
from tasks.learning.training import Trained, train
from tasks.model import DecisionModel
from tasks.stages.explain.checks import ExplainCheck
from tasks.stages.explain.explaining import Explained, _typical_row, _worst_error, explain
from tasks.stages.explain.judging import judge_explanation
from tasks.stages.explain.params import ExplainLimits, ExplainParams, ProxyParams
from tasks.stages.explain.proxies import proxy_strengths, unranked_attributes
from tasks.stages.explain.reasons import overlap
from tasks.stages.explain.soundness import measure_soundness
from tasks.stages.explain.stability import Overlap
from tests.tasks.stages.train.portfolio import COLUMNS, complete, portfolio, train_params

PARAMS = ExplainParams(
    reasons=CaseFile(path="configs/x/reasons.yaml", sha256="0" * 64),
    background=BackgroundParams(people="near_cutoff", rows=40, smallest_group=5, seed=1),
    proxies=ProxyParams(people=200, smallest_group=20, folds=2, permutations=1),
    explain_rows=150,
    stability_rows=100,
    stability_draws=2,
    perturbation=0.02,
    seed=1,
)
LIMITS = ExplainLimits(
    additivity_error=1e-4,
    proxy_strength=0.05,
    joint_inputs_auc=0.9,
    joint_contributions_auc=0.8,
    reason_cohesion=0.3,
    top_reasons_overlap=0.5,
    least_reason_share=0.05,
    weakest_reason_fidelity=0.9,
    untold_ratio=0.2,
    flipped_ratio=0.5,
)


def trained_model(family: str = "lightgbm") -> tuple[pd.DataFrame, Trained, DecisionModel]:
    applicants = portfolio()
    rounds = 500 if family == "logistic" else 30
    trained = train(applicants, COLUMNS, train_params(family=family, rounds=rounds))
    return applicants, trained, complete(applicants, trained, PARAMS.background)


def explained(family: str = "lightgbm", **change: float) -> Explained:
    applicants, trained, model = trained_model(family)
    chosen = PARAMS.model_copy(update=change)
    protected = applicants[["race"]]
    return explain(
        applicants,
        trained.predictions,
        model,
        trained.refits,
        protected,
        chosen,
        LIMITS.proxy_strength,
    )


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_contributions_add_up_to_the_score_and_every_declined_applicant_has_reasons(
    family: str,
) -> None:
    found = explained(family)
    assert found.report.additivity_error is not None
    assert found.report.additivity_error < 1e-5
    assert len(found.reasons) == found.report.declined_rows > 0
    assert found.report.declined_without_reason == 0
    assert set(found.reasons["reason_1"]) <= {"A", "B", "C"}
    soundness = found.report.soundness
    assert soundness.fidelity is not None
    assert soundness.fidelity > 0.9
    assert (soundness.unraised, soundness.untrue) == (0, 0)
    kept = found.report.top_reasons_overlap
    for share in (kept.people_behind, kept.backgrounds, kept.refits, kept.perturbations):
        assert share is not None
        assert share > 0.5


@pytest.mark.parametrize(("declined", "shown"), [(0, 0), (1, 0), (9, 0), (10, 1)])
def test_the_typical_case_is_of_ten_people_or_there_is_none(declined: int, shown: int) -> None:
    """Of one declined applicant the medians are their own figures, and would be on the page."""
    rows = np.random.default_rng(1).normal(size=(declined, 3))
    typical = _typical_row(rows)
    assert typical.shape == (shown, 3)
    assert not any((row == typical).all(axis=1).any() for row in rows)


@pytest.mark.parametrize("errors", [(np.nan, 1e-6), (1e-6, np.nan), (1e-6, np.inf)])
def test_an_error_that_is_no_number_hides_behind_no_other(errors: tuple[float, float]) -> None:
    assert _worst_error(*errors) is None
    assert _worst_error(1e-7, 1e-6) == 1e-6


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_what_is_explained_is_what_the_model_answers(family: str) -> None:
    applicants, trained, model = trained_model(family)
    found = explain(
        applicants, trained.predictions, model, trained.refits, applicants[["race"]], PARAMS, 0.05
    )
    answers = model.answer(applicants)
    np.testing.assert_array_equal(answers["score"], trained.predictions["score"])
    approved = answers["decision"] == "approved"
    assert approved.tolist() == trained.predictions["approved"].tolist()
    declined = answers[~approved]
    assert np.flatnonzero(~approved).tolist() == found.reasons["row"].tolist()
    for position in range(1, 5):
        name = f"reason_{position}"
        assert declined[name].fillna("").tolist() == found.reasons[name].fillna("").tolist()


def test_other_scores_than_those_that_were_recorded_are_not_explained() -> None:
    applicants, trained, model = trained_model()
    predictions = trained.predictions.copy()
    scores = predictions["score"].to_numpy(copy=True)
    scores[3] = np.nextafter(scores[3], 1)
    predictions["score"] = scores
    with pytest.raises(DataError, match="the scores that the model gives"):
        explain(
            applicants,
            predictions,
            model,
            trained.refits,
            applicants[["race"]],
            PARAMS,
            LIMITS.proxy_strength,
        )


def test_composites_that_do_not_stand_in_for_people_fail_the_gate() -> None:
    applicants, trained, model = trained_model()
    far = np.full_like(model.composites.matrix, -50.0)  # as if everybody were poor and in debt
    far[:, 0] = 50.0
    wrong = model.composites.model_copy(update={"rows": tuple(map(tuple, far.tolist()))})
    other = DecisionModel(model.scorer, model.contract, model.reasons, wrong)
    found = explain(
        applicants, trained.predictions, other, trained.refits, applicants[["race"]], PARAMS, 0.05
    )
    share = found.report.top_reasons_overlap.people_behind
    assert share is not None
    assert share < 0.9
    strict = LIMITS.model_copy(update={"top_reasons_overlap": 0.9})
    failed = {
        check.id
        for check in judge_explanation(found.report, strict)
        if check.outcome is not Outcome.PASS
    }
    assert ExplainCheck.REASONS_KEPT_BY_PEOPLE_BEHIND in failed


def test_explaining_again_gives_the_same_reasons() -> None:
    pd.testing.assert_frame_equal(explained().reasons, explained().reasons)


def test_reasons_that_only_a_small_error_gives_are_not_stable() -> None:
    large = explained(perturbation=0.2).report.top_reasons_overlap.perturbations
    small = explained(perturbation=0.001).report.top_reasons_overlap.perturbations
    assert large is not None
    assert small is not None
    assert large < small


def test_refits_that_disagree_fail_the_gate_and_missing_ones_are_refused() -> None:
    applicants, trained, model = trained_model()
    reversed_labels = applicants.assign(good=1 - applicants["good"])
    upside_down = train(reversed_labels, COLUMNS, train_params(rounds=30))
    protected = applicants[["race"]]
    found = explain(
        applicants,
        trained.predictions,
        model,
        upside_down.refits,
        protected,
        PARAMS,
        LIMITS.proxy_strength,
    )
    failed = [
        check
        for check in judge_explanation(found.report, LIMITS)
        if check.outcome is not Outcome.PASS
    ]
    assert ExplainCheck.REASONS_KEPT_BY_REFITS in {check.id for check in failed}
    with pytest.raises(DataError, match="refits"):
        explain(applicants, trained.predictions, model, (), protected, PARAMS, 0.05)


def test_declined_whom_refits_approve_are_listed_with_their_reasons() -> None:
    applicants, trained, model = trained_model()
    found = explain(
        applicants, trained.predictions, model, trained.refits, applicants[["race"]], PARAMS, 0.05
    )
    rows = applicants.iloc[found.reasons["row"]]
    approved = np.array([refit.score(rows) >= refit.cutoff for refit in trained.refits])
    expected = approved.sum(axis=0)
    assert found.reasons["refits_approving"].tolist() == expected.tolist()
    assert found.report.flipped_rows == int((expected > 0).sum()) > 0
    assert found.report.flipped_ratio == pytest.approx(expected.mean() / len(trained.refits))


def test_who_has_a_factor_without_true_words_is_listed() -> None:
    applicants, trained, model = trained_model()
    turned = model.reasons.model_copy(
        update={
            "reasons": (
                model.reasons.reasons[0].model_copy(update={"features": {"income": "above"}}),
                *model.reasons.reasons[1:],
            )
        }
    )
    other = DecisionModel(model.scorer, model.contract, turned, model.composites)
    found = explain(
        applicants, trained.predictions, other, trained.refits, applicants[["race"]], PARAMS, 0.05
    )
    untold = found.reasons["untold"]
    assert "A" in set(untold.dropna())
    assert found.report.soundness.untold == untold.notna().sum()
    failed = {
        check.id
        for check in judge_explanation(found.report, LIMITS)
        if check.outcome is not Outcome.PASS
    }
    assert ExplainCheck.UNTOLD_RATIO in failed


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
    nothing = Overlap(people_behind=None, backgrounds=None, refits=None, perturbations=None)
    nobody = named(0)
    report = explained().report.model_copy(
        update={
            "declined_rows": 0,
            "flipped_ratio": None,
            "soundness": measure_soundness(nobody, TWELVE, nobody.top),
            "top_reasons_overlap": nothing,
        }
    )
    outcomes = {check.id: check.outcome for check in judge_explanation(report, LIMITS)}
    assert outcomes[ExplainCheck.WEAKEST_REASON_FIDELITY] is Outcome.UNDECIDED
    assert outcomes[ExplainCheck.FLIPPED_RATIO] is Outcome.UNDECIDED
    assert outcomes[ExplainCheck.REASONS_KEPT_BY_REFITS] is Outcome.UNDECIDED


def test_a_group_of_few_rows_is_asked_about_without_its_name() -> None:
    names = ["Zyx Canary"] * 9 + ["blue"] * 10 + ["green"] * 10
    colour = pd.DataFrame({"colour": pd.array(names, dtype="str")})
    matrix = np.arange(29, dtype=float).reshape(-1, 1)
    strengths = proxy_strengths(matrix, ("income",), {"income": 1.0}, colour)
    assert {group for *_, group in strengths} == {"small group 1", "blue", "green"}


@pytest.mark.parametrize("groups", [["x"] * 40, [None] * 40, ["x", None] * 20])
def test_an_attribute_of_one_group_is_not_ranked_at_no_strength(groups: list[str | None]) -> None:
    protected = pd.DataFrame(
        {"race": pd.array(["x", "y"] * 20, dtype="str"), "sex": pd.array(groups, dtype="str")}
    )
    matrix = np.arange(40, dtype=float).reshape(-1, 1)
    strengths = proxy_strengths(matrix, ("income",), {"income": 1.0}, protected)
    assert {attribute for _, _, _, attribute, _ in strengths} == {"race"}
    assert unranked_attributes(protected) == ("sex",)


def test_a_strength_that_is_no_number_comes_before_the_strongest() -> None:
    """The report keeps the first twenty: what is no number must be among them."""
    race = pd.DataFrame({"race": pd.array(["x", "y"] * 20, dtype="str")})
    rng = np.random.default_rng(1)
    features = tuple(f"f{number:02d}" for number in range(30))
    matrix = rng.normal(size=(40, 30))
    matrix[3, 25] = np.nan
    matrix[:, 27] = np.arange(40) % 2
    strengths = proxy_strengths(matrix, features, dict.fromkeys(features, 1 / 30), race)
    assert [feature for _, _, feature, *_ in strengths[:2]] == ["f25", "f27"]
