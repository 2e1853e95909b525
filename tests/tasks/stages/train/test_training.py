from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tasks.config.cases import Columns
from tasks.errors import ConfigError, DataError
from tasks.gates import Outcome
from tasks.model import Scorer, load_refits, save_refits
from tasks.stages.train.cutoffs import choose_cutoff
from tasks.stages.train.judging import TrainCheck, judge_performance
from tasks.stages.train.params import ApprovalRate, BalancedAccuracy, Cost, TrainLimits, TrainParams
from tasks.stages.train.performance import auc_delong, measure, reliability, roc
from tasks.stages.train.reweighing import weights_for
from tasks.stages.train.splitting import folds, split
from tasks.stages.train.training import features_of, train
from tasks.system.digests import sha256_of

COLUMNS = Columns.model_validate(
    {
        "income": {"role": "feature", "source": "a"},
        "debt": {"role": "feature", "source": "a"},
        "town": {"role": "feature", "source": "a", "kind": "category"},
        "race": {"role": "protected", "source": "a", "kind": "category"},
        "good": {"role": "target", "source": "a", "kind": "flag"},
    }
)


def params(**change: Any) -> TrainParams:
    values = {
        "champion": "none yet",
        "family": "lightgbm",
        "seed": 1,
        "favourable": 1,
        "validation_ratio": 0.2,
        "test_ratio": 0.2,
        "folds": 3,
        "refits": 2,
        "cutoff": {"rule": "approval_rate", "rate": 0.7},
        "mitigation": "none",
        "rounds": 10,
    }
    return TrainParams(**(values | change))


def rows(count: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    income, debt = rng.normal(size=count), rng.normal(size=count)
    return pd.DataFrame(
        {
            "subject": [f"{i // 2:032x}" for i in range(count)],  # everybody applies twice
            "person": np.arange(count) // 2,
            "income": np.where(rng.random(count) < 0.05, np.nan, income),
            "debt": debt,
            "town": pd.array(rng.choice(["A", "B", None], count), dtype="str"),
            "race": pd.array(rng.choice(["x", "y"], count), dtype="str"),
            "good": (income - debt + rng.normal(size=count) > -0.5).astype(int),
        }
    )


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_the_same_rows_give_the_same_bytes_and_a_saved_model_scores_as_it_did(
    tmp_path: Path, family: str
) -> None:
    chosen = params(family=family, rounds=10 if family != "logistic" else 500)
    digests = []
    for name in ("a", "b"):
        trained = train(rows(), COLUMNS, chosen)
        (tmp_path / name).mkdir()
        trained.scorer.save(tmp_path / name)
        digests.append(sha256_of(tmp_path / name))
    assert digests[0] == digests[1]
    loaded = Scorer.load(tmp_path / "a")
    np.testing.assert_array_equal(loaded.score(rows()), trained.scorer.score(rows()))
    np.testing.assert_allclose(loaded.score(rows()), trained.predictions["score"])
    assert loaded.features == ("income", "debt", "town")
    assert loaded.categories == {"town": ("A", "B")}


def test_refits_are_other_models_of_the_same_inputs_and_are_kept(tmp_path: Path) -> None:
    trained = train(rows(), COLUMNS, params(refits=3))
    save_refits(tmp_path, trained.refits)
    loaded = load_refits(tmp_path)
    assert [refit.inputs for refit in loaded] == [trained.scorer.inputs] * 3
    scores = [refit.score(rows()) for refit in (trained.scorer, *loaded)]
    assert all(not np.array_equal(a, b) for i, a in enumerate(scores) for b in scores[i + 1 :])
    np.testing.assert_array_equal(scores[1], trained.refits[0].score(rows()))


def test_nobody_is_on_two_sides_and_erasing_some_moves_no_one() -> None:
    persons = rows()["person"]
    for parts in (split(persons, 1, 0.2, 0.2), folds(persons, 1, 5)):
        assert pd.Series(parts).groupby(persons).nunique().max() == 1
    kept = persons[persons % 7 != 0]
    np.testing.assert_array_equal(split(kept, 1, 0.2, 0.2), split(persons, 1, 0.2, 0.2)[kept.index])


def test_out_of_fold_scores_come_from_models_that_never_saw_the_person() -> None:
    noise = rows().assign(good=np.random.default_rng(9).integers(0, 2, 400))
    found = train(noise, COLUMNS, params(rounds=200)).predictions
    assert roc_auc_score(found["actual"], found["oof_score"]) < 0.6
    assert (
        roc_auc_score(
            found["actual"][found["part"] == "train"], found["score"][found["part"] == "train"]
        )
        > 0.7
    )


def test_what_is_protected_or_left_out_is_no_feature() -> None:
    assert features_of(COLUMNS, params(left_out={"town": "proxy"})) == ("income", "debt")


@pytest.mark.parametrize(
    "change",
    [
        {"left_out": {"race": "x"}},
        {"left_out": {"incme": "typo"}},
        {"monotone": {"race": 1}},
        {"mitigation": "reweighing", "mitigate": ("income",)},
        {"mitigation": "reweighing"},
        {"mitigate": ("race",)},
        {"left_out": {"income": "x", "debt": "x", "town": "x"}},
    ],
)
def test_settings_that_do_not_fit_the_columns_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"train\."):
        features_of(COLUMNS, params(**change))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"good": 1}, "two labels"),
        ({"good": np.nan}, "label in every row"),
        ({"good": [2, 3] * 200}, "two labels"),
        ({"good": [0] * 395 + [1] * 5}, "at least 10"),
    ],
)
def test_a_target_that_cannot_be_learned_is_one_clear_line(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        train(rows().assign(**change), COLUMNS, params())


def test_a_constant_feature_changes_nothing_and_crashes_nothing() -> None:
    found = train(rows().assign(debt=1.0), COLUMNS, params()).predictions
    assert found["oof_score"].between(0, 1).all()


def test_an_absent_feature_is_named() -> None:
    scorer = train(rows(), COLUMNS, params()).scorer
    with pytest.raises(DataError, match="debt"):
        scorer.score(rows().drop(columns="debt"))


def test_reweighing_makes_every_group_s_label_rate_that_of_the_whole() -> None:
    given_rows = rows()
    labels = np.where(
        given_rows["race"] == "x",
        given_rows["good"],
        given_rows["good"] * (np.arange(400) % 3 == 0),
    )
    weights = weights_for(given_rows[["race"]], labels.astype(float))
    rates = {
        group: np.average(
            labels[given_rows["race"] == group], weights=weights[given_rows["race"] == group]
        )
        for group in ("x", "y")
    }
    assert rates["x"] == pytest.approx(labels.mean())
    assert rates["y"] == pytest.approx(labels.mean())
    unknown = given_rows[["race"]].assign(race=pd.array(["x"] * 399 + [None], dtype="str"))
    assert weights_for(unknown, labels.astype(float))[-1] == 1.0


scored = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=4, max_size=60).filter(
    lambda pairs: len({label for _, label in pairs}) == 2
)


