"""Read JSON that somebody else may have written: one meaning, finite numbers, bounded depth.

Python's reader keeps the last of two equal keys, takes `NaN`, `Infinity` and `1e999`, makes texts
of half a surrogate pair, which no file can hold, and gives up on deep nesting with an error of
another kind. RFC 8259 leaves all of these open (sections 4, 6, 8.2 and 9); readers differ in them,
and a difference between two readers is what somebody would sign and somebody else would run.
"""

import json
import math
from pathlib import Path
from typing import Any

from tasks.errors import EvidenceError
from tasks.formats.regular_file import MOST_FILE_BYTES, describe_unreadable, read_regular_file

MOST_DEPTH = 60
MOST_DIGITS = 40  # a count of nanoseconds has 19; converting thousands takes a long time


class JsonFaultError(ValueError):
    """It is no JSON of this form; the text says why, and quotes nothing of it."""


def parse_json(data: bytes | str) -> Any:
    """Return the values of a JSON text.

    Raises:
        JsonFaultError: It is no JSON in UTF-8, has a key twice, a number that is not finite or has
            too many digits, half a surrogate pair, or nests too deep.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
        values = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_bounded,
        )
        # Only an escape can make half a pair: UTF-8 cannot hold one.
        if "\\u" in text or not isinstance(data, bytes):
            json.dumps(values, ensure_ascii=False).encode()
    except JsonFaultError:
        raise
    except RecursionError:
        raise _too_deep() from None
    except UnicodeDecodeError:
        raise JsonFaultError("bytes that are no UTF-8") from None
    except UnicodeEncodeError:
        raise JsonFaultError("half a surrogate pair in a text") from None
    except json.JSONDecodeError as error:
        raise JsonFaultError(f"no JSON from line {error.lineno} on") from None

    # Nothing nests deeper than it has brackets.
    if text.count("[") + text.count("{") > MOST_DEPTH:
        _check_depth(values)
    return values


def read_json(path: Path, name: str = "", *, remedy: str, most_bytes: int = MOST_FILE_BYTES) -> Any:
    """Return the values of a JSON file; `name` is its name in messages if that is not its path.

    Raises:
        EvidenceError: It is absent, no regular file, too large, or `parse_json` refuses it.
    """
    try:
        return parse_json(read_regular_file(path, most_bytes=most_bytes))
    except (OSError, ValueError) as error:
        is_form = isinstance(error, JsonFaultError)
        raise EvidenceError(
            name or path.as_posix(),
            expected="a JSON file with each key once and finite numbers",
            found=str(error) if is_form else describe_unreadable(error),
            remedy=remedy,
        ) from error


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise JsonFaultError("a key twice in one object")
    return values


def _refuse_constant(_: str) -> Any:
    raise JsonFaultError("NaN or an infinity, for which JSON has no number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise JsonFaultError("a number that is too large")
    return number


def _bounded(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise JsonFaultError(f"a whole number of more than {MOST_DIGITS} digits")
    return int(digits)


def _check_depth(values: Any) -> None:
    """Walk down level by level: by calls, the walk itself would be too deep."""
    level = [values]
    for _ in range(MOST_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return

    if any(isinstance(value, dict | list) for value in level):
        raise _too_deep()


def _too_deep() -> JsonFaultError:
    return JsonFaultError(f"values that nest more than {MOST_DEPTH} deep")
