"""Each gate's catalogue of checks, and that its judges make those checks and no others."""

import ast
import re
import subprocess
import sys
from collections.abc import Container
from pathlib import Path

import pytest

from tasks.clearance.own_limits import RULES_OF
from tasks.config.cases import case_names, load_case
from tasks.gates import Check
from tasks.gates.check import CHECK_ID
from tasks.path import SUBJECTS
from tests.tasks.judged import CATALOGUES

CHECKOUT = Path(__file__).parents[3]
MAKERS = {"Check", "at_least", "at_most", "holds", "not_measured"}


def calls_of(tree: ast.Module, names: Container[str]) -> list[ast.Call]:
    """Return the calls of functions and classes with these names."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def judges_of(gate: str) -> list[ast.Module]:
    """Return the sources of the modules of a gate's package that make checks.

    The catalogue's own module is none of them, since its rules name every member; nor is a module
    that draws or shows checks, by which a member that nobody judges would look used.
    """
    package = CHECKOUT / "tasks" / "stages" / gate
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in package.rglob("*.py")]
    return [tree for tree in trees if calls_of(tree, MAKERS)]


def test_every_gate_has_a_catalogue() -> None:
    assert set(CATALOGUES) == set(SUBJECTS)


# Of what most use cases have nothing to limit in: services that texts are sent to, a bucket.
OPTIONAL = {"redact": {"sent_bytes", "bucket_objects"}}


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_an_id_is_one_and_begins_with_its_gate(gate: str) -> None:
    for check_id in CATALOGUES[gate]:
        assert CHECK_ID.fullmatch(check_id)
        assert check_id.startswith(f"{gate}.")


def test_no_check_is_made_by_two_gates() -> None:
    check_ids = [check_id for catalogue in CATALOGUES.values() for check_id in catalogue]
    assert len(check_ids) == len(set(check_ids))


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_judges_name_every_check_of_their_catalogue(gate: str) -> None:
    """A member that no judge names is dead, or its check was forgotten."""
    catalogue = CATALOGUES[gate]
    named = {
        node.attr
        for tree in judges_of(gate)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == catalogue.__name__
    }
    assert named == {check_id.name for check_id in catalogue}


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_judge_writes_no_id_as_a_text(gate: str) -> None:
    """mypy holds that an id is a member of a catalogue, wherever a function makes a check."""
    catalogue = CATALOGUES[gate]
    trees = judges_of(gate)
    assert trees
    for tree in trees:
        for call in calls_of(tree, MAKERS):
            assert not isinstance(call.args[0], ast.Constant | ast.JoinedStr)
            assert re.search(r"Check\.|check_id", ast.unparse(call.args[0]))
        # `Catalogue("gate.measure")` is an id as a text, too.
        assert not calls_of(tree, {catalogue.__name__})


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_a_check_made_by_a_catalogue_s_id_is_read_as_the_same(gate: str) -> None:
    from tests.tasks.judged import check

    for check_id in CATALOGUES[gate]:
        made = check(check_id)
        assert Check.from_dict(made.to_dict()) == made
        assert made.key == check_id


@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_every_check_of_a_catalogue_has_a_rule_and_there_are_no_others(gate: str) -> None:
    assert set(RULES_OF[gate]) == set(CATALOGUES[gate])


@pytest.mark.parametrize("case", case_names(CHECKOUT))
@pytest.mark.parametrize("gate", list(CATALOGUES))
def test_every_limit_of_every_use_case_has_a_check_and_every_rule_its_limit(
    gate: str, case: str
) -> None:
    limits = load_case(case, CHECKOUT)["limits"][gate]
    fields = {rule.field for rule in RULES_OF[gate].values()} - {""}
    assert (set(limits) - {"not_applicable"}) | OPTIONAL.get(gate, set()) == fields


def test_rules_cost_no_import_of_a_library() -> None:
    script = (
        "import sys; before = set(sys.modules);"
        + "".join(f"import tasks.stages.{gate}.checks;" for gate in CATALOGUES)
        + "new = {name.split('.')[0] for name in set(sys.modules) - before};"
        "print(new - sys.stdlib_module_names - {'tasks'})"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
