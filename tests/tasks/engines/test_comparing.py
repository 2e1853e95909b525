"""Answers are compared by what they say, not by how they were pickled."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.engines.comparing import digest_answer


@dataclass
class Pair:
    left: Any
    right: Any


def test_equal_answers_have_one_digest_whatever_they_share() -> None:
    text = "a long enough text"
    copy = "a long enough " + "text"[:4]
    assert digest_answer(Pair([text], [text])) == digest_answer(Pair([text], [copy]))
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", None]})
    assert digest_answer(frame) == digest_answer(frame.iloc[:].copy())
    texts = pd.array(["x", None], dtype="str")
    assert digest_answer(texts) == digest_answer(texts.copy())
    assert digest_answer(texts.dtype) == digest_answer(pd.array(["y"], dtype="str").dtype)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 2),
        (1, True),
        (1, 1.0),
        ("a", b"a"),
        (None, "None"),
        (["a", "b"], ["ab"]),
        ([[1], 2], [[1, 2]]),
        ((1,), [1]),
        (0.1, float(np.nextafter(0.1, 1))),
        (np.array([1, 2]), np.array([1, 3])),
        (np.array([1, 2]), np.array([[1], [2]])),
        (np.array([1.0]), np.array([1.0], dtype=np.float32)),
        (np.array(["a", None], dtype=object), np.array(["a", "b"], dtype=object)),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
        (pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": ["y"]})),
        (pd.array(["x", None], dtype="str"), pd.array(["x", "y"], dtype="str")),
        (pd.array([1, None], dtype="Int64"), pd.array([1, None], dtype="Float64")),
        (np.dtype("float32"), np.dtype("float64")),
        (pd.StringDtype(), pd.Int64Dtype()),
        ({"a": 1}, {"a": 2}),
        (Pair(1, 2), Pair(2, 1)),
    ],
)
def test_other_answers_have_another_digest(one: Any, other: Any) -> None:
    assert digest_answer(one) != digest_answer(other)


def test_what_has_no_digest_is_refused() -> None:
    with pytest.raises(TypeError, match="no digest"):
        digest_answer(object())
