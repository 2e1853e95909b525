"""Split by person: a hash of the person's number decides, so that nobody is on two sides and erasures move no one."""

from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("train", "validation", "test")


def draws(
    persons: "pd.Series[int]", seed: int, purpose: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a number in [0, 1) per row that depends on the person, the seed and the purpose only."""
    known = {person: _draw(person, seed, purpose) for person in persons.unique()}
    return np.asarray(persons.map(known), dtype=np.float64)


def split(
    persons: "pd.Series[int]", seed: int, validation_ratio: float, test_ratio: float
) -> np.ndarray[Any, Any]:
    """Return `train`, `validation` or `test` per row."""
    drawn = draws(persons, seed, "split")
    return np.where(
        drawn < test_ratio,
        "test",
        np.where(drawn < test_ratio + validation_ratio, "validation", "train"),
    )


def folds(persons: "pd.Series[int]", seed: int, count: int) -> np.ndarray[Any, Any]:
    """Return a fold 0 … count - 1 per row."""
    return (draws(persons, seed, "folds") * count).astype(int)


def _draw(person: int, seed: int, purpose: str) -> float:
    digest = blake2b(f"{seed}\x00{purpose}\x00{person}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
