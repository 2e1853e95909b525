"""What programs of Python leave: pickles, also with arrays in them, and compiled modules.

Read as bytes only: nothing is loaded, unmarshalled or executed.
"""

import pickletools
import re
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tasks.erasure.searching.unfolding.pieces import OpenedContainer

PICKLE_PROTOCOLS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# Protocols 0 and 1 have no magic: a dictionary, list, tuple, global, text or object begins them.
OLD_PICKLE_FIRST = b"(c]}VXSU"
PICKLE_STOP = b"."
MOST_FRAMED_BYTES = 16_384
# No term is shorter.
LEAST_FRAMED_BYTES = 5


def is_pickle(content: bytes) -> bool:
    """Say whether a content begins like a pickle."""
    return content.startswith(PICKLE_PROTOCOLS) or (
        content.endswith(PICKLE_STOP) and content[:1] in OLD_PICKLE_FIRST
    )


def open_pickle(name: str, content: bytes) -> OpenedContainer | None:
    """Return texts and bytes of a pickle, of one that breaks off those before; nothing for another.

    Where raw bytes of an array stand in it, as joblib writes them, it goes on behind them.
    """
    texts: list[bytes] = []
    parts: list[bytes] = []
    position = 0
    is_whole = False
    try:
        for opcode, argument, start in pickletools.genops(content):
            position = start or 0
            if isinstance(argument, str):
                texts.append(argument.encode(errors="replace"))
            elif isinstance(argument, bytes | bytearray):
                parts.append(bytes(argument))
            is_whole = opcode.name == "STOP"
    except (ValueError, IndexError, EOFError, OverflowError, AttributeError):
        # Arrays, damage, or a text that looked like an old pickle.
        is_whole = False
    if not is_whole and not content.startswith(PICKLE_PROTOCOLS):
        return None

    rest = content[position:]
    if not is_whole:
        texts += read_framed_texts(rest)
        parts.append(rest)
    for offsets, data in pairwise(parts):
        texts += split_by_offsets(offsets, data)
    opened = OpenedContainer([(f"{name}.bytes", part) for part in parts])
    opened.parts.append((f"{name}.texts", b"\n".join(texts)))
    return opened


def split_by_offsets(offsets: bytes, data: bytes) -> list[bytes]:
    """Return the texts of a column of Arrow's: one buffer says where in the next each ends.

    Nothing stands between two of them, so that `data` as a whole is one long word. Columns of texts
    in pandas are pickled so (Apache Arrow, "Variable-size Binary Layout").

    Returns:
        Nothing, if the first are no offsets into the second.
    """
    for kind in ("<i8", "<i4"):
        if len(offsets) % np.dtype(kind).itemsize:
            continue
        places = np.frombuffer(offsets, kind)
        if places.size < 2 or places[0] < 0 or not 0 < places[-1] <= len(data):
            continue
        if (np.diff(places) >= 0).all():
            return [data[start:end] for start, end in pairwise(places.tolist())]

    return []


def read_framed_texts(content: bytes) -> Iterator[bytes]:
    """Yield texts of up to 127 bytes behind a byte with their length, and longer ones behind two.

    So pickles, compiled modules and most binary formats write them; the length is a letter as often
    as not, which a search for whole words takes for the beginning of the word.
    """
    for position, size_bytes in enumerate(content):
        if size_bytes < LEAST_FRAMED_BYTES:
            continue

        text = content[position + 1 : position + 1 + size_bytes]
        if len(text) == size_bytes and _is_text(text) and _is_frame(content, position, size_bytes):
            yield text

        # Seven bits a byte, the lowest first, and sixteen bits in both orders.
        for size_bytes, start in _long_sizes(content, position):
            text = content[start : start + size_bytes]
            if len(text) == size_bytes and _is_text(text):
                yield text


def _is_frame(content: bytes, position: int, size_bytes: int) -> bool:
    """Say whether a length is one, and no letter of a text: of `joann@…` an `o` is 111, too.

    A length that is a letter has something beside it that is no text: before it and the code of
    its type, or behind what it frames.
    """
    if size_bytes < FIRST_PRINTABLE:
        return True
    end = position + 1 + size_bytes
    beside = content[max(0, position - 2) : position] + content[end : end + 1]
    return position == 0 or end == len(content) or NO_TEXT.search(beside) is not None


def _long_sizes(content: bytes, position: int) -> Iterator[tuple[int, int]]:
    head = content[position : position + 2]
    if len(head) < 2:
        return
    if head[0] >= 0x80 and 0 < head[1] < 0x80:
        yield (head[0] & 0x7F) | head[1] << 7, position + 2
    for order in ("little", "big"):
        size_bytes = int.from_bytes(head, order)
        if 0xFF < size_bytes <= MOST_FRAMED_BYTES:
            yield size_bytes, position + 2


FIRST_PRINTABLE = 0x20  # of ASCII
NO_TEXT = re.compile(rb"[^\t\n\r -~]")
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def _is_text(content: bytes) -> bool:
    if CONTROL.search(content):
        return False
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
