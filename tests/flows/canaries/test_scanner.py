"""The canaries' own search sees each person in every encoding, and nobody who is not there."""

import pytest

from tests.flows.canaries.encodings import Encoding, encodings
from tests.flows.canaries.people import LONGER_NAME, NAMESAKES, STAY, people
from tests.flows.canaries.scanner import Scanner

EVERYBODY = people()
SCANNER = Scanner(EVERYBODY)
ENCODINGS = encodings()


def test_there_are_enough_encodings_and_none_twice() -> None:
    assert len({encoding.name for encoding in ENCODINGS}) == len(ENCODINGS) >= 35


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_each_person_is_seen_alone_and_nobody_else(encoding: Encoding) -> None:
    for person in EVERYBODY:
        assert SCANNER.people_in(encoding.encode([person])) == {person.number}


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda encoding: encoding.name)
def test_the_records_of_those_who_stay_can_be_compared(encoding: Encoding) -> None:
    staying = [EVERYBODY[number] for number in STAY]
    records = encoding.decode(encoding.encode(EVERYBODY))
    missing = [
        record for record in encoding.decode(encoding.encode(staying)) if record not in records
    ]
    assert missing == []


def test_a_longer_name_is_no_trace_of_the_shorter_one() -> None:
    assert SCANNER.people_in(EVERYBODY[LONGER_NAME].name.encode()) == {LONGER_NAME}


def test_a_name_of_two_people_is_nobody_s_trace_by_itself() -> None:
    first, second = (EVERYBODY[number] for number in NAMESAKES)
    assert first.name == second.name
    assert SCANNER.people_in(first.name.encode()) == set()
