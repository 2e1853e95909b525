"""What columns are taken for: the guess that protects more, and ids never as numbers."""

from pathlib import Path

import pytest

from flows.drafting.guessing import (
    Guess,
    guess_column,
    guess_columns,
    guess_joins,
    match_names,
)
from flows.drafting.sampling import SampledFile
from tasks.config.cases import Role

ROWS = 60


def guess(name: str, values: list[str | None]) -> Guess:
    return guess_column("a", name, values)


def sampled(source: str, **columns: list[str | None]) -> SampledFile:
    held = {name: tuple(values) for name, values in columns.items()}
    return SampledFile(source, Path(f"{source}.csv"), "csv", held)


EMAILS: list[str | None] = [f"p{i}@example.org" for i in range(ROWS)]
AMOUNTS: list[str | None] = [str(i % 17 * 1.5) for i in range(ROWS)]
FLAGS: list[str | None] = [str(i % 2) for i in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "role", "kind"),
    [
        ("mail", EMAILS, Role.IDENTIFIER, "email"),
        ("income", AMOUNTS, Role.FEATURE, "number"),
        ("owns", FLAGS, Role.FEATURE, "flag"),
        ("customerId", [str(i % 9) for i in range(ROWS)], Role.IDENTIFIER, "account"),
        ("x", [f"{i:04}" for i in range(ROWS)], Role.IDENTIFIER, "account"),
        ("x", [str(7_000 + i) for i in range(ROWS)], Role.IDENTIFIER, "account"),
        ("x", [str(10**15 + i % 3) for i in range(ROWS)], Role.IDENTIFIER, "account"),
        ("x", [f"P{i:06}" for i in range(ROWS)], Role.IDENTIFIER, "account"),
        ("customer no", [f"K{i:06}" for i in range(ROWS)], Role.IDENTIFIER, "account"),
        ("customer", [f"Jo Doe{'a' * i}" for i in range(ROWS)], Role.IDENTIFIER, "name"),
        ("__index_level_0__", [str(i) for i in range(ROWS)], Role.DROPPED, "number"),
        ("zip", [f"{10_000 + i % 7}" for i in range(ROWS)], Role.QUASI, "zip"),
        ("age", [str(20 + i % 40) for i in range(ROWS)], Role.QUASI, "age"),
        ("born", [f"19{50 + i % 40}-03-02" for i in range(ROWS)], Role.QUASI, "date"),
        ("sex", ["m", "f"] * 30, Role.PROTECTED, "category"),
        ("married", FLAGS, Role.PROTECTED, "flag"),
        ("married", ["0.0", "1.0", None] * 20, Role.PROTECTED, "flag"),
        ("owns", ["0", "1", "."] * 20, Role.FEATURE, "flag"),
        ("hispanic", FLAGS, Role.PROTECTED, "flag"),
        ("approved", FLAGS, Role.TARGET, "flag"),
        ("approved", ["no", "yes"] * 30, Role.TARGET, "flag"),
        ("approved", AMOUNTS, Role.FEATURE, "number"),
        ("remarks", ["asked for a call in the morning"] * ROWS, Role.FREE_TEXT, "text"),
        ("empty", [None] * ROWS, Role.DROPPED, "text"),
        ("segment", ["north", "south"] * 30, Role.FEATURE, "category"),
    ],
)
def test_a_column_is_guessed_by_name_and_values(
    name: str, values: list[str | None], role: Role, kind: str
) -> None:
    made = guess(name, values)
    assert (made.role, made.kind) == (role, kind)
    assert made.why


def test_the_reason_holds_no_value() -> None:
    values: list[str | None] = [f"canary{i}@example.org" for i in range(ROWS)]
    for name in ("mail", "x", "note", "approved"):
        assert "canary" not in guess(name, values).why


def test_the_subject_is_the_key_that_most_files_have_and_the_target_is_one() -> None:
    numbers: list[str | None] = [f"{i:05}" for i in range(ROWS)]
    files = (
        sampled("loans", email=EMAILS, account=numbers, rejected=FLAGS, approved=FLAGS),
        sampled("bureau", account=numbers, score=AMOUNTS),
    )
    guesses = guess_columns(files)
    roles = {made.column: made.role for made in guesses}
    assert roles == {
        "email": Role.IDENTIFIER,
        "account": Role.SUBJECT,
        "rejected": Role.DROPPED,
        "approved": Role.TARGET,
        "score": Role.FEATURE,
    }
    (join,) = guess_joins(files, guesses)
    assert (join.source, join.by, join.is_unique) == ("bureau", "account", True)


def test_a_file_without_a_shared_column_has_no_join_key() -> None:
    files = (sampled("loans", email=EMAILS), sampled("other", score=AMOUNTS))
    (join,) = guess_joins(files, guess_columns(files))
    assert join.by == ""


def test_a_key_of_another_name_is_found_by_its_values_and_other_shared_names_are_parted() -> None:
    keys: list[str | None] = [f"P{i:06}" for i in range(ROWS)]
    base = sampled("people", **{"Policy No": keys, "income": AMOUNTS})
    late = sampled("late", policy=keys[::-1], income=AMOUNTS)
    calls = sampled("calls", policy=keys[:30] * 2, income=AMOUNTS)
    files = match_names((base, late, calls))
    assert [dict(file.rename) for file in files] == [
        {},
        {"policy": "Policy No", "income": "late_income"},
        {"policy": "Policy No", "income": "calls_income"},
    ]
    guesses = guess_columns(files)
    assert [guess.column for guess in guesses if guess.role is Role.SUBJECT] == ["Policy No"]
    joins = guess_joins(files, guesses)
    assert [(join.by, join.is_unique, join.has_all) for join in joins] == [
        ("Policy No", True, True),
        ("Policy No", False, False),
    ]
