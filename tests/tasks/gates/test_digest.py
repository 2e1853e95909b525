"""The canonical form of a digest, which old statements were made by, and what is refused."""

import hashlib

import pytest

from tasks.gates import Verdict, digest_of


def test_a_digest_is_of_json_with_sorted_keys_no_spaces_and_utf_8() -> None:
    text = '{"a":[1,2.5,"Zürich"],"b":{"c":null}}'
    value = {"b": {"c": None}, "a": [1, 2.5, "Zürich"]}
    assert digest_of(value) == hashlib.sha256(text.encode("utf-8")).hexdigest()


def test_what_is_no_verdict_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match=r"^not a verdict$"):
        Verdict.from_dict({"gate": "train"})


def test_a_verdict_without_checks_says_what_a_verdict_has() -> None:
    words = r"^a verdict names its gate and its use case and has at least one check$"
    with pytest.raises(ValueError, match=words):
        Verdict("train", "loan", (), "0" * 64)
