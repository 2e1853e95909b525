"""Several sources, one row per application: nobody is doubled, swapped or lost in silence."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.config.cases import Columns
from tasks.errors import DataError, SourceError
from tasks.keystore.pseudonyms import normal_form, normal_forms, pseudonym, pseudonyms
from tasks.stages.ingest import joining, packed_table
from tasks.stages.ingest.joining import IngestReport, JoinedSources, find_erased
from tasks.stages.ingest.params import IngestParams
from tests.tasks.stages.ingest.joined import TODAY, join_sources, packed

SECRET = b"s" * 32
COLUMNS = {
    "email": {"role": "subject", "source": "bank", "kind": "email"},
    "income": {"role": "feature", "source": "bank"},
    "score": {"role": "feature", "source": "bureau"},
    "ip": {"role": "quasi_identifier", "source": "log", "kind": "ip"},
    "time": {"role": "dropped", "source": "log", "kind": "text"},
    "visits": {"role": "feature", "source": "derived"},
}
JOINS = [
    {"source": "bureau", "by": "email"},
    {"source": "log", "by": "email", "take": "latest", "order_by": "time", "required": False,
     "aggregate": {"visits": {"column": "time", "by": "count"}}},
]  # fmt: skip


def frames(**changes: dict[str, Any]) -> dict[str, pd.DataFrame]:
    given = {
        "bank": {"email": ["a@x.org", "b@x.org", "c@x.org"], "income": [1.0, 2.0, 3.0]},
        "bureau": {
            "email": ["C@x.org ", "b@x.org", "a@x.org", "z@x.org"],
            "score": [30.0, 20.0, 10.0, 0.0],
        },
        "log": {
            "email": ["a@x.org", "b@x.org", "a@x.org", None],
            "ip": ["1", "2", "3", "4"],
            "time": [f"2026-01-0{day}" for day in "1423"],
        },
    }
    return {name: pd.DataFrame(values) for name, values in {**given, **changes}.items()}


def joined(
    columns: dict[str, dict[str, str]] = COLUMNS,
    tombstones: Any = (),
    *,
    joins: Sequence[Any] = JOINS,
    given: dict[str, pd.DataFrame] | None = None,
    **more: Any,
) -> tuple[pd.DataFrame, IngestReport]:
    params = IngestParams.model_validate(
        {"base": "bank", "third_persons": "masked", "joins": joins, **more}
    )
    return join_sources(
        given or frames(), Columns.model_validate(columns), params, SECRET, tombstones
    )


@pytest.mark.parametrize("rows_at_once", [1, 2, 3, 9])
@pytest.mark.parametrize("masked_rows", [1, 2, 9])
def test_parts_are_the_rows_at_once_and_all_that_is_masked_is_counted(
    masked_rows: int, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann is erased; she is masked in others' notes, and what is masked in hers is counted, too."""
    monkeypatch.setattr(packed_table, "BLOCK_ROWS", 2)
    monkeypatch.setattr(joining, "MASKED_ROWS", masked_rows)
    given = {
        "bank": pd.DataFrame(
            {
                "email": [f"{name}@example.org" for name in ("ann", "bob", "ann", "zoe")],
                "name": ["Ann Null", "Bob Stone", "Ann Null", "Zoe Quill"],
                "notes": ["met Bob Stone", "met Ann Null", "met Zoe Quill", "met nobody"],
            }
        ).astype("str")
    }
    declared = Columns.model_validate(
        {
            "email": {"role": "subject", "source": "bank", "kind": "email"},
            "name": {"role": "identifier", "source": "bank", "kind": "name"},
            "notes": {"role": "free_text", "source": "bank", "kind": "text"},
        }
    )
    params = IngestParams.model_validate({"base": "bank", "third_persons": "masked"})
    ann = pseudonym(SECRET, "ann@example.org")
    for tombstones in ({}, {ann: date(2026, 1, 1)}):
        whole, report = join_sources(given, declared, params, SECRET, tombstones)
        joined_sources = JoinedSources(
            packed(given), declared, params, SECRET, tombstones, today=TODAY
        )
        parts = list(joined_sources.parts(rows_at_once))
        # Whoever writes parts makes a row group of each: none but the last is smaller.
        assert {len(part) for part in parts[:-1]} <= {rows_at_once}
        assert len(parts[-1]) <= rows_at_once
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
        assert joined_sources.report() == report
        assert report.masked_mentions == {"[PERSON]": 3}
        assert report.masked_rows == 3
        assert "Ann Null" not in "".join(whole.loc[whole["subject"] != ann, "notes"])
        assert len(joined_sources) == len(whole) == 4 - report.erased_rows


