"""Who is known, and whose a value is: of every source, also of rows that no join takes."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.third_persons import known_values
from tasks.stages.ingest.third_persons.known_values import (
    KnownValues,
    collect_known_values,
    hash_keys,
)
from tasks.stages.ingest.third_persons.spellings import KINDS, ValueKind
from tests.tasks.stages.ingest.joined import packed

COLUMNS = Columns.model_validate(
    {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        "phone": {"role": "identifier", "source": "calls", "kind": "phone"},
        "time": {"role": "dropped", "source": "calls", "kind": "text"},
    }
)
PARAMS = IngestParams.model_validate(
    {
        "base": "bank",
        "third_persons": "masked",
        "joins": [{"source": "calls", "by": "email", "take": "latest", "order_by": "time"}],
    }
)


def known(calls: list[Any], emails: list[str]) -> KnownValues:
    bank = pd.DataFrame({"email": emails})
    frame = pd.DataFrame(calls, columns=["email", "phone", "time"])
    people = np.arange(len(bank))
    (rows,) = packed({"rows": bank.assign(phone=None, time=None)}).values()
    sources = packed({"bank": bank, "calls": frame})
    return collect_known_values(sources, rows, people, COLUMNS, PARAMS)


def kinds(values: KnownValues, *keys: str) -> list[ValueKind | None]:
    places = values.kinds_of(hash_keys(keys)).tolist()
    return [KINDS[place] if place >= 0 else None for place in places]


def own(values: KnownValues, key: str, *people: int) -> list[bool]:
    hashes = hash_keys([key] * len(people))
    return [bool(is_own) for is_own in values.are_own(hashes, np.array(people))]


def test_a_value_that_a_later_row_superseded_is_its_person_s() -> None:
    values = known(
        [("A@x.org", "6175550147", "1"), ("a@x.org", "6175550148", "2")], ["a@x.org", "b@x.org"]
    )
    assert kinds(values, "t 6175550147", "e a@x.org", "t 1") == [
        ValueKind.PHONE,
        ValueKind.EMAIL,
        None,
    ]
    assert own(values, "t 6175550147", 0, 1) == [True, False]
    assert own(values, "e b@x.org", 0, 1) == [False, True]


def test_whoever_is_in_no_joined_row_is_known_and_nobody_s() -> None:
    values = known(
        [("z@x.org", "6175550147", "1"), (None, "6175550149", "1")], ["a@x.org", "b@x.org"]
    )
    assert kinds(values, "t 6175550147", "t 6175550149", "e z@x.org").count(None) == 0
    assert own(values, "t 6175550147", 0, 1) == own(values, "t 6175550149", 0, 1) == [False, False]


def test_a_value_of_two_people_is_both_s() -> None:
    values = known(
        [("a@x.org", "6175550147", "1"), ("b@x.org", "6175550147", "1")],
        ["a@x.org", "b@x.org", "c@x.org"],
    )
    assert own(values, "t 6175550147", 0, 1, 2) == [True, True, False]


def test_whose_values_are_is_the_same_however_few_are_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = [
        ("b@x.org", "6175550147", "1"),
        ("A@x.org", "6175550147", "2"),
        (None, "6175550148", "3"),
        ("c@x.org", "6175550149", "4"),
        ("c@x.org", "6175550149", "5"),
    ]
    emails = ["a@x.org", "b@x.org", "c@x.org"]
    at_once = known(calls, emails)
    monkeypatch.setattr(known_values, "VALUES_AT_ONCE", 1)
    one_by_one = known(calls, emails)

    assert own(one_by_one, "t 6175550147", 0, 1, 2) == [True, True, False]
    assert own(one_by_one, "t 6175550148", 0, 1, 2) == [False, False, False]
    assert own(one_by_one, "t 6175550149", 0, 1, 2) == [False, False, True]
    for field in ("hashes", "kinds", "owned"):
        assert getattr(one_by_one, field).tolist() == getattr(at_once, field).tolist()
    assert len(set(at_once.hashes.tolist())) == len(at_once.hashes)
    assert len(set(at_once.owned.tolist())) == len(at_once.owned)


def test_of_nobody_nothing_is_known() -> None:
    values = known([], [])
    assert kinds(values, "e a@x.org") == [None]
    assert own(values, "e a@x.org", 0) == [False]


def test_a_hash_is_the_same_in_every_process() -> None:
    assert hash_keys(["p ann null"]).tolist() == [12219171732268518240]
