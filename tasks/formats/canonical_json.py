"""JSON in one form, for whatever is digested, signed or compared."""

import json
from typing import Any

from tasks.errors import EvidenceError

# Made once: `json.dumps` makes one at every call, which is a fifth of the time of a small value.
ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


class NotCanonicalError(EvidenceError, ValueError):
    """A value has no canonical form, so that nothing can be signed or digested about it."""


def canonical(value: Any) -> bytes:
    """Return JSON in one form: keys sorted by code point, no spaces, UTF-8 without escapes.

    Equal values give equal bytes, in every process and on every platform. It is not RFC 8785, whose
    numbers are those of JavaScript: figures here are Python's shortest ones that read back the
    same.

    Raises:
        NotCanonicalError: NaN or an infinity is in it, for which JSON has no number; half a
            surrogate pair, which UTF-8 cannot hold; or it contains itself or nests too deep.
        TypeError: It holds something that JSON does not know.
    """
    try:
        return ENCODER.encode(value).encode()
    except UnicodeEncodeError as error:
        raise _refused("half a surrogate pair in a text") from error
    except RecursionError as error:
        raise _refused("values that nest too deep") from error
    except ValueError as error:
        raise _refused("NaN, an infinity, or a value that contains itself") from error


def _refused(found: str) -> NotCanonicalError:
    return NotCanonicalError(
        "a value to be signed or digested",
        expected="JSON with finite numbers and whole characters",
        found=found,
        remedy="Find out what measured or wrote it; nothing was signed.",
    )
