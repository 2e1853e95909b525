"""What a model may see, who teaches it and who judges it, and which portfolios teach nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from tasks.errors import ConfigError, DataError
from tasks.formats.digests import sha256_of
from tasks.learning.params import TrainParams
from tasks.learning.training import Trained, features_of, train
from tasks.model import InputError, Scorer, load_refits, save_refits
from tests.tasks.stages.train.portfolio import COLUMNS, portfolio, train_params


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(portfolio(), COLUMNS, train_params())


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_the_same_rows_give_the_same_bytes(tmp_path: Path, family: str) -> None:
    params = train_params(family=family, rounds=10 if family != "logistic" else 500)
    digests = set()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        train(portfolio(), COLUMNS, params).scorer.save(tmp_path / name)
        digests.add(sha256_of(tmp_path / name))
    assert len(digests) == 1


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "logistic"])
def test_a_saved_model_scores_as_it_did(tmp_path: Path, family: str) -> None:
    params = train_params(family=family, rounds=10 if family != "logistic" else 500)
    trained = train(portfolio(), COLUMNS, params)
    trained.scorer.save(tmp_path)
    loaded = Scorer.load(tmp_path)
    np.testing.assert_array_equal(loaded.score(portfolio()), trained.scorer.score(portfolio()))
    np.testing.assert_allclose(loaded.score(portfolio()), trained.predictions["score"])


def test_inputs_are_the_features_in_order_with_a_column_for_each_category(
    trained: Trained,
) -> None:
    assert trained.scorer.features == ("income", "debt", "town")
    assert trained.scorer.categories == {"town": ("A", "B")}


def test_a_missing_number_is_filled_with_the_median_of_the_training_part(
    trained: Trained,
) -> None:
    is_training = (trained.predictions["part"] == "train").to_numpy()
    income = trained.scorer.inputs[0]
    assert income.fill == portfolio()["income"][is_training].median()
    assert income.fill != portfolio()["income"].median()


def test_refits_are_other_models_of_the_same_inputs(trained: Trained) -> None:
    assert [refit.inputs for refit in trained.refits] == [trained.scorer.inputs] * 2
    scores = [model.score(portfolio()) for model in (trained.scorer, *trained.refits)]
    for index, first in enumerate(scores):
        assert all(not np.array_equal(first, second) for second in scores[index + 1 :])


def test_refits_are_the_same_after_they_were_saved(tmp_path: Path, trained: Trained) -> None:
    save_refits(tmp_path, trained.refits)
    loaded = load_refits(tmp_path)
    np.testing.assert_array_equal(
        loaded[0].score(portfolio()), trained.refits[0].score(portfolio())
    )


def test_out_of_fold_scores_come_from_models_that_never_saw_the_person() -> None:
    """Labels are noise: who learnt them by heart scores them well, who never saw them cannot."""
    noise = portfolio().assign(good=np.random.default_rng(9).integers(0, 2, 400))
    predictions = train(noise, COLUMNS, train_params(rounds=200)).predictions
    learnt = predictions[predictions["part"] == "train"]
    assert roc_auc_score(predictions["actual"], predictions["oof_score"]) < 0.6
    assert roc_auc_score(learnt["actual"], learnt["score"]) > 0.7


def test_every_row_is_scored_in_order(trained: Trained) -> None:
    predictions = trained.predictions
    assert predictions["subject"].tolist() == portfolio()["subject"].tolist()
    assert predictions["actual"].tolist() == portfolio()["good"].tolist()
    for column in ("score", "oof_score"):
        assert predictions[column].between(0, 1).all()


def test_rows_from_the_cutoff_on_are_approved(trained: Trained) -> None:
    predictions = trained.predictions
    expected = predictions["score"] >= trained.scorer.cutoff
    assert predictions["approved"].tolist() == expected.tolist()


def test_the_cutoff_meets_its_rule_on_the_validation_part(trained: Trained) -> None:
    validation = trained.predictions[trained.predictions["part"] == "validation"]
    assert validation["approved"].mean() >= 0.7


def test_rows_of_the_test_part_teach_nothing() -> None:
    """Other features and labels of the test part leave the model as it is."""
    rows = portfolio()
    first = train(rows, COLUMNS, train_params())
    is_test = (first.predictions["part"] == "test").to_numpy()
    rows.loc[is_test, "income"] = 99.0
    rows.loc[is_test, "good"] = 1 - rows.loc[is_test, "good"]
    second = train(rows, COLUMNS, train_params())
    np.testing.assert_array_equal(first.scorer.score(portfolio()), second.scorer.score(portfolio()))
    assert first.scorer.cutoff == second.scorer.cutoff


def test_reweighing_changes_the_model_and_no_input() -> None:
    plain = train(portfolio(), COLUMNS, train_params())
    weighed = train(portfolio(), COLUMNS, train_params(mitigation="reweighing", mitigate=("race",)))
    assert weighed.scorer.inputs == plain.scorer.inputs
    assert not weighed.predictions["score"].equals(plain.predictions["score"])


def test_a_feature_that_is_left_out_is_no_feature() -> None:
    assert features_of(COLUMNS, train_params(left_out={"town": "proxy"})) == ("income", "debt")


@pytest.mark.parametrize(
    "change",
    [
        {"left_out": {"race": "no feature"}},
        {"left_out": {"incme": "misspelt"}},
        {"monotone": {"race": 1}},
        {"monotone": {"town": 1}},
        {"mitigation": "reweighing", "mitigate": ("income",)},
        {"mitigation": "reweighing"},
        {"mitigate": ("race",)},
        {"left_out": {"income": "x", "debt": "x", "town": "x"}},
    ],
)
def test_parameters_that_do_not_fit_to_the_columns_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"train\."):
        features_of(COLUMNS, train_params(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"good": 1}, "two labels"),
        ({"good": np.nan}, "label in every row"),
        ({"good": [2, 3] * 200}, "two labels"),
        ({"good": [0] * 395 + [1] * 5}, "at least 10"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as refusal:
        train(portfolio().assign(**change), COLUMNS, train_params())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_a_constant_or_empty_feature_does_no_harm(value: float) -> None:
    predictions = train(portfolio().assign(debt=value), COLUMNS, train_params()).predictions
    assert predictions["oof_score"].between(0, 1).all()


def test_a_category_that_training_never_saw_is_scored() -> None:
    scorer = train(portfolio(), COLUMNS, train_params()).scorer
    unseen = portfolio().assign(town=pd.array(["C"] * 400, dtype="str"))
    assert np.isfinite(scorer.score(unseen)).all()


def test_an_absent_feature_is_named(trained: Trained) -> None:
    with pytest.raises(InputError, match="debt"):
        trained.scorer.score(portfolio().drop(columns="debt"))


@pytest.mark.parametrize("field", ["seed", "favourable", "cutoff", "mitigation", "rounds"])
def test_what_decides_about_a_model_has_no_default(field: str) -> None:
    values = train_params().model_dump()
    del values[field]
    with pytest.raises(ValueError, match=field):
        TrainParams.model_validate(values)