def test_sources_meet_by_subject_whatever_its_spelling_and_everything_is_counted() -> None:
    rows, report = joined()
    assert list(rows) == ["subject", "person", "email", "income", "score", "ip", "visits"]
    assert rows["score"].tolist() == [10, 20, 30]
    assert rows["ip"].tolist()[:2] == ["1", "2"] or rows["ip"].tolist()[:2] == ["3", "2"]
    assert rows["ip"].isna().tolist() == [False, False, True]
    assert rows["visits"].tolist() == [2.0, 1.0, 0.0]  # nobody's rows are none
    assert rows["person"].tolist() == [0, 1, 2]
    assert report.sources["bureau"].model_dump() == {
        "rows": 4, "matched_rows": 3, "unmatched_rows": 1, "superseded_rows": 0,
        "without_partner_rows": 0, "agreeing_ratio": None,
    }  # fmt: skip
    assert report.sources["log"].model_dump() == {
        "rows": 4, "matched_rows": 3, "unmatched_rows": 1, "superseded_rows": 1,
        "without_partner_rows": 1, "agreeing_ratio": None,
    }  # fmt: skip


AMOUNTS: dict[str, dict[str, str]] = {
    "email": {"role": "subject", "source": "bank", "kind": "email"},
    "income": {"role": "feature", "source": "bank"},
    "amount": {"role": "dropped", "source": "log"},
    "made": {"role": "feature", "source": "derived"},
}


@pytest.mark.parametrize(
    ("by", "of_some", "of_unknown", "of_nobody"),
    [
        ("count", 3.0, 1.0, 0.0),
        ("distinct", 2.0, 0.0, 0.0),
        ("sum", 7.0, None, None),
        ("mean", 3.5, None, None),
        ("min", 2.0, None, None),
        ("max", 5.0, None, None),
    ],
)
def test_what_is_not_known_of_a_key_is_not_made_none(
    by: str, of_some: float, of_unknown: float | None, of_nobody: float | None
) -> None:
    log = {
        "email": ["a@x.org", "a@x.org", "a@x.org", "b@x.org"],
        "amount": [2.0, None, 5.0, None],
    }
    join = {
        "source": "log",
        "by": "email",
        "take": "none",
        "required": False,
        "aggregate": {"made": {"column": "amount", "by": by}},
    }
    given = {name: frame for name, frame in frames(log=log).items() if name != "bureau"}
    rows, _ = joined(AMOUNTS, joins=[join], given=given)
    made = [None if pd.isna(value) else value for value in rows["made"]]
    assert made == [of_some, of_unknown, of_nobody]


def test_latest_means_the_largest_of_the_ordering_column_and_the_last_of_equals() -> None:
    rows, _ = joined()
    assert rows["ip"].tolist()[0] == "3"  # time 2 is later than time 1
    log = {
        "email": ["a@x.org"] * 3,
        "ip": ["1", "2", "3"],
        "time": ["2026-01-05", "2026-01-05", None],
    }
    rows, _ = joined(given=frames(log=log))
    assert rows["ip"].tolist()[0] == "2"


def test_rows_without_a_key_match_nobody() -> None:
    bank = {"email": ["a@x.org", "b@x.org", "c@x.org"], "income": [1.0, 2.0, 3.0]}
    rows, report = joined(given=frames(bank=bank))
    assert "4" not in rows["ip"].tolist()
    assert report.sources["log"].unmatched_rows == 1


def test_a_second_row_of_one_key_stops_where_one_is_expected() -> None:
    bureau = {"email": ["a@x.org", " A@X.org", "b@x.org", "c@x.org"], "score": [1.0, 2.0, 3.0, 4.0]}
    with pytest.raises(
        SourceError, match="source `bureau`: expected one row per `email`; found 1 more"
    ):
        joined(given=frames(bureau=bureau))


