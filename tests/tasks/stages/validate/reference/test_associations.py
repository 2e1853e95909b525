"""What is kept of associations survives its file, and gives nobody away."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from tasks.stages.validate.reference import associations as module
from tasks.stages.validate.reference.associations import (
    Associations,
    correlate,
    keep_associations,
)
from tasks.stages.validate.reference.cells import cell_codes, profile_column
from tasks.stages.validate.reference.scores import Component, RowScores, components_of


def scored(values: np.ndarray) -> RowScores:
    """Return scores of rows of which each has a cell of its own; shape (rows, components)."""
    return RowScores(
        tuple(
            Component(f"{place}", f"{place}", tuple(column.tolist()), is_binary=False)
            for place, column in enumerate(values.T)
        ),
        {f"{place}": np.arange(len(values), dtype=np.uint32) for place in range(values.shape[1])},
    )


def kept(frame: pd.DataFrame) -> Associations:
    cells = {str(name): profile_column(frame[name]) for name in frame}
    codes = {name: cell_codes(frame[name], cells[name]) for name in cells}
    return keep_associations(components_of(cells), codes)


def flags(both: int, first: int, second: int, none: int) -> pd.DataFrame:
    """Return two flags with so many rows in each of the four cells."""
    rows = [(1.0, 1.0)] * both + [(1.0, 0.0)] * first + [(0.0, 1.0)] * second + [(0.0, 0.0)] * none
    return pd.DataFrame(rows, columns=["a", "b"])


def test_a_correlation_is_pearson_s_of_the_scores() -> None:
    rng = np.random.default_rng(2)
    scores = rng.random((5000, 3)).astype(np.float32)
    scores[:, 1] += scores[:, 0]
    assert correlate(scored(scores)) == pytest.approx(np.corrcoef(scores.T), abs=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(2).random((1000, 4)).astype(np.float32)
    whole = correlate(scored(scores))
    monkeypatch.setattr(module, "CHUNK_ROWS", 7)
    assert correlate(scored(scores)) == pytest.approx(whole, abs=1e-12)


def test_a_constant_score_has_no_correlation() -> None:
    scores = np.random.default_rng(2).random((100, 2)).astype(np.float32)
    scores[:, 1] = 0.3
    assert correlate(scored(scores))[0, 1] == 0


def test_flags_with_ten_rows_in_each_cell_are_kept() -> None:
    assert kept(flags(10, 40, 40, 110)).thousandths == ("", "-67")


@pytest.mark.parametrize("few", [(9, 41, 41, 109), (41, 9, 109, 41), (0, 50, 50, 100)])
def test_flags_with_fewer_than_ten_rows_in_a_cell_are_withheld(few: Any) -> None:
    associations = kept(flags(*few))
    assert associations.thousandths == ("", ".")
    assert np.isnan(associations.matrix()[0, 1])


def test_the_matrix_is_symmetric_with_ones_in_the_middle() -> None:
    matrix = Associations(scores=("a", "b", "c"), thousandths=("", "500", ". -250")).matrix()
    assert matrix[0, 1] == matrix[1, 0] == 0.5
    assert matrix[2, 1] == -0.25
    assert np.isnan(matrix[0, 2])
    assert np.diag(matrix).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "thousandths", [(), ("", ""), ("", "1 2"), ("", "1001"), ("", "x"), ("", "0.5")]
)
def test_a_damaged_triangle_is_refused(thousandths: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        Associations(scores=("a", "b"), thousandths=thousandths)
