"""Each wrong field of a section is one fault in this house's words, and no value is quoted."""

from typing import Any

import pytest

from tasks.config.cases import Columns, validated
from tasks.config.collecting import faults_in
from tasks.config.sources import Sources
from tasks.config.strict import StrictModel
from tasks.config.wording import nothing_in
from tasks.errors import ConfigError
from tasks.learning.params import TrainParams
from tasks.model import ReasonMap
from tasks.stages.alternatives.params import AlternativesParams

SOURCE = {"kind": "file", "path": "x", "format": "csv", "owner": "o", "role": "controller"}
SECRET = "hunter2"


def texts_of(model: type[Any], values: Any) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        validated(model, values, "f")
    texts = [str(fault) for fault in faults_in(refusal.value)]
    assert not any(SECRET in text for text in texts)
    return texts


@pytest.mark.parametrize(
    ("model", "values", "text"),
    [
        (
            Columns,
            {"a": {"role": "feature", "sorce": SECRET, "source": "x"}},
            "f: a.sorce: expected one of role, source, kind",
        ),
        (Columns, {"role": {"rol": "x"}}, "f: role.rol: "),
        (Columns, {"role": {"role": SECRET, "source": "x"}}, "found another value"),
        (Columns, {"a": {"role": "featur", "source": "x"}}, "Did you mean `feature`?"),
        (Sources, {"a": {**SOURCE, "kind": SECRET}}, "f: a.kind: expected one of 'file'"),
        (Sources, {"a": {}}, "f: a.kind: expected one of"),
        (Sources, {"a": {**SOURCE, "formt": 1}}, "f: a.formt: "),
        (Sources, {"a": {**SOURCE, "min_rows": "x"}}, "a.min_rows: expected a whole number"),
        (Sources, {"a": {**SOURCE, "min_rows": 0}}, "a.min_rows: expected a number ≥ 1"),
        (Sources, {"a": {**SOURCE, "path": True}}, "found true or false (unquoted `yes`"),
        (Sources, {"a": {**SOURCE, "path": ""}}, "a.path: expected a text of 1 characters"),
        (Sources, {"a": {**SOURCE, "path": f"https://u:{SECRET}@x"}}, "credentials belong"),
        (Sources, {"a": {**SOURCE, "expires": SECRET}}, "a date in quotes"),
        (Sources, [], "f: the section: expected a mapping"),
        (TrainParams, {"cutoff": {"rule": "cost", "false_approvl": 1}}, "cutoff.false_approvl"),
        (TrainParams, {"champion": {"path": 1, "sha256": "0"}}, "f: champion.path: "),
        (
            AlternativesParams,
            {"learners": {"trees": {"familiy": "x"}}},
            "f: learners.trees.familiy: expected one of family",
        ),
    ],
)
def test_a_wrong_field_is_told_with_its_place_and_what_it_may_be(
    model: type[StrictModel], values: Any, text: str
) -> None:
    assert any(text in line for line in texts_of(model, values)), texts_of(model, values)


def test_every_wrong_field_is_told() -> None:
    lines = texts_of(Sources, {"a": {**SOURCE, "owner": 1, "x": 2}, "b": {**SOURCE, "role": "r"}})
    places = [line.split(": expected")[0] for line in lines]
    assert places == [
        "f: a.owner",
        "f: a.legal_basis",
        "f: a.x",
        "f: b.role",
        "f: b.legal_basis",
    ]


def test_a_misspelt_required_key_is_told_once_with_what_it_was_meant_to_be() -> None:
    (text,) = texts_of(
        Sources, {"a": {**{k: v for k, v in SOURCE.items() if k != "owner"}, "ownr": SECRET,
                        "legal_basis": "x"}},
    )  # fmt: skip
    assert "a.ownr" in text
    assert "Did you mean `owner`?" in text


def test_a_key_that_is_missing_beside_one_that_nobody_knows_is_told_too() -> None:
    values = {k: v for k, v in SOURCE.items() if k != "owner"}
    texts = texts_of(Sources, {"a": {**values, "legal_basis": "x", "zzz": SECRET}})
    assert [text.split(": ")[1] for text in texts] == ["a.owner", "a.zzz"]


def test_what_a_draft_leaves_empty_is_one_fault_and_not_one_for_each_reading() -> None:
    empty = {"code": "R1", "features": {"a": None, "b": None}, "text": None}
    full = {"code": "R2", "features": {"c": "abve"}, "text": "A reason in words"}
    texts = texts_of(
        ReasonMap,
        {"version": "1", "language": None, "least_share": 0.2, "reasons": [empty, full]},
    )
    nothing, near = texts
    assert "f: language: expected a value that a person has decided on" in nothing
    assert "language, reasons.0.features.a, reasons.0.features.b, reasons.0.text" in nothing
    assert "reasons.1.features.c" in near


def test_of_many_empty_fields_the_first_are_named() -> None:
    text = nothing_in([f"limits.train.{number}" for number in range(56)])
    assert text.endswith("limits.train.5 and 50 more")
