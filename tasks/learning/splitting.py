"""Split rows by person, by a hash of the person's number.

All rows of a person are on the same side, so that no model is measured on somebody it has learnt
from. A hash, unlike a shuffle, depends on nobody else: an erasure moves nobody to another side.
"""

from hashlib import blake2b
from typing import Any

import numpy as np
import pandas as pd

PARTS = ("train", "validation", "test")
DRAW_BYTES = 8


def draws(
    persons: "pd.Series[int]", seed: int, purpose: str
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a number in [0, 1) per row that depends on the person, the seed and the purpose only.

    Different purposes give independent numbers: who is in the test part says nothing about the
    fold.
    """
    # The NUL keeps fields apart: seed 1 with purpose "2" is not seed 12 with an empty one.
    start = blake2b(f"{seed}\x00{purpose}\x00".encode(), digest_size=DRAW_BYTES)
    codes, people = pd.factorize(persons)
    digests = bytearray()
    for person in people.tolist():
        drawn = start.copy()
        drawn.update(str(person).encode())
        digests += drawn.digest()

    return np.asarray(_fractions_of(digests)[codes], dtype=np.float64)


def _fractions_of(digests: bytes | bytearray) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return each 64 bits as a fraction of 2^64, below 1."""
    fractions = np.frombuffer(digests, dtype=">u8").astype(np.float64) / 2**64
    # The highest 1,024 of 2^64 hashes round to 1 as floats. Whoever drew 1 would be in no fold, and
    # judged by a score that no model gave.
    return np.minimum(fractions, np.nextafter(1.0, 0.0))


def split(
    persons: "pd.Series[int]", seed: int, validation_ratio: float, test_ratio: float
) -> np.ndarray[Any, Any]:
    """Return `train`, `validation` or `test` per row, shape (rows,).

    Of many people about `test_ratio` are in the test part and `validation_ratio` in the validation
    part. The test part does not depend on `validation_ratio`.
    """
    drawn = draws(persons, seed, "split")
    learning = np.where(drawn < test_ratio + validation_ratio, "validation", "train")
    return np.where(drawn < test_ratio, "test", learning)


def folds(persons: "pd.Series[int]", seed: int, count: int) -> np.ndarray[Any, Any]:
    """Return a fold 0 … count - 1 per row, shape (rows,), about equally many people in each."""
    return (draws(persons, seed, "folds") * count).astype(int)
