import hashlib

import pytest

from tasks.errors import EvidenceError
from tasks.formats.canonical_json import canonical
from tasks.gates.verdict import digest_of


def test_keys_are_sorted_at_every_depth_and_nothing_is_padded() -> None:
    assert canonical({"b": [1, {"d": 2, "c": None}], "a": True}) == (
        b'{"a":true,"b":[1,{"c":null,"d":2}]}'
    )


def test_text_is_utf_8_and_not_escaped() -> None:
    assert canonical({"ß": "—"}) == '{"ß":"—"}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_of_json_is_refused(value: float) -> None:
    with pytest.raises(EvidenceError, match="NaN, an infinity"):
        canonical({"measured": value})


def test_half_a_surrogate_pair_is_refused_in_one_line() -> None:
    with pytest.raises(EvidenceError, match="half a surrogate pair") as refusal:
        canonical({"reason": "x\ud800"})
    assert str(refusal.value).isprintable()


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(EvidenceError, match="contains itself"):
        canonical(value)


def test_what_is_refused_is_a_value_error_to_code_that_knows_no_evidence() -> None:
    with pytest.raises(ValueError, match="nothing was signed"):
        canonical(float("nan"))


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
def test_what_json_does_not_know_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical([value])


def test_a_number_reads_back_as_it_was() -> None:
    assert canonical([0.1, 1e22, 1, 1.0]) == b"[0.1,1e+22,1,1.0]"


def test_a_digest_is_of_the_canonical_bytes() -> None:
    assert digest_of({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()
