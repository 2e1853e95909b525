"""Compose loan officers' notes, with the place of every planted identity.

Notes are written column by column, without Python per row. A note is made of slots: an opening, up
to four themes, a closing. A slot is filled for all rows at
once: every clause is written for the rows that chose it, and the pieces are put back into row
order. The place of each planted value is counted from the start of its clause while the clause is
written; once the lengths of all slots are known, these places become offsets in the note.
"""

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
    "Robert": "Bob", "William": "Bill", "Richard": "Dick", "James": "Jim", "Michael": "Mike",
    "Thomas": "Tom", "Charles": "Chuck", "Joseph": "Joe", "Christopher": "Chris", "Daniel": "Danny",
    "Matthew": "Matt", "Anthony": "Tony", "Steven": "Steve", "Andrew": "Andy", "Kenneth": "Ken",
    "Edward": "Ed", "Timothy": "Tim", "Elizabeth": "Liz", "Margaret": "Peggy", "Jennifer": "Jenny",
    "Patricia": "Pat", "Deborah": "Debbie", "Susan": "Sue", "Katherine": "Kate",
    "Kathleen": "Kathy", "Victoria": "Vicky", "Samantha": "Sam", "Rebecca": "Becky",
    "Jessica": "Jess", "Christina": "Tina", "Alexander": "Alex", "Benjamin": "Ben",
}
# fmt: on

# The entity type of a planted field of a person; every other field is a PERSON.
TYPES = {
    "email": "EMAIL_ADDRESS",
    "phone": "PHONE_NUMBER",
    "dotted": "PHONE_NUMBER",
    "ssn": "US_SSN",
    "street": "ADDRESS",
    "city": "ADDRESS",
    "last4": "ACCOUNT",
    "account": "ACCOUNT",
}
UNPLANTED_FIELD = "title"  # a field of a person that is no personal data
OWNERS = {"me": "self", "she": "other"}  # prefix of a field in a clause -> owner of its span
LABELS = [
    (kind, owner) for kind in sorted({*TYPES.values(), "PERSON"}) for owner in OWNERS.values()
]

FIELD = re.compile(r"\{([^}]+)\}")  # `re.split` by it gives text at even places, fields at odd ones
FEWEST_THEMES = 2
BLOCK_ROWS = 50_000  # rows made at once: it bounds the memory, whatever the sample's size

# Each theme takes its third persons from rows this much further on, so that the themes of a note
# are about different people. A prime, so that the shifts of no block size fall together.
THIRD_PERSON_SHIFT = 7919

Forms = dict[str, pa.Array]  # field -> its text in every row


@dataclass
class _Spans:
    """Planted spans of many rows, as parallel lists of arrays.

    `start` and `end` count characters from the start of the clause; `slot` says which clause of the
    note that is.
    """

    row: list[Ints]
    slot: list[Ints]
    start: list[Ints]
    end: list[Ints]
    label: list[Ints]  # index into `LABELS`


@dataclass(frozen=True)
class _Fields:
    """What the fields of clauses stand for, in row order: two kinds of people, and numbers."""

    applicants: Forms
    third_persons: Forms
    neutral: Forms

    def of(self, prefix: str) -> Forms:
        """Return the forms that a field's prefix (`me`, `she` or none) takes its values from."""
        return {"me": self.applicants, "she": self.third_persons, "": self.neutral}[prefix]


