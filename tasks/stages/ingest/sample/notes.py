"""Compose loan officers' notes, with the place of every planted identity. Column by column: no Python per row."""

import calendar
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tasks.stages.ingest.sample.clauses import CLOSINGS, OPENINGS, THEMES
from tasks.stages.ingest.sample.columns import Ints, digits, integers, join, words

MONTHS = tuple(calendar.month_name)[1:]
# fmt: off
NICKNAMES = {
    "Robert": "Bob", "William": "Bill", "Richard": "Dick", "James": "Jim", "Michael": "Mike", "Thomas": "Tom",
    "Charles": "Chuck", "Joseph": "Joe", "Christopher": "Chris", "Daniel": "Danny", "Matthew": "Matt",
    "Anthony": "Tony", "Steven": "Steve", "Andrew": "Andy", "Kenneth": "Ken", "Edward": "Ed", "Timothy": "Tim",
    "Elizabeth": "Liz", "Margaret": "Peggy", "Jennifer": "Jenny", "Patricia": "Pat", "Deborah": "Debbie",
    "Susan": "Sue", "Katherine": "Kate", "Kathleen": "Kathy", "Victoria": "Vicky", "Samantha": "Sam",
    "Rebecca": "Becky", "Jessica": "Jess", "Christina": "Tina", "Alexander": "Alex", "Benjamin": "Ben",
}
# fmt: on
TYPES = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "dotted": "PHONE_NUMBER",
    "ssn": "US_SSN",
    "street": "ADDRESS",
    "city": "ADDRESS",
    "last4": "ACCOUNT",
    "account": "ACCOUNT",
}  # every other field of a person is a name
OPEN = "title"  # a field of a person that is no personal data
OWNERS = {"me": "self", "she": "other"}
FEWEST_THEMES = 2
BLOCK_ROWS = 50_000  # made at once: memory is bounded by the block
SHIFT = 7919  # third persons of different themes are different people
Forms = dict[str, pa.Array]


@dataclass
class _Spans:
    """Planted spans of many rows, one array a quality; starts are counted from the clause's own start."""

    row: list[Ints]
    slot: list[Ints]
    start: list[Ints]
    end: list[Ints]
    label: list[Ints]  # index into `labels`


