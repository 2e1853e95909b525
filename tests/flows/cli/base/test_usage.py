"""What is said of arguments that are not well-formed: the place, what was meant, and no value."""

from pathlib import Path

import pytest

from flows.__main__ import declare_commands
from flows.cli.base.declaring import call
from flows.cli.base.usage import UsageError
from tasks.system.installation import Installation

CANARY = "zyx.canary@example.org"


def opener() -> Installation:
    raise AssertionError("an installation is opened only for arguments that are well-formed")


def refuse(*arguments: str) -> UsageError:
    """Return how a command line is refused."""
    with pytest.raises(UsageError) as refused:
        call(declare_commands(), "./portcullis", arguments, opener)
    assert refused.value.__cause__ is None
    assert refused.value.exit_code == 2
    return refused.value


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "./portcullis: expected one of its commands; found none. `./portcullis --help` lists"),
        (("relase", "loan"), "found `relase`. Did you mean `release` or `erase`?"),
        (
            ("keys", "lst"),
            "./portcullis keys: expected one of its commands; found `lst`. Did you m",
        ),
        (("keys",), "./portcullis keys: expected one of its commands; found none"),
        (("erase", "loan", "--subjct", "1"), "found `--subjct`. Did you mean `--subject`?"),
        (("release",), "./portcullis release: expected USE-CASE; found nothing."),
        (("prove", "loan", "--output", "p.zip"), "prove: expected --decision; found nothing."),
        (("prove", "loan", "--decision", "x"), "prove --decision: expected int; found something e"),
        (("release", "loan", "loan2"), "release: expected the arguments that its usage names; fo"),
        (("release", "loan", "--json=yes"), "release --json: expected no value; found one."),
        (("worker", "--config"), "worker --config: expected a value; found none."),
        (("keys", "rotate", "dat"), "expected one of log, data, model, gate, decision,"),
        (("keys", "rotate", "dat"), "Did you mean `data`?"),
        (("hold", "loan", "--review", "30.6.2027"), "a date: expected a day like 2026-11-20"),
        (("in-force", "propose", "l.json", "--people", "9"), "--people: expected int range"),
        (("ui", "--port", "65536"), "ui --port: expected int range"),
        (("ui", "--wait-seconds", "inf"), "ui --wait-seconds: expected float range"),
        (("ui", "--wait-seconds", "nan"), "ui --wait-seconds: expected float range"),
        (("server", "--port", "-1"), "server --port: expected int range"),
    ],
)
def test_it_says_where_what_was_expected_and_what_was_meant(
    arguments: tuple[str, ...], text: str
) -> None:
    assert text in str(refuse(*arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        (CANARY,),
        ("release", "loan", CANARY),
        ("erase", "loan", f"--{CANARY}"),
        ("erase", "loan", f"-{CANARY}"),
        ("hold", "loan", "--review", CANARY),
        ("prove", "loan", "--decision", CANARY),
        ("keys", "rotate", CANARY),
        ("keys", CANARY),
        ("ui", "--port", CANARY),
        ("in-force", "propose", "l.json", "--least-mode", CANARY),
    ],
)
def test_what_was_typed_in_a_wrong_place_is_never_quoted(arguments: tuple[str, ...]) -> None:
    text = str(refuse(*arguments))
    assert not any(part in text for part in ("zyx", "canary", "example.org"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("erase", "loan", "--subject", "--dry-run"),
        ("erase", "loan", "--subject", "1", "--also", "--remove-files"),
        ("approve", "loan", "--model", "m", "--expires", "2027-06-30", "--reason", "--print"),
        ("prune", "--hold", "--yes"),
        ("export", "loan", "--subject", "-", "--out", "--json"),
        ("bundle", "loan", "--output", "--chain-only"),
        ("init", "loan", "--from", "--json"),
        ("in-force", "propose", "l.json", "--capacity", "--any-agreements"),
    ],
)
def test_an_option_whose_value_was_forgotten_does_not_take_the_next_option_for_it(
    arguments: tuple[str, ...],
) -> None:
    assert "expected a value; found the next option" in str(refuse(*arguments))


def test_what_begins_with_a_hyphen_can_be_a_value_all_the_same(tmp_path: Path) -> None:
    from flows.cli.privacy import erase
    from tests.flows.cli.running import parse

    assert parse(erase, "loan", "--subject", "-")["subject"] == "-"
    assert parse(erase, "loan", "--subject=-17")["subject"] == "-17"