@given(scored)
def test_auc_is_sklearn_s(pairs: list[tuple[int, bool]]) -> None:
    scores, labels = (
        np.array([s for s, _ in pairs], float),
        np.array([label for _, label in pairs], float),
    )
    assert auc_delong(scores, labels)[0] == pytest.approx(roc_auc_score(labels, scores))


def test_delong_s_deviation_is_the_bootstrap_s() -> None:
    rng = np.random.default_rng(2)
    labels = (rng.random(600) < 0.8).astype(float)
    scores = labels + rng.normal(size=600)
    draws = [
        roc_auc_score(labels[i], scores[i]) for i in (rng.integers(0, 600, 600) for _ in range(800))
    ]
    assert auc_delong(scores, labels)[1] == pytest.approx(np.std(draws), rel=0.15)


@given(scored)
def test_the_reliability_table_and_the_roc_cover_everyone(pairs: list[tuple[int, bool]]) -> None:
    scores, labels = (
        np.array([s for s, _ in pairs], float) / 20,
        np.array([label for _, label in pairs], float),
    )
    assert sum(one.rows for one in reliability(scores, labels)) == len(pairs)
    points = roc(scores, labels)
    assert points == sorted(points)
    assert (points[0], points[-1]) == ((0.0, 0.0), (1.0, 1.0))


@settings(deadline=None)
@given(scored)
def test_cutoffs_do_what_their_rules_say(pairs: list[tuple[int, bool]]) -> None:
    scores, labels = (
        np.array([s for s, _ in pairs], float),
        np.array([label for _, label in pairs], float),
    )
    rate = choose_cutoff(scores, labels, ApprovalRate(rule="approval_rate", rate=0.5))
    assert (scores >= rate).mean() >= 0.5
    cost = Cost(rule="cost", false_approval=3, false_decline=1)

    def loss(cut: float) -> float:
        return 3 * ((scores >= cut) & (labels == 0)).sum() + ((scores < cut) & (labels == 1)).sum()

    assert loss(choose_cutoff(scores, labels, cost)) == min(loss(cut) for cut in np.unique(scores))

    def balanced(cut: float) -> float:
        return (scores >= cut)[labels == 1].mean() + (scores < cut)[labels == 0].mean()

    best = choose_cutoff(scores, labels, BalancedAccuracy(rule="balanced_accuracy"))
    assert balanced(best) == pytest.approx(max(balanced(cut) for cut in np.unique(scores)))


def test_performance_is_judged_by_the_lower_end_and_by_the_champion() -> None:
    found = measure(
        np.linspace(0, 1, 200),
        np.linspace(0, 1, 200) > 0.5,
        (np.linspace(0, 1, 200) > 0.4).astype(float),
    )
    limits = TrainLimits(auc=0.9, calibration_error=1, gain_over_majority=0, loss_to_champion=0.01)
    first = {check.id: check.outcome for check in judge_performance(found, None, limits)}
    assert first.pop(TrainCheck.AUC_LOST_TO_CHAMPION) is Outcome.NOT_MEASURED
    assert set(first.values()) == {Outcome.PASS}
    better = judge_performance(found, found.auc + 0.02, limits)
    assert better[-1].outcome is Outcome.FAIL
    wide = found.model_copy(update={"auc_interval": (0.7, 1.0)})
    assert judge_performance(wide, None, limits)[0].outcome is Outcome.FAIL