def test_a_row_without_a_partner_stops_where_one_is_required() -> None:
    bureau = {"email": ["a@x.org"], "score": [1.0]}
    with pytest.raises(SourceError, match="2 rows without"):
        joined(given=frames(bureau=bureau))


def test_keys_of_two_kinds_do_not_meet() -> None:
    with pytest.raises(SourceError, match="two kinds"):
        joined(given=frames(bureau={"email": [1.0, 2.0, 3.0], "score": [1.0, 2.0, 3.0]}))
    with pytest.raises(SourceError, match="on one side"):
        joined(joins=[{"source": "bureau", "by": "score"}])


def test_a_row_about_nobody_known_stops() -> None:
    bank = {"email": ["a@x.org", None, "c@x.org"], "income": [1.0, 2.0, 3.0]}
    columns = {name: column for name, column in COLUMNS.items() if column["source"] == "bank"}
    with pytest.raises(DataError, match="1 rows without"):
        joined(columns, joins=[], given=frames(bank=bank))


def test_one_person_may_own_several_rows_and_equal_rows_are_counted() -> None:
    columns = {name: column for name, column in COLUMNS.items() if column["source"] == "bank"}
    bank = {"email": ["a@x.org", "b@x.org", "A@x.org", "a@x.org"], "income": [1.0, 2.0, 3.0, 1.0]}
    rows, report = joined(columns, joins=[], given=frames(bank=bank))
    assert (report.rows, report.subjects, report.repeated_rows) == (4, 2, 1)
    assert rows["person"].tolist() == [0, 1, 0, 0]


def test_codes_become_missing_and_flags_codes_and_thresholds_become_columns() -> None:
    columns = {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        **{
            name: {"role": "dropped", "source": "bank", "kind": "flag"}
            for name in ("white", "black")
        },
        "male": {"role": "dropped", "source": "bank"},
        "weeks": {"role": "dropped", "source": "bank"},
        "race": {"role": "protected", "source": "derived", "kind": "category"},
        "sex": {"role": "protected", "source": "derived", "kind": "category"},
        "short": {"role": "target", "source": "derived", "kind": "flag"},
    }
    bank = {
        "email": [f"{n}@x.org" for n in range(5)],
        "white": [1, 0, 0, 1, None], "black": [0, 1, 0, 1, None],
        "male": [1, 0, None, 9, 1], "weeks": [8, 9, None, 666, 0],
    }  # fmt: skip
    derive = {
        "race": {"rule": "from_flags", "flags": {"white": "white", "black": "black"}},
        "sex": {"rule": "recode", "column": "male", "labels": {1: "male", 0: "female"}},
        "short": {"rule": "at_most", "column": "weeks", "limit": 8},
    }
    given = {"bank": pd.DataFrame(bank)}
    rows, _ = joined(
        columns, joins=[], given=given, derive=derive, missing={"male": [9], "weeks": [666]}
    )
    assert rows["race"].fillna("?").tolist() == ["white", "black", "?", "?", "?"]
    assert rows["sex"].fillna("?").tolist() == ["male", "female", "?", "?", "male"]
    assert rows["short"].fillna(-1).tolist() == [1, 0, -1, -1, 1]
    assert "male" not in rows
    with pytest.raises(DataError, match="1 rows with others"):
        joined(columns, joins=[], given=given, derive=derive)


def test_erased_people_stay_out_and_nobody_else_moves() -> None:
    gone = pseudonym(SECRET, "b@x.org")
    rows, report = joined(tombstones={gone: date(2026, 1, 1)})
    assert report.erased_rows == 1
    assert rows["email"].tolist() == ["a@x.org", "c@x.org"]
    assert rows["person"].tolist() == [0, 2]
    assert rows.index.tolist() == [0, 1]
    erased = dict.fromkeys(rows["subject"], date(2026, 1, 1))
    with pytest.raises(DataError, match="only erased"):
        find_erased(rows["subject"], erased, today=TODAY)


