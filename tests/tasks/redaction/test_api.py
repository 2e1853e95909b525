"""What callers bring by mistake is refused, never read as something else; masking twice."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.errors import ConfigError
from tasks.redaction import find_personal_data, mask_texts
from tasks.redaction.spans import MASKED
from tests.tasks.redaction.heldout import rows

TEXT = "Call JOHN MILLER"


@pytest.mark.parametrize("call", [mask_texts, find_personal_data])
@pytest.mark.parametrize(
    "texts",
    [TEXT, TEXT.encode(), {TEXT: 1}, pd.DataFrame({"a": [TEXT]})],
    ids=lambda texts: type(texts).__name__,
)
def test_one_text_or_what_would_give_its_names_only_is_refused(
    call: Callable[..., Any], texts: Any
) -> None:
    with pytest.raises(TypeError, match=f"not one {type(texts).__name__}"):
        call(texts)


def test_one_kind_is_a_list_too() -> None:
    with pytest.raises(TypeError, match="`entities` has to be a list"):
        find_personal_data([TEXT], entities="PERSON")


def test_what_is_no_text_is_not_said_to_hold_nothing() -> None:
    with pytest.raises(TypeError, match=r"text 1 .* is no str but int"):
        find_personal_data([TEXT, 7])  # type: ignore[list-item]


def test_cells_of_any_type_are_masked_missing_or_withheld() -> None:
    cells: list[Any] = [TEXT, None, pd.NA, pd.NaT, float("nan"), 7, b"Ann Lee", ["Ann Lee"], ""]
    masked = mask_texts(pd.Series(cells, dtype=object))
    assert masked == ["Call [PERSON]", None, None, None, None, *["[WITHHELD]"] * 3, ""]


def test_masked_until_stable_masking_again_changes_nothing() -> None:
    texts = [row.text for row in rows(600, seed=5)]
    once = mask_texts(texts)
    assert once != mask_texts(once)  # else this sample says nothing

    stable = mask_texts(texts, until_stable=True)
    assert mask_texts(stable) == stable
    assert mask_texts(stable, until_stable=True) == stable


def test_masking_again_only_ever_adds_masks() -> None:
    texts = [row.text for row in rows(600, seed=5)]
    once = mask_texts(texts)
    stable = mask_texts(texts, until_stable=True)
    for first, last in zip(once, stable, strict=True):
        assert first is not None
        assert last is not None
        characters = iter(MASKED.sub("", first))
        # in order, and none that was not there
        assert all(character in characters for character in MASKED.sub("", last))


def test_what_is_no_text_is_masked_until_stable_too() -> None:
    cells: list[Any] = ["", None, pd.NA, np.array([1, 2]), 7, TEXT]
    assert mask_texts(cells, until_stable=True) == [
        *("", None, None, "[WITHHELD]", "[WITHHELD]", "Call [PERSON]"),
    ]


@pytest.mark.parametrize("min_score", [float("nan"), -0.1, 1.1, float("inf")])
def test_a_score_that_nothing_reaches_masks_nothing_and_is_refused(min_score: float) -> None:
    with pytest.raises(ValueError, match="min_score"):
        mask_texts(["Ann Miller called."], min_score=min_score)


def test_a_kind_that_is_misspelt_masks_nothing_and_is_refused() -> None:
    with pytest.raises(ConfigError, match="`PERSON` for `PERSN`"):
        mask_texts(["Ann Miller called."], entities=["PERSN"])