def notes(
    applicants: pd.DataFrame, others: pd.DataFrame, seed: int
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return one note per applicant, and its planted spans as JSON.

    The spans of a note are a list of `{"start", "end", "type", "owner"}` in order of `start`.
    Offsets count characters; owner is `self` or `other`. `others` are third persons to choose from,
    as many as applicants. A note has an opening, two to four themes in varied order, each about
    another third person, and a closing.
    """
    blocks = []
    for start in range(0, len(applicants), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        blocks.append(write_block(applicants[block], others[block], seed + start))

    texts = pa.chunked_array([text for text, _ in blocks])
    spans = pa.chunked_array([gold for _, gold in blocks])
    return texts, spans


def write_block(
    applicants: pd.DataFrame, others: pd.DataFrame, seed: int
) -> tuple[pa.Array, pa.Array]:
    """Return the notes of a block of rows, and their spans as JSON; see `notes`.

    Its first row's number, from 0, is part of `seed`.
    """
    rows = len(applicants)
    applicant_forms = _written_forms(applicants)
    other_forms = _written_forms(others)
    first_theme = integers(seed, 30, rows, 0, len(THEMES))
    theme_counts = integers(seed, 31, rows, FEWEST_THEMES, len(THEMES) + 1)

    texts = []
    spans = _Spans([], [], [], [], [])
    last_slot = len(THEMES) + 1
    for slot in range(last_slot + 1):
        fields = _Fields(applicant_forms, other_forms, _neutral_forms(seed, slot, rows))
        if 0 < slot < last_slot:
            place = slot - 1
            themes = np.where(place < theme_counts, (first_theme + place) % len(THEMES), -1)
            texts.append(_write_themes(seed, slot, themes, fields, spans))
        else:
            clauses = OPENINGS if slot == 0 else CLOSINGS
            chosen = integers(seed, 40 if slot == 0 else 41, rows, 0, len(clauses))
            texts.append(_write_clauses(clauses, chosen, np.arange(rows), slot, fields, spans))

    # A missing slot has length -1 and takes no separator: together they add nothing to an offset.
    lengths = np.stack(
        [pc.fill_null(pc.utf8_length(text), -1).to_numpy(zero_copy_only=False) for text in texts]
    )
    offsets = np.cumsum(lengths + 1, axis=0) - (lengths + 1)
    note = pc.binary_join_element_wise(*texts, " ", null_handling="skip")
    return note, _spans_as_json(spans, offsets, rows)


def _write_themes(seed: int, slot: int, themes: Ints, fields: _Fields, spans: _Spans) -> pa.Array:
    """Return the slot's clause for every row; missing where the row has no theme (-1) here."""
    rows = len(themes)
    pieces = []
    places = []
    for theme, clauses in enumerate(THEMES):
        theme_rows = np.flatnonzero(themes == theme)
        shifted_rows = (theme_rows + THIRD_PERSON_SHIFT * (theme + 1)) % rows
        # From here on the third person of the theme's first row stands first, and so on.
        third_persons = {
            name: values.take(pa.array(shifted_rows))
            for name, values in fields.third_persons.items()
        }
        chosen = integers(seed, 50 + slot, rows, 0, len(clauses))[theme_rows]
        pieces.append(
            _write_clauses(
                clauses,
                chosen,
                theme_rows,
                slot,
                _Fields(fields.applicants, third_persons, fields.neutral),
                spans,
                are_third_persons_taken=True,
            )
        )
        places.append(theme_rows)

    return _put_in_place(pieces, places, rows)


def _write_clauses(
    clauses: tuple[str, ...],
    chosen: Ints,
    note_rows: Ints,
    slot: int,
    fields: _Fields,
    spans: _Spans,
    *,
    are_third_persons_taken: bool = False,
) -> pa.Array:
    """Return the chosen clause with its fields filled for each of `note_rows`, and note its spans.

    Args:
        clauses: The clauses to choose from.
        chosen: Index into `clauses` for each of `note_rows`, shape of `note_rows`.
        note_rows: Rows of the block that are written.
        slot: The clause's place in the note.
        fields: What fields stand for, in rows of the block.
        spans: Planted spans are added here.
        are_third_persons_taken: `fields.third_persons` has a row for each of `note_rows`, not for
            each row of the block.
    """
    pieces = []
    places = []
    for number, clause in enumerate(clauses):
        positions = np.flatnonzero(chosen == number)
        rows = note_rows[positions]
        parts: list[pa.Array | str] = []
        lengths = np.zeros(len(rows), dtype=np.int64)
        for index, part in enumerate(FIELD.split(clause)):
            if index % 2 == 0:
                parts.append(part)
                lengths = lengths + len(part)
                continue

            prefix, _, name = part.rpartition(".")
            is_taken = prefix == "she" and are_third_persons_taken
            values = fields.of(prefix)[name].take(pa.array(positions if is_taken else rows))
            sizes = pc.utf8_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
            if prefix and name != UNPLANTED_FIELD:
                label = LABELS.index((TYPES.get(name, "PERSON"), OWNERS[prefix]))
                spans.row.append(rows)
                spans.slot.append(np.full(len(rows), slot))
                spans.start.append(lengths)
                spans.end.append(lengths + sizes)
                spans.label.append(np.full(len(rows), label))
            parts.append(values)
            lengths = lengths + sizes

        has_fields = len(parts) > 1
        pieces.append(join(*parts) if has_fields else pa.array(parts * len(rows), pa.string()))
        places.append(positions)

    return _put_in_place(pieces, places, len(note_rows))


def _put_in_place(pieces: list[pa.Array], places: list[Ints], rows: int) -> pa.Array:
    """Return one array of `rows` texts with every piece at its places, missing elsewhere."""
    order = np.full(rows, -1, dtype=np.int64)
    order[np.concatenate(places)] = np.arange(sum(map(len, places)))
    return pa.concat_arrays(pieces).take(pa.array(order, mask=order < 0))


def _spans_as_json(spans: _Spans, offsets: "np.ndarray[Any, Any]", rows: int) -> pa.Array:
    """Return every row's spans as a JSON list in order of `start`.

    `offsets` are the starts of the slots in the note, shape (slots, rows).
    """
    row = np.concatenate(spans.row)
    slot = np.concatenate(spans.slot)
    start = np.concatenate(spans.start) + offsets[slot, row]
    end = np.concatenate(spans.end) + offsets[slot, row]
    label = np.concatenate(spans.label)

    order = np.lexsort((start, row))  # by row, then by start
    kinds = words([kind for kind, _ in LABELS], label[order])
    owners = words([owner for _, owner in LABELS], label[order])
    objects = join(
        '{"start":', start[order], ',"end":', end[order],
        ',"type":"', kinds, '","owner":"', owners, '"}',
    )  # fmt: skip

    # One list per row: the objects are in row order, so that counts per row give the list's ends.
    ends = np.concatenate(([0], np.cumsum(np.bincount(row, minlength=rows))))
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), objects)
    return join("[", pc.binary_join(lists, ","), "]")