def test_rows_dated_after_an_erasure_are_a_new_relationship_and_all_others_stay_out() -> None:
    dated = [
        "2026-01-02",
        "2026-01-03T09:00:00+02:00",
        None,
        "2026-01-01",
        "yesterday",
        "2026-01-05",
        "2026-11-24T23:00:00Z",
        "2026-11-25",
        "9999-12-31",
    ]
    bank = {
        "email": [*["a@x.org"] * 5, "b@x.org", *["a@x.org"] * 3],
        "income": [1.0, 2, 3, 4, 5, 6, 7, 8, 9],
    }
    columns = {
        "email": COLUMNS["email"],
        "income": COLUMNS["income"],
        "applied": {"role": "dropped", "source": "bank", "kind": "date"},
    }
    given = {"bank": pd.DataFrame(bank).assign(applied=pd.Series(dated))}
    tombstones = {pseudonym(SECRET, "a@x.org"): date(2026, 1, 2)}
    rows, report = joined(columns, tombstones, joins=[], given=given, dated_by="applied")
    # What is dated after today is no return yet; many a source says "without end" so.
    assert rows["income"].tolist() == [2, 6, 7]
    assert (report.erased_rows, report.returned_rows) == (6, 2)
    assert "applied" not in rows
    rows, report = joined(columns, tombstones, joins=[], given=given)
    assert rows["income"].tolist() == [6]
    assert (report.erased_rows, report.returned_rows) == (8, 0)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_normal_forms_in_one_go_are_the_single_ones(values: list[str]) -> None:
    assert normal_forms(pd.Series(values, dtype="str")).tolist() == [
        normal_form(value) for value in values
    ]


@given(st.text(min_size=1, max_size=12))
def test_pseudonyms_ignore_case_and_spacing_and_differ_by_secret(value: str) -> None:
    spelled = pd.Series([value, f" {value}\t", None], dtype="str")
    found = pseudonyms(SECRET, spelled)
    assert found[0] == found[1] == pseudonym(SECRET, value)
    assert found.isna().tolist() == [False, False, True]
    assert pseudonym(b"t" * 32, value) != found[0]


BORN = {"born": {"role": "quasi_identifier", "source": "bank", "kind": "date"}}
BIRTHDAYS = ["1970-01-01", "1980-02-02", "1990-03-03"]


def agreed(bureau_born: list[Any], ratio: float = 0.9) -> tuple[pd.DataFrame, IngestReport]:
    """Join a bureau that sends birthdays back, in the order of the bank's rows."""
    people = ["a@x.org", "b@x.org", "c@x.org"]
    given = frames(
        bank={"email": people, "born": BIRTHDAYS, "income": [1.0, 2.0, 3.0]},
        bureau={"email": people, "born": bureau_born, "score": [10.0, 20.0, 30.0]},
    )
    agree = {"columns": ["born"], "ratio": ratio}
    joins = [{"source": "bureau", "by": "email", "agree": agree}, JOINS[1]]
    return joined({**COLUMNS, **BORN}, joins=joins, given=given)


def test_a_source_that_agrees_is_joined_and_the_base_keeps_its_own_column() -> None:
    rows, report = agreed(BIRTHDAYS)
    assert report.sources["bureau"].agreeing_ratio == 1
    assert list(rows).count("born") == 1
    assert rows["score"].tolist() == [10, 20, 30]


def test_a_source_one_row_off_is_refused_without_a_value() -> None:
    with pytest.raises(SourceError, match=r"source `bureau`.*0\.00% of 3 rows") as refusal:
        agreed([*BIRTHDAYS[1:], BIRTHDAYS[0]])
    assert "1970" not in str(refusal.value)


def test_as_many_may_disagree_as_the_join_declares() -> None:
    one_differs = [*BIRTHDAYS[:2], "2000-01-01"]
    assert agreed(one_differs, ratio=0.6)[1].sources["bureau"].agreeing_ratio == 0.666667
    with pytest.raises(SourceError):
        agreed(one_differs, ratio=0.7)


def test_a_missing_value_does_not_disagree_and_none_at_all_does() -> None:
    assert agreed([BIRTHDAYS[0], None, None])[1].sources["bureau"].agreeing_ratio == 1
    with pytest.raises(SourceError, match="of 0 rows"):
        agreed([None, None, None])
