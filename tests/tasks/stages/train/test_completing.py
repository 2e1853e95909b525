"""What `train` adds to a scorer before anybody judges it: the whole of what will be served."""

from pathlib import Path

import numpy as np
import pytest

from tasks.adverse_action.params import BackgroundParams
from tasks.errors import DataError
from tasks.formats.digests import sha256_of
from tasks.learning.training import train
from tasks.model import DecisionModel
from tasks.model.loading import code_sha256
from tests.models import REASONS
from tests.tasks.stages.train.portfolio import COLUMNS, complete, portfolio, train_params

BACKGROUND = BackgroundParams(people="near_cutoff", rows=40, smallest_group=5, seed=1)


def completed(background: BackgroundParams = BACKGROUND) -> DecisionModel:
    applicants = portfolio()
    return complete(applicants, train(applicants, COLUMNS, train_params()), background)


def test_every_row_that_is_judged_keeps_to_the_contract() -> None:
    model = completed()
    assert model.contract.code_sha256 == code_sha256()
    assert model.contract.accept(portfolio()).shape == (400, 3)
    assert model.composites.compared_with == "near_cutoff"
    assert model.composites.people_behind_each_value == 5


def test_nobody_s_row_travels_with_the_model() -> None:
    model = completed()
    people = set(map(tuple, model.scorer.matrix(portfolio())))
    assert not people & set(model.composites.rows)
    figures = {value for row in people for value in row[:2]}
    assert not figures & {value for row in model.composites.rows for value in row[:2]}


def test_completing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        completed().save(tmp_path / name)
    assert sha256_of(tmp_path / "a") == sha256_of(tmp_path / "b")


def test_other_reasons_or_another_background_are_another_model(tmp_path: Path) -> None:
    model = completed()
    reworded = REASONS.model_copy(update={"version": "2"})
    variants = {
        "as it is": model,
        "words": DecisionModel(model.scorer, model.contract, reworded, model.composites),
        "background": completed(BACKGROUND.model_copy(update={"seed": 2})),
    }
    digests = set()
    for name, variant in variants.items():
        (tmp_path / name).mkdir()
        variant.save(tmp_path / name)
        digests.add(sha256_of(tmp_path / name))
    assert len(digests) == 3


def test_a_background_that_is_too_small_is_refused() -> None:
    applicants = portfolio()
    trained = train(applicants, COLUMNS, train_params())
    shut = type(trained.scorer)(
        trained.scorer.family, trained.scorer.inputs, trained.scorer.booster, cutoff=2.0
    )
    others = type(trained)(shut, trained.refits, trained.predictions)
    with pytest.raises(DataError, match="background"):
        complete(applicants, others, BACKGROUND)


def test_missing_values_of_any_judged_part_are_in_the_contract() -> None:
    applicants = portfolio()
    trained = train(applicants, COLUMNS, train_params())
    position = int(np.flatnonzero(trained.predictions["part"] == "test")[0])
    applicants.loc[position, "debt"] = np.nan  # which training never saw
    model = complete(applicants, trained, BACKGROUND)
    assert [column.may_be_missing for column in model.contract.columns] == [True, True, True]