def _written_forms(people: pd.DataFrame) -> Forms:
    """Return the forms in which each person is written: their attributes, and variants of these."""
    forms: Forms = {name: pa.array(people[name]).cast(pa.string()) for name in people.columns}
    first = forms["first"]
    name = forms["name"]

    nickname_index = pc.index_in(first, pa.array(list(NICKNAMES)))
    nickname = words([*NICKNAMES.values(), ""], pc.fill_null(nickname_index, len(NICKNAMES)))

    return forms | {
        "initial": join(pc.utf8_slice_codeunits(first, 0, 1), "."),
        "upper": pc.utf8_upper(name),
        "lower": pc.utf8_lower(name),
        "nickname": pc.if_else(pc.equal(nickname, ""), first, nickname),
        "dotted": pc.replace_substring_regex(forms["phone"], r"\((\d+)\) (\d+)-(\d+)", r"\1.\2.\3"),
        "last4": pc.utf8_slice_codeunits(forms["account"], 6, 10),
    }


def _neutral_forms(seed: int, slot: int, rows: int) -> Forms:
    """Return amounts, ratios and months for a slot of every row: numbers that are about nobody."""
    stream = 100 + 10 * slot  # ten streams a slot, apart from those of people and clauses
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
    grouped = join(thousands, ",", digits(rest, 3))
    return pc.if_else(pa.array(thousands > 0), grouped, join(rest))
