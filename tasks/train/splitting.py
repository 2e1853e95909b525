"""Split by person: a keyed hash of the pseudonym decides, so that nobody is on two sides and erasures move no one."""

from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("train", "validation", "test")


def draws(subjects: "pd.Series[str]", seed: int, purpose: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a number in [0, 1) per row that depends on the subject, the seed and the purpose only."""
    known = {subject: _draw(subject, seed, purpose) for subject in subjects.unique()}
    return np.asarray(subjects.map(known), dtype=np.float64)


def split(subjects: "pd.Series[str]", seed: int, validation_ratio: float, test_ratio: float) -> np.ndarray[Any, Any]:
    """Return `train`, `validation` or `test` per row."""
    drawn = draws(subjects, seed, "split")
    return np.where(drawn < test_ratio, "test", np.where(drawn < test_ratio + validation_ratio, "validation", "train"))


def folds(subjects: "pd.Series[str]", seed: int, count: int) -> np.ndarray[Any, Any]:
    """Return a fold 0 … count - 1 per row."""
    return (draws(subjects, seed, "folds") * count).astype(int)


def _draw(subject: str, seed: int, purpose: str) -> float:
    digest = blake2b(f"{seed}\x00{purpose}\x00{subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
