"""Guess what columns are for, from their names and from what their values look like.

Wherever two roles are possible, the guess is the one that protects more.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.drafting.sampling import SampledFile
from tasks.config.cases import Role
from tasks.redaction.columns.looks import look
from tasks.stages.ingest.reading.file import NO_NUMBER

PROTECTED = {
    "sex", "gender", "race", "ethnicity", "ethnic", "religion", "marital", "married", "nationality",
    "disability", "disabled", "veteran", "pregnant", "orientation", "colour", "color",
    "citizenship",
    # names of groups, where a file has a column of 0 and 1 for each
    "male", "female", "black", "white", "hispanic", "hispan", "latino", "asian", "native",
    "foreign",
    "minority", "old", "young",
}  # fmt: skip
FAVOURABLE = {
    "target", "label", "outcome", "approve", "approved", "accept", "accepted", "repaid", "granted",
    "decision", "eligible",
}  # fmt: skip
UNFAVOURABLE = {
    "reject", "rejected", "decline", "declined", "denied", "default", "defaulted", "fraud", "churn",
}  # fmt: skip
TARGETS = FAVOURABLE | UNFAVOURABLE
FLAGS = {"0": "0", "1": "1", "0.0": "0", "1.0": "1"}  # a column with gaps is often exported so
IDS = {"id", "key", "no", "nr", "number", "code", "ref", "reference", "uuid", "guid"}
NO_NUMBERS = frozenset(NO_NUMBER)
LEAST_DISTINCT = 20  # fewer values that all differ are chance
LONG_DIGITS = 9  # a whole number as long as this is a number of somebody or something
KINDS = {"iban": "account", "card": "account"}  # what looks like one is declared as an account
IDENTIFYING = ("email", "ssn", "account", "phone")


@dataclass(frozen=True)
class Guess:
    """What a column was taken for, and why."""

    column: str
    source: str
    role: Role
    kind: str
    why: str
    is_unique: bool  # every row of the sample has a value of its own


@dataclass(frozen=True)
class JoinGuess:
    """How a further source is joined to the base; `by` is empty where nothing fits."""

    source: str
    by: str
    is_unique: bool
    order_by: str


def guess_columns(files: Sequence[SampledFile]) -> tuple[Guess, ...]:
    """Return a guess for every column of every file; one at most is the subject, one the target.

    A column that joins two files is guessed once, for the first of them.
    """
    guesses: dict[str, Guess] = {}
    for file in files:
        for name, values in file.columns.items():
            if name not in guesses:
                guesses[name] = guess_column(file.source, name, values)

    uses = {name: sum(name in file.columns for file in files) for name in guesses}
    if subject := _subject_of(list(guesses.values()), uses):
        why = f"{subject.why}; in {uses[subject.column]} of {len(files)} files"
        guesses[subject.column] = replace(subject, role=Role.SUBJECT, why=why)

    # Of several outcomes the favourable one: what the others say is only known afterwards, too.
    targets = sorted(
        (guess for guess in guesses.values() if guess.role is Role.TARGET),
        key=lambda guess: not words_of(guess.column) & FAVOURABLE,
    )
    for other in targets[1:]:
        why = f"its name is that of an outcome, and `{targets[0].column}` is the target"
        guesses[other.column] = replace(other, role=Role.DROPPED, why=why)
    return tuple(guesses.values())


def guess_column(source: str, name: str, values: Sequence[str | None]) -> Guess:
    """Return what a column looks like.

    It is never the subject: that takes all columns together.
    """
    present = [value for value in values if value is not None]
    distinct = set(present)
    codes = {FLAGS.get(value, value) for value in distinct - NO_NUMBERS}
    is_unique = len(distinct) == len(values) >= LEAST_DISTINCT
    words = words_of(name)

    appearance = look(name, present)
    kind = KINDS.get(appearance.kind, appearance.kind)
    is_flag = codes == {"0", "1"}
    role, why = Role.FEATURE, appearance.why
    if words & TARGETS and (is_flag or len(codes) == 2):
        role, kind = Role.TARGET, "flag"
        why = "its name, and 0 and 1 alone"
        if not is_flag:
            why = "its name, and two values; they are not 0 and 1, so derive it by a `recode`"
    elif words & PROTECTED:
        role, why = Role.PROTECTED, "its name is that of a protected attribute"
        kind = "flag" if is_flag else "category"
    elif is_flag:
        kind, why = "flag", "0 and 1 alone"
    elif not present:
        role, kind, why = Role.DROPPED, "text", "no values to look at"
    elif kind == "number":
        role, kind, why = _guess_number(words, distinct, is_unique=is_unique, why=why)
    elif kind in ("date", "ip"):
        role = Role.QUASI
    elif kind == "text":
        role = Role.FREE_TEXT
    elif kind != "category":
        role = Role.IDENTIFIER
    return Guess(name, source, role, kind, why, is_unique)


def guess_joins(files: Sequence[SampledFile], guesses: Sequence[Guess]) -> tuple[JoinGuess, ...]:
    """Return a join for every file but the first.

    It is by the subject if both files have it, and else by a name that they share.
    """
    base, *others = files
    roles = {guess.column: guess for guess in guesses}
    subjects = [guess.column for guess in guesses if guess.role is Role.SUBJECT]
    joins: list[JoinGuess] = []
    for file in others:
        shared = [name for name in (*subjects, *file.columns) if name in base.columns]
        by = next((name for name in shared if name in file.columns), "")
        keys = file.columns.get(by, ())
        dates = [name for name in file.columns if roles[name].kind == "date"]
        joins.append(
            JoinGuess(file.source, by, len(set(keys)) == len(keys), dates[0] if dates else "")
        )
    return tuple(joins)


def words_of(name: str) -> set[str]:
    """Return the words of a column's name in lower case, and the name as one word."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return {word for word in re.split(r"[^a-z0-9]+", parts) if word} | {parts}


def _guess_number(
    words: set[str], distinct: set[str], *, is_unique: bool, why: str
) -> tuple[Role, str, str]:
    """Return role, kind and reason of digits: identity is text, and no float can hold it."""
    is_whole = all(value.isdigit() for value in distinct)
    has_zeros = any(len(value) > 1 and value[0] == "0" for value in distinct)
    is_long = any(len(value) >= LONG_DIGITS for value in distinct)
    if is_whole and words & {"zip", "zipcode", "postcode", "postal"}:
        return Role.QUASI, "zip", "its name is that of a postal code"
    if words & {"age"}:
        return Role.QUASI, "age", "its name is that of an age"
    if is_whole and has_zeros:
        return Role.IDENTIFIER, "account", "digits with leading zeros: no number"
    if is_whole and (words & IDS or is_long or is_unique):
        reason = "its name" if words & IDS else "digits that all differ" if is_unique else "length"
        return Role.IDENTIFIER, "account", f"whole numbers that identify, by {reason}"
    return Role.FEATURE, "number", why


def _subject_of(guesses: Sequence[Guess], uses: dict[str, int]) -> Guess | None:
    """Return the likeliest join key of people: in most files, then unique, then by kind."""
    candidates = [
        guess for guess in guesses if guess.role is Role.IDENTIFIER and guess.kind in IDENTIFYING
    ]
    return max(
        candidates,
        key=lambda guess: (
            uses[guess.column],
            guess.is_unique,
            -IDENTIFYING.index(guess.kind),
        ),
        default=None,
    )
