"""Each gate's catalogue of checks, and that its judge makes those checks and no others."""

import ast
import inspect
import re
import sys

import pytest

from tasks.gates import Check, CheckId
from tasks.gates.check import CHECK_ID
from tasks.path import SUBJECTS
from tests.tasks.judged import CATALOGUES

MAKERS = {"Check", "at_least", "at_most", "holds", "not_measured"}


def judge_of(catalogue: type[CheckId]) -> ast.Module:
    """Return the source of the judge that a catalogue stands beside."""
    return ast.parse(inspect.getsource(sys.modules[catalogue.__module__]))


def test_every_gate_has_a_catalogue() -> None:
    assert set(CATALOGUES) == set(SUBJECTS)


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_an_id_is_one_and_begins_with_its_gate(gate: str) -> None:
    for check_id in CATALOGUES[gate]:
        assert CHECK_ID.fullmatch(check_id)
        assert check_id.startswith(f"{gate}.")


def test_no_check_is_made_by_two_gates() -> None:
    check_ids = [check_id for catalogue in CATALOGUES.values() for check_id in catalogue]
    assert len(check_ids) == len(set(check_ids))


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_judge_names_every_check_of_its_catalogue(gate: str) -> None:
    """A member that no judge names is dead, or its check was forgotten."""
    catalogue = CATALOGUES[gate]
    named = {
        node.attr
        for node in ast.walk(judge_of(catalogue))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == catalogue.__name__
    }
    assert named == {check_id.name for check_id in catalogue}


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_judge_writes_no_id_as_a_text(gate: str) -> None:
    """mypy holds that an id is a member of a catalogue, wherever a function makes a check."""
    tree = judge_of(CATALOGUES[gate])
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS
    ]
    assert calls
    for call in calls:
        assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr)
        assert re.search(r"Check\.|check_id", ast.unparse(call.args[0]))


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_check_made_by_a_catalogue_s_id_is_read_as_the_same(gate: str) -> None:
    from tests.tasks.judged import check

    for check_id in CATALOGUES[gate]:
        made = check(check_id)
        assert Check.from_dict(made.to_dict()) == made
        assert made.key == check_id
