"""What does not fit together is refused before anything is read; what nobody needs is not read."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.config.cases import Columns
from tasks.config.sources import Sources
from tasks.errors import ConfigError
from tasks.stages.ingest.params import KINDS, IngestParams, check_wiring

COLUMNS: dict[str, dict[str, str]] = {
    "email": {"role": "subject", "source": "bank", "kind": "email"},
    "income": {"role": "feature", "source": "bank"},
    "score": {"role": "feature", "source": "bureau"},
    "ip": {"role": "quasi_identifier", "source": "log", "kind": "ip"},
    "time": {"role": "dropped", "source": "log", "kind": "text"},
    "agent": {"role": "dropped", "source": "log", "kind": "text"},
    "visits": {"role": "feature", "source": "derived"},
}
JOINS: list[dict[str, Any]] = [
    {"source": "bureau", "by": "email"},
    {"source": "log", "by": "email", "take": "latest", "order_by": "time", "required": False,
     "aggregate": {"visits": {"column": "time", "by": "count"}}},
]  # fmt: skip
SOURCE = {
    "kind": "file",
    "path": "x.csv",
    "format": "csv",
    "owner": "o",
    "role": "controller",
    "legal_basis": "l",
}
SOURCES = Sources.model_validate(dict.fromkeys(("bank", "bureau", "log"), SOURCE))


def agreeing(*columns: str) -> dict[str, Any]:
    """Return the first join, with columns that both sides deliver."""
    return {**JOINS[0], "agree": {"columns": columns, "ratio": 0.9}}


def ingest_params(**changes: Any) -> IngestParams:
    return IngestParams.model_validate(
        {"base": "bank", "third_persons": "masked", "joins": JOINS, **changes}
    )


def test_what_fits_together_is_accepted() -> None:
    check_wiring(Columns.model_validate(COLUMNS), ingest_params(), SOURCES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base": "shop"}, "shop"),
        ({"joins": JOINS[:1]}, "read for nothing"),
        ({"joins": [*JOINS, JOINS[0]]}, "joined once"),
        (
            {"derive": {"x": {"rule": "at_most", "column": "income", "limit": 1}}},
            "a rule for each derived column",
        ),
        (
            {"derive": {"visits": {"rule": "at_most", "column": "incme", "limit": 1}}},
            "declared columns in rules",
        ),
        ({"missing": {"nothing": [1]}}, "nothing"),
        ({"joins": [agreeing("email"), JOINS[1]]}, "in `agree`, declared columns of the base"),
        ({"joins": [agreeing("born"), JOINS[1]]}, "in `agree`, declared columns of the base"),
        ({"joins": [agreeing("score"), JOINS[1]]}, "in `agree`, declared columns of the base"),
        ({"missing": {"ip": [1]}}, "columns of numbers"),
        ({"dated_by": "time"}, "of the base source"),
        ({"dated_by": "income"}, "of kind `date`"),
        ({"joins": [JOINS[0], {**JOINS[1], "order_by": "score"}]}, "score"),
        (
            {"joins": [JOINS[0], {**JOINS[1], "take": "none", "order_by": None}]},
            "only aggregated",
        ),
    ],
)
def test_a_section_that_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_wiring(Columns.model_validate(COLUMNS), ingest_params(**changes), SOURCES)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("post", {"role": "feature", "source": "post"}),
        ("zip", {"role": "feature", "source": "bank", "kind": "numbr"}),
        ("person", {"role": "feature", "source": "bank"}),
    ],
)
def test_a_column_that_does_not_fit_is_named(name: str, column: dict[str, str]) -> None:
    columns = Columns.model_validate({**COLUMNS, name: column})
    with pytest.raises(ConfigError, match=name):
        check_wiring(columns, ingest_params(), SOURCES)


@pytest.mark.parametrize(
    "join",
    [
        {"source": "log", "by": "email", "take": "latest"},
        {"source": "log", "by": "email", "order_by": "time"},
        {"source": "log", "by": "email", "take": "none"},
        {"source": "log", "by": "email", "tak": "one"},
        {"source": "log", "by": "email", "take": "all"},
    ],
)
def test_a_join_that_says_half_of_what_it_means_is_refused(join: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        IngestParams.model_validate({"base": "bank", "third_persons": "masked", "joins": [join]})


@pytest.mark.parametrize(
    ("source", "read"),
    [
        ("bank", ("email", "income")),
        ("bureau", ("score", "email")),
        ("log", ("ip", "time", "email")),  # `agent` is dropped, and no rule reads it
    ],
)
def test_only_kept_columns_keys_and_what_rules_read_are_read(
    source: str, read: tuple[str, ...]
) -> None:
    assert ingest_params().read_from(source, Columns.model_validate(COLUMNS)) == read


def test_a_dropped_column_that_dates_the_rows_is_read() -> None:
    columns = {**COLUMNS, "applied": {"role": "dropped", "source": "bank", "kind": "date"}}
    params = ingest_params(dated_by="applied")
    assert "applied" in params.read_from("bank", Columns.model_validate(columns))


def test_what_has_to_agree_is_read_from_both_sides() -> None:
    params = ingest_params(joins=[agreeing("income"), JOINS[1]])
    columns = Columns.model_validate(COLUMNS)
    check_wiring(columns, params, SOURCES)
    assert "income" in params.read_from("bureau", columns)
    assert "income" in params.read_from("bank", columns)
    assert "income" not in params.read_from("log", columns)


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"patient": "emial"}, "declared columns of this source.*found emial"),
        ({"patient": "score"}, "declared columns of this source.*found score"),
        # The file's `income` would be two columns: itself, and `email`.
        ({"income": "email"}, "no other declared column.*found income"),
    ],
)
def test_a_rename_that_gives_a_name_to_nobody_or_takes_one_is_refused(
    rename: dict[str, str], message: str
) -> None:
    sources = {"bank": {**SOURCE, "rename": rename}, "bureau": SOURCE, "log": SOURCE}
    with pytest.raises(ConfigError, match=message):
        check_wiring(
            Columns.model_validate(COLUMNS), ingest_params(), Sources.model_validate(sources)
        )


def test_a_key_and_names_that_change_places_may_be_renamed() -> None:
    rename = {"mail": "email", "income": "debt", "debt": "income"}
    columns = {**COLUMNS, "debt": {"role": "feature", "source": "bank"}}
    sources = {"bank": {**SOURCE, "rename": rename}, "bureau": SOURCE, "log": SOURCE}
    sources["bureau"] = {**SOURCE, "rename": {"person_mail": "email"}}
    check_wiring(Columns.model_validate(columns), ingest_params(), Sources.model_validate(sources))


def test_two_columns_of_a_file_never_get_one_name() -> None:
    with pytest.raises(ValidationError, match="one name"):
        Sources.model_validate({"bank": {**SOURCE, "rename": {"a": "email", "b": "email"}}})


@pytest.mark.parametrize("by", ["sum", "mean", "min", "max"])
def test_only_numbers_become_a_number(by: str) -> None:
    aggregate = {"visits": {"column": "agent", "by": by}}
    params = ingest_params(joins=[JOINS[0], {**JOINS[1], "aggregate": aggregate}])
    with pytest.raises(ConfigError, match=r"columns of numbers .* found agent"):
        check_wiring(Columns.model_validate(COLUMNS), params, SOURCES)


@pytest.mark.parametrize(
    "rule",
    [
        {"rule": "at_most", "column": "agent", "limit": 1},
        {"rule": "from_flags", "flags": {"agent": "by agent", "income": "alone"}},
    ],
)
def test_a_rule_about_numbers_reads_no_text(rule: dict[str, Any]) -> None:
    way = {"role": "feature", "source": "derived", "kind": "category"}
    way = {**way, "kind": "flag"} if rule["rule"] == "at_most" else way
    with pytest.raises(ConfigError, match=r"columns of numbers .* found agent"):
        check_wiring(
            Columns.model_validate({**COLUMNS, "way": way}),
            ingest_params(derive={"way": rule}),
            SOURCES,
        )


@pytest.mark.parametrize(
    ("name", "kind", "derive", "message"),
    [
        ("visits", "category", {}, "a `kind` of numbers"),
        ("way", "category", {"rule": "at_most", "column": "income", "limit": 1}, "of numbers"),
        ("way", "flag", {"rule": "from_flags", "flags": {"income": "a", "score": "b"}}, "of text"),
    ],
)
def test_what_is_derived_is_of_the_kind_that_its_rule_makes(
    name: str, kind: str, derive: dict[str, Any], message: str
) -> None:
    column = {"role": "feature", "source": "derived", "kind": kind}
    with pytest.raises(ConfigError, match=f"{message}.* found {name}"):
        check_wiring(
            Columns.model_validate({**COLUMNS, name: column}),
            ingest_params(derive={name: derive} if derive else {}),
            SOURCES,
        )


@pytest.mark.parametrize("role", ["feature", "protected", "target"])
@pytest.mark.parametrize("kind", sorted({*KINDS} - {"number", "flag", "category"}))
def test_what_identifies_somebody_is_nothing_that_a_model_learns(role: str, kind: str) -> None:
    column = {"role": role, "source": "bank", "kind": kind}
    with pytest.raises(ConfigError, match=r"number, flag, category .* found who"):
        check_wiring(Columns.model_validate({**COLUMNS, "who": column}), ingest_params(), SOURCES)


@pytest.mark.parametrize("kind", ["number", "flag", "category"])
def test_numbers_flags_and_categories_are_what_a_model_learns(kind: str) -> None:
    column = {"role": "feature", "source": "bank", "kind": kind}
    check_wiring(Columns.model_validate({**COLUMNS, "what": column}), ingest_params(), SOURCES)


GROUPS: dict[str, dict[str, str]] = {
    **COLUMNS,
    "sex": {"role": "protected", "source": "bank", "kind": "category"},
    "race": {"role": "protected", "source": "derived", "kind": "category"},
    "young": {"role": "protected", "source": "derived", "kind": "flag"},
    "fast": {"role": "target", "source": "derived", "kind": "flag"},
    "is_white": {"role": "dropped", "source": "bank", "kind": "flag"},
    "is_black": {"role": "dropped", "source": "bank", "kind": "flag"},
    "age": {"role": "feature", "source": "bank"},
    "weeks": {"role": "dropped", "source": "bank"},
}
RULES: dict[str, Any] = {
    "race": {"rule": "from_flags", "flags": {"is_white": "white", "is_black": "black"}},
    "young": {"rule": "at_most", "column": "age", "limit": 30},
    "fast": {"rule": "at_most", "column": "weeks", "limit": 8},
}


def test_an_age_may_be_a_feature_beside_the_groups_that_a_threshold_makes_of_it() -> None:
    check_wiring(Columns.model_validate(GROUPS), ingest_params(derive=RULES), SOURCES)


@pytest.mark.parametrize(
    ("columns", "rules"),
    [
        # what is protected, recoded; its raw codes; and one rule further on
        ({}, {"copy": {"rule": "recode", "column": "sex", "labels": {"m": "1", "f": "2"}}}),
        ({}, {"copy": {"rule": "recode", "column": "race", "labels": {"white": "1"}}}),
        ({}, {"copy": {"rule": "recode", "column": "is_black", "labels": {1: "1", 0: "2"}}}),
        ({"is_black": {"role": "feature", "source": "bank", "kind": "flag"}}, {}),
        # the outcome, and what it is made of
        ({"weeks": {"role": "feature", "source": "bank"}}, {}),
        ({}, {"copy": {"rule": "recode", "column": "fast", "labels": {1: "1", 0: "2"}}}),
        (
            {"middle": {"role": "dropped", "source": "derived", "kind": "flag"}},
            {
                "middle": {"rule": "at_most", "column": "weeks", "limit": 4},
                "copy": {"rule": "recode", "column": "middle", "labels": {1: "1", 0: "2"}},
            },
        ),
    ],
)
def test_no_feature_is_what_is_kept_apart_by_another_name(
    columns: dict[str, dict[str, str]], rules: dict[str, Any]
) -> None:
    copy = {"role": "feature", "source": "derived", "kind": "category"}
    declared = {**GROUPS, **columns, **({"copy": copy} if "copy" in rules else {})}
    with pytest.raises(ConfigError, match="features that are not made of a protected attribute"):
        check_wiring(
            Columns.model_validate(declared), ingest_params(derive={**RULES, **rules}), SOURCES
        )
