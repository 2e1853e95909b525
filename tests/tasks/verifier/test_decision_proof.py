"""The file that proves one decision: what it holds, and every way in which it is none."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tasks.formats.canonical_json import canonical
from tasks.ledger.merkle import leaf_hash, root_hash_of
from tasks.verifier.decision_proof import DecisionProof
from tasks.verifier.explanation_commitments import (
    Explanation,
    ToldReason,
    commitment,
    prove,
    salt_of,
    tree_head,
)

TOLD = (
    ToldReason("L01", -0.5, (("de", "Das Einkommen ist niedrig"), ("en", "The income is low"))),
    ToldReason("L02", -1),
)
EXPLANATIONS = [Explanation(row, TOLD, "a" * 64, "1") for row in range(3)]
SALTS = [salt_of(b"k" * 32, "run", row) for row in range(3)]
LEAVES = [
    commitment(salt, explanation) for salt, explanation in zip(SALTS, EXPLANATIONS, strict=True)
]
INDEX, PATH = prove(LEAVES, LEAVES[1])
PROOF = DecisionProof(
    explanation=EXPLANATIONS[1],
    salt=SALTS[1],
    index=INDEX,
    size=3,
    tree_root=root_hash_of([leaf_hash(leaf) for leaf in LEAVES]),
    path=PATH,
    entry=7,
)


def values_of(proof: DecisionProof) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(proof.to_bytes())
    return values


def test_what_is_written_is_read_back() -> None:
    assert DecisionProof.from_dict(values_of(PROOF)) == PROOF


def test_it_is_one_line_of_canonical_json() -> None:
    assert PROOF.to_bytes() == canonical(values_of(PROOF)) + b"\n"


def test_a_whole_number_of_log_odds_stays_one() -> None:
    assert b'{"code":"L02","logOdds":-1}' in PROOF.to_bytes()


def test_only_languages_of_every_reason_are_its_languages() -> None:
    assert EXPLANATIONS[0].languages == ()
    assert replace(EXPLANATIONS[0], reasons=TOLD[:1]).languages == ("de", "en")
    assert replace(EXPLANATIONS[0], reasons=()).languages == ()


def test_the_explanation_leads_to_the_root() -> None:
    assert PROOF.is_included()


@pytest.mark.parametrize(
    "change",
    [
        {"explanation": EXPLANATIONS[0]},
        {"explanation": replace(EXPLANATIONS[1], reason_map="2")},
        {"explanation": replace(EXPLANATIONS[1], reasons=(ToldReason("L01", -0.5), TOLD[1]))},
        {"salt": SALTS[0]},
        {"index": 0},
        {"tree_root": bytes(32)},
        {"path": ()},
        {"path": PATH[::-1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_does_not(change: dict[str, Any]) -> None:
    assert not replace(PROOF, **change).is_included()


def test_what_is_signed_is_the_root_with_its_size() -> None:
    assert PROOF.head == tree_head(PROOF.tree_root, 3) != tree_head(PROOF.tree_root, 4)


@pytest.mark.parametrize("field", values_of(PROOF))
def test_a_missing_field(field: str) -> None:
    values = values_of(PROOF)
    del values[field]
    with pytest.raises(ValueError, match="other fields"):
        DecisionProof.from_dict(values)


def test_a_field_more() -> None:
    with pytest.raises(ValueError, match="other fields"):
        DecisionProof.from_dict(values_of(PROOF) | {"name": "Ann"})


@pytest.mark.parametrize("field", ["index", "size", "entry"])
@pytest.mark.parametrize("value", [True, "1", 1.0, None])
def test_what_is_no_whole_number(field: str, value: object) -> None:
    with pytest.raises(ValueError, match="whole number"):
        DecisionProof.from_dict(values_of(PROOF) | {field: value})


@pytest.mark.parametrize("field", ["salt", "root"])
def test_what_is_no_hex(field: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        DecisionProof.from_dict(values_of(PROOF) | {field: "xy"})


@pytest.mark.parametrize(
    "change",
    [
        {"row": "1"},
        {"decision": "granted"},
        {"reasons": [{"code": "L01"}]},
        {"reasons": [{"code": "L01", "logOdds": "much"}]},
        {"reasons": [{"code": "L01", "logOdds": 1, "name": "Ann"}]},
        {"reasons": [{"code": "L01", "logOdds": 1, "sentences": {}}]},
        {"reasons": [{"code": "L01", "logOdds": 1, "sentences": {"en": 1}}]},
        {"reasons": [{"code": "L01", "logOdds": 1, "sentences": {"en": "x"}, "name": "Ann"}]},
        {"modelSha256": None},
        {"name": "Ann"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_no_explanation(change: dict[str, Any]) -> None:
    values = values_of(PROOF)
    values["explanation"] |= change
    with pytest.raises(ValueError, match="not a"):
        DecisionProof.from_dict(values)


def test_a_list_is_no_explanation() -> None:
    with pytest.raises(ValueError, match="not an explanation"):
        Explanation.from_dict([])


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_salt_of_another_length(length: int) -> None:
    with pytest.raises(ValueError, match="a salt of another length"):
        DecisionProof.from_dict(values_of(replace(PROOF, salt=b"s" * length)))
