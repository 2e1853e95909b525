"""A delivery of a few people whose notes mention one another."""

import json
from typing import Any

import numpy as np
import pandas as pd

from tasks.config.cases import Columns
from tasks.stages.ingest.packed_table import PackedTable
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.third_persons import MaskedTexts, ThirdPersonMask

COLUMNS = Columns.model_validate(
    {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        "name": {"role": "identifier", "source": "bank", "kind": "name"},
        "phone": {"role": "identifier", "source": "bank", "kind": "phone"},
        "iban": {"role": "identifier", "source": "bank", "kind": "account"},
        "customer": {"role": "identifier", "source": "bank", "kind": "text"},
        "city": {"role": "identifier", "source": "bank", "kind": "city"},
        "notes": {"role": "free_text", "source": "bank", "kind": "text"},
        "gold": {"role": "gold", "source": "bank", "kind": "text", "describes": "notes"},
    }
)
PARAMS = IngestParams(base="bank", third_persons="masked")

ANN = {
    "email": "Ann.Null@example.org", "name": "Ann Null", "phone": "+49 (0)30 1234567",
    "iban": "GB29 NWBK 6016 1331 9268 19", "customer": "C-10023", "city": "Granby",
}  # fmt: skip
ZOE = {
    "email": "zoe@example.org", "name": "Zoë Quarantine", "phone": "(617) 555-0147",
    "iban": "DE89370400440532013000", "customer": "C-10024", "city": "Granby",
}  # fmt: skip
BOB = {
    "email": "bob@example.org", "name": "Bob Stone", "phone": None,
    "iban": None, "customer": "C-10025", "city": None,
}  # fmt: skip


def delivery(note: str | None, *others: dict[str, Any], gold: str = "[]") -> pd.DataFrame:
    """Return Bob with this note, Ann, Zoe and others."""
    people = [{**BOB, "notes": note, "gold": gold}, *(
        {**person, "notes": None, "gold": None} for person in (ANN, ZOE, *others)
    )]  # fmt: skip
    return pd.DataFrame(people).astype("str").where(pd.DataFrame(people).notna(), None)


def mask(
    rows: pd.DataFrame, people: list[int] | None = None, columns: Columns = COLUMNS
) -> tuple[pd.DataFrame, MaskedTexts]:
    """Return the rows with their texts masked, and what was counted."""
    numbers = np.arange(len(rows)) if people is None else np.array(people)
    bank = PackedTable([rows])
    mask_of_all = ThirdPersonMask(bank, numbers, {"bank": bank}, columns, PARAMS)
    texts, masked = mask_of_all.mask(rows, numbers)
    return rows.assign(**texts), masked


def note_of(note: str, *others: dict[str, Any]) -> str:
    """Return Bob's note as it is sealed."""
    rows, _ = mask(delivery(note, *others))
    return str(rows["notes"].iloc[0])


def planted(note: str, *values: str) -> str:
    """Return the places of values in a note, as planted answers."""
    return json.dumps(
        [
            {
                "start": note.index(value),
                "end": note.index(value) + len(value),
                "type": "PERSON",
                "owner": "other",
            }
            for value in values
        ]
    )
