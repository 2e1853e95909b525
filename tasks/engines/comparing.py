"""Digest an answer by what it says, so that one worker's can be held against one made here.

Pickles will not do: equal values that share a string in one process, and do not in another, give
other bytes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import ExtensionArray, ExtensionDtype


def digest_answer(answer: Any) -> str:
    """Return the digest of values: arrays and frames by type, shape and bytes, all else by parts.

    Raises:
        TypeError: A value is of a kind that has no digest.
    """
    digest = hashlib.sha256()
    _add(digest, answer)
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    # The type first: 1, 1.0, True and "1" would else have one digest.
    digest.update(f"{type(value).__name__}\x00".encode())
    match value:
        case None | bool() | int() | float() | str() | np.generic():
            # repr of a float is exact, and one NaN is as good as another
            _add_bytes(digest, repr(value).encode("utf-8", "surrogatepass"))
        case bytes():
            _add_bytes(digest, value)
        # The bytes of such an array are addresses in this process.
        case np.ndarray() if value.dtype.hasobject:
            _add(digest, value.tolist())
        case np.ndarray():
            # Type and shape are part of it: the same bytes as 2 by 3 and as 3 by 2 are two answers.
            _add_bytes(digest, f"{value.dtype.str}{value.shape}".encode())
            _add_bytes(digest, np.ascontiguousarray(value).tobytes())
        case pd.DataFrame():
            for name in value.columns:
                _add(digest, (name, value[name]))
        case pd.Series():
            _add_bytes(digest, str(value.dtype).encode())
            _add_bytes(digest, pd.util.hash_pandas_object(value, index=False).to_numpy().tobytes())
        case ExtensionArray():
            _add(digest, pd.Series(value))
        case np.dtype() | ExtensionDtype():
            _add_bytes(digest, str(value).encode())
        case Mapping():
            _add(digest, list(value.items()))
        case list() | tuple():
            _add_bytes(digest, str(len(value)).encode())
            for part in value:
                _add(digest, part)
        case _ if is_dataclass(value):
            for field in fields(value):
                _add(digest, (field.name, getattr(value, field.name)))
        case _ if hasattr(value, "model_dump"):
            _add(digest, value.model_dump())
        case _:
            # Never by `repr`: that of most objects is an address, and no two answers would be
            # equal.
            raise TypeError(f"no digest of a {type(value).__name__}")


def _add_bytes(digest: Any, content: bytes) -> None:
    # With its length before it, so that two parts cannot be cut in another place.
    digest.update(len(content).to_bytes(8) + content)
