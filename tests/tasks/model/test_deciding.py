"""One function decides: rows one by one, in a batch, or after a journey on disk."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.model import BrokenModelError, DecisionModel, InputError
from tests.models import FAMILIES, applicants, decision_model, income_model


def test_a_model_that_fits_into_one_s_head() -> None:
    rows = pd.DataFrame({"income": [-2.0, 0.0, 2.0]}, index=["a", "b", "c"])
    answers = income_model().answer(rows)
    assert answers.index.tolist() == ["a", "b", "c"]
    assert answers["decision"].tolist() == ["declined", "approved", "approved"]
    assert answers["score"].iloc[1] == 0.5  # what reaches the cut-off is approved
    assert answers["reason_1"].tolist() == ["A", None, None]  # what JSON has a word for
    assert answers["reason_1_text"].tolist() == ["The income is low", None, None]
    assert answers[["reason_2", "reason_3", "reason_4"]].isna().to_numpy().all()


def test_the_words_are_in_the_language_that_is_asked_for() -> None:
    rows = pd.DataFrame({"income": [-2.0, 2.0]})
    model = income_model()
    answers = model.answer(rows, "de")
    assert answers["reason_1_text"].tolist() == ["Das Einkommen ist niedrig", None]
    own = model.answer(rows, model.reasons.language)
    pd.testing.assert_frame_equal(own, model.answer(rows))


def test_there_are_no_words_in_a_language_that_the_map_lacks() -> None:
    with pytest.raises(InputError, match="expected one of en, de; found another"):
        income_model().answer(pd.DataFrame({"income": [-2.0]}), "fr")


@pytest.mark.parametrize("family", FAMILIES)
def test_decisions_are_the_same_bits_alone_in_a_batch_and_after_saving(
    family: str, tmp_path: Path
) -> None:
    model = decision_model(family)
    rows = applicants(60, seed=9)
    together = model.answer(rows)
    assert set(together["decision"]) == {"approved", "declined"}

    model.save(tmp_path)
    loaded = DecisionModel.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.answer(rows), together, check_exact=True)
    alone = pd.concat([loaded.answer(rows.iloc[[position]]) for position in range(len(rows))])
    pd.testing.assert_frame_equal(alone, together, check_exact=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_integers_another_order_and_no_rows(family: str) -> None:
    model = decision_model(family)
    whole = applicants(30).assign(income=40, debt=range(30))
    as_floats = whole.astype({"income": float, "debt": float})
    pd.testing.assert_frame_equal(model.answer(whole), model.answer(as_floats))
    pd.testing.assert_frame_equal(
        model.answer(whole[["town", "debt", "income"]]), model.answer(whole)
    )

    nothing = model.answer(whole.head(0))
    assert nothing.dtypes.tolist() == model.answer(whole).dtypes.tolist()
    assert len(nothing) == 0


def test_what_the_contract_refuses_is_not_decided() -> None:
    with pytest.raises(InputError, match="absent: debt"):
        decision_model("logistic").decide(applicants(2).drop(columns="debt"))


def test_reasons_are_those_that_made_the_score_low() -> None:
    model = decision_model("lightgbm")
    decisions = model.decide(applicants(60, seed=9))
    assert len(decisions.declined) > 5
    margins = model.scorer.margin(applicants(60, seed=9).iloc[decisions.declined])
    sums = model.explainer.base + decisions.reasons.grouped.sum(axis=1)
    np.testing.assert_allclose(sums, margins)
    # The most adverse reason comes first wherever its words are true of the applicant.
    named = decisions.reasons
    is_told = (named.top[:, 0] >= 0) & (named.untold[:, 0] < 0)
    assert is_told.sum() > 5
    first = named.grouped[np.arange(len(sums)), named.top[:, 0]]
    np.testing.assert_array_equal(first[is_told], named.grouped.min(axis=1)[is_told])


@pytest.mark.parametrize("name", ["scorer", "contract", "reasons", "composites"])
@pytest.mark.parametrize("harm", ["gone", "cut", "unknown key"])
def test_a_folder_that_is_not_whole_is_refused(tmp_path: Path, name: str, harm: str) -> None:
    income_model().save(tmp_path)
    path = tmp_path / f"{name}.json"
    if harm == "gone":
        path.unlink()
    elif harm == "cut":
        path.write_text(path.read_text()[:-20])
    elif name == "scorer":
        path.write_text(path.read_text().replace('"fill"', '"full"'))
    else:
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pickle": "gASV"}))
    with pytest.raises(BrokenModelError):
        DecisionModel.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("composites", '"income"', '"wealth"', "composites with the model's inputs"),
        ("composites", "[\n   ", "[\n   1.0,\n   ", "a value for every input"),
        ("contract", '"income"', '"wealth"', "a contract about the model's features"),
        ("reasons", '"income"', '"wealth"', "exactly one reason for every feature"),
    ],
)
def test_parts_of_different_models_are_refused(
    tmp_path: Path, name: str, old: str, new: str, words: str
) -> None:
    income_model().save(tmp_path)
    path = tmp_path / f"{name}.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BrokenModelError, match=words):
        DecisionModel.load(tmp_path)


def test_an_absent_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decision_model("xgboost").save(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "xgboost", None)
    with pytest.raises(BrokenModelError, match="expected `xgboost` to be installed"):
        DecisionModel.load(tmp_path)