def notes(
    applicants: pd.DataFrame, others: pd.DataFrame, seed: int
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return one note per applicant, and its planted spans as JSON: `[{"start", "end", "type", "owner"}]`.

    Offsets count characters. `others` are third persons to take from, as many as applicants; owner is `self` or
    `other`. A note has an opening, two to four themes in varied order, each about another third person, and a closing.
    """
    blocks = [
        _block(
            applicants[start : start + BLOCK_ROWS], others[start : start + BLOCK_ROWS], seed + start
        )
        for start in range(0, len(applicants), BLOCK_ROWS)
    ]
    return pa.chunked_array([text for text, _ in blocks]), pa.chunked_array(
        [gold for _, gold in blocks]
    )


def _block(applicants: pd.DataFrame, others: pd.DataFrame, seed: int) -> tuple[pa.Array, pa.Array]:
    rows = len(applicants)
    mine, hers = _forms(applicants), _forms(others)
    turn, themes = (
        integers(seed, 30, rows, 0, len(THEMES)),
        integers(seed, 31, rows, FEWEST_THEMES, len(THEMES) + 1),
    )
    texts, spans = [], _Spans([], [], [], [], [])
    for slot in range(len(THEMES) + 2):
        neutral = _neutral(seed, slot, rows)
        place = slot - 1
        options, number = (OPENINGS, 0) if slot == 0 else (CLOSINGS, 1)
        if 0 <= place < len(THEMES):
            picked = np.where(place < themes, (turn + place) % len(THEMES), -1)
            column = _themed(seed, slot, picked, (mine, hers, neutral), spans)
        else:
            chosen = integers(seed, 40 + number, rows, 0, len(options))
            column = _written(options, chosen, np.arange(rows), slot, (mine, hers, neutral), spans)
        texts.append(column)
    lengths = np.stack(
        [pc.fill_null(pc.utf8_length(text), -1).to_numpy(zero_copy_only=False) for text in texts]
    )
    offsets = np.cumsum(lengths + 1, axis=0) - (lengths + 1)
    note = pc.binary_join_element_wise(*texts, " ", null_handling="skip")
    return note, _gold(spans, offsets, rows)


def _themed(
    seed: int, slot: int, picked: Ints, forms: tuple[Forms, Forms, Forms], spans: _Spans
) -> pa.Array:
    """Return the slot's clause for every row, missing where the row has fewer themes."""
    mine, hers, neutral = forms
    pieces, places = [], []
    for theme, clauses in enumerate(THEMES):
        here = np.flatnonzero(picked == theme)
        shift = (here + SHIFT * (theme + 1)) % len(picked)
        others = {name: values.take(pa.array(shift)) for name, values in hers.items()}
        chosen = integers(seed, 50 + slot, len(picked), 0, len(clauses))[here]
        pieces.append(
            _written(
                clauses, chosen, here, slot, (mine, others, neutral), spans, are_hers_taken=True
            )
        )
        places.append(here)
    return _placed(pieces, places, len(picked))


def _written(
    clauses: tuple[str, ...],
    chosen: Ints,
    here: Ints,
    slot: int,
    forms: tuple[Forms, Forms, Forms],
    spans: _Spans,
    *,
    are_hers_taken: bool = False,
) -> pa.Array:
    """Return the chosen clause with its fields filled for each of the rows `here`, and note what was planted."""
    mine, hers, neutral = forms
    pieces, places = [], []
    for number, clause in enumerate(clauses):
        inside = np.flatnonzero(chosen == number)
        rows = here[inside]
        parts: list[pa.Array | str] = []
        length = np.zeros(len(rows), dtype=np.int64)
        for index, part in enumerate(re.split(r"\{([^}]+)\}", clause)):
            if index % 2 == 0:
                parts.append(part)
                length = length + len(part)
                continue
            who, _, name = part.rpartition(".")
            known = {"me": mine, "she": hers, "": neutral}[who][name]
            values = known.take(pa.array(inside if who == "she" and are_hers_taken else rows))
            size = pc.utf8_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
            if who and name != OPEN:
                spans.row.append(rows)
                spans.slot.append(np.full(len(rows), slot))
                spans.start.append(length)
                spans.end.append(length + size)
                spans.label.append(
                    np.full(len(rows), LABELS.index((TYPES.get(name, "PERSON"), OWNERS[who])))
                )
            parts.append(values)
            length = length + size
        pieces.append(
            join(*parts) if len(parts) > 1 else pa.array([parts[0]] * len(rows), pa.string())
        )
        places.append(inside)
    return _placed(pieces, places, len(here))


LABELS = [
    (kind, owner) for kind in sorted({*TYPES.values(), "PERSON"}) for owner in OWNERS.values()
]


def _placed(pieces: list[pa.Array], places: list[Ints], rows: int) -> pa.Array:
    """Return one array with every piece at its places, missing elsewhere."""
    order = np.full(rows, -1, dtype=np.int64)
    order[np.concatenate(places)] = np.arange(sum(map(len, places)))
    return pa.concat_arrays(pieces).take(pa.array(order, mask=order < 0))


def _gold(spans: _Spans, offsets: "np.ndarray[Any, Any]", rows: int) -> pa.Array:
    row, slot = np.concatenate(spans.row), np.concatenate(spans.slot)
    start = np.concatenate(spans.start) + offsets[slot, row]
    end, label = np.concatenate(spans.end) + offsets[slot, row], np.concatenate(spans.label)
    order = np.lexsort((start, row))
    kinds, owners = (
        words([kind for kind, _ in LABELS], label[order]),
        words([who for _, who in LABELS], label[order]),
    )
    pieces = join(
        '{"start":',
        start[order],
        ',"end":',
        end[order],
        ',"type":"',
        kinds,
        '","owner":"',
        owners,
        '"}',
    )
    ends = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=rows))))
    return join(
        "[", pc.binary_join(pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pieces), ","), "]"
    )


def _forms(people: pd.DataFrame) -> Forms:
    """Return the forms in which each person is written."""
    forms: Forms = {name: pa.array(people[name]).cast(pa.string()) for name in people.columns}
    first, name, phone = forms["first"], forms["name"], forms["phone"]
    short = words(
        [*NICKNAMES.values(), ""],
        pc.fill_null(pc.index_in(first, pa.array(list(NICKNAMES))), len(NICKNAMES)),
    )
    return forms | {
        "initial": join(pc.utf8_slice_codeunits(first, 0, 1), "."),
        "upper": pc.utf8_upper(name),
        "lower": pc.utf8_lower(name),
        "nickname": pc.if_else(pc.equal(short, ""), first, short),
        "dotted": pc.replace_substring_regex(phone, r"\((\d+)\) (\d+)-(\d+)", r"\1.\2.\3"),
        "last4": pc.utf8_slice_codeunits(forms["account"], 6, 10),
    }


def _neutral(seed: int, slot: int, rows: int) -> Forms:
    """Return numbers and months for one clause of every row."""
    stream = 100 + 10 * slot
    tenths = integers(seed, stream, rows, 20, 480)
    return {
        "amount": _dollars(integers(seed, stream + 1, rows, 3, 900) * 50),
        "income": _dollars(integers(seed, stream + 5, rows, 60, 900) * 10),
        "price": _dollars(integers(seed, stream + 6, rows, 80, 900) * 1000),
        "percent": join(tenths // 10, ".", tenths % 10),
        "count": pa.array(integers(seed, stream + 2, rows, 2, 9)).cast(pa.string()),
        "years": pa.array(integers(seed, stream + 3, rows, 2, 30)).cast(pa.string()),
        "month": words(MONTHS, integers(seed, stream + 4, rows, 0, 12)),
    }


def _dollars(amounts: Ints) -> pa.Array:
    """Return amounts below a million as people write them: 36,350."""
    thousands, rest = np.divmod(amounts, 1000)
    return pc.if_else(pa.array(thousands > 0), join(thousands, ",", digits(rest, 3)), join(rest))
