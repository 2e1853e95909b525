"""The page says what was measured, what was not, and why a section is empty."""

from typing import Any

from tasks.reports import Cell, Page, Section, Table
from tasks.stages.validate.pages import quality_page
from tasks.stages.validate.quality import QualityReport
from tasks.stages.validate.reference.agreement import Agreement, AssociationReport
from tasks.stages.validate.reference.delivery import ReferenceReport
from tasks.stages.validate.reference.label_rates import LabelReport, RateShift
from tasks.stages.validate.reference.profile import Drift, Profile

MOVED = Drift(psi=0.3, chance=0.01)
ASSOCIATIONS = AssociationReport(
    label=Agreement(kept=0.9, chance=0.2),
    columns={"income": Agreement(kept=0.8, chance=0.1), "debt": None},
    sources={"bureau": Agreement(kept=0.7, chance=0.1)},
    largest_shift=None,
)
LABELS = LabelReport(
    label="1",
    overall=RateShift(accepted=0.877, delivered=0.9, chance=0.03),
    groups={"sex": {"female": None}, "race": {}},
    without_rate={"sex": 1, "race": 0},
)


def beside(drift: dict[str, Drift | None], **more: Any) -> ReferenceReport:
    values: dict[str, Any] = {"associations": None, "labels": None} | more
    return ReferenceReport(drift=drift, beyond_support={}, **values)


def page(**changes: Any) -> Page:
    values: dict[str, Any] = {
        "rows": 1989,
        "expectations": (),
        "reference": beside({"income": Drift(psi=0.02, chance=0.01), "debt": MOVED}),
        "repeated_people_ratio": 0.0,
        "exact_duplicate_ratio": 0.0,
        "near_duplicate_ratio": 0.0,
        "label_shares": {"0": 0.123, "1": 0.877},
        "rows_without_label": 0,
        "missing_ratio": {"income": 0.01, "debt": 0.2, "sex": 0.0},
        "constant_columns": (),
        "group_rows": {"sex": {"female": None, "male": 1605}},
        "profile": Profile(rows=1989, columns={}),
    }
    return quality_page("loan", QualityReport(**(values | changes)), ())


def section(heading: str, **changes: Any) -> Section:
    return next(item for item in page(**changes).sections if item.heading.startswith(heading))


def rows(heading: str, part: int = 0, **changes: Any) -> tuple[tuple[Cell, ...], ...]:
    table = section(heading, **changes).parts[part]
    assert isinstance(table, Table)
    return table.rows


def test_labels_are_shown_with_their_shares() -> None:
    assert rows("Labels") == (("0", "12.3%"), ("1", "87.7%"))


def test_a_group_of_few_people_is_not_counted_out() -> None:
    assert rows("Labels", part=1) == (("sex", "female", "fewer than 10"), ("sex", "male", "1,605"))


def test_the_column_that_moved_most_comes_first() -> None:
    assert [row[0] for row in rows("Drift")] == ["debt", "income"]


def test_a_column_that_was_not_measured_comes_before_all_others() -> None:
    drift = {"income": Drift(psi=9.0, chance=0.01), "gone": None}
    assert rows("Drift", reference=beside(drift))[0] == ("gone", "not measured", "not measured")


def test_without_an_accepted_version_the_page_says_so() -> None:
    assert section("Drift", reference=None).parts == ()
    assert "no version of the data has been accepted" in section("Drift", reference=None).text[0]


def test_columns_without_gaps_are_left_out() -> None:
    assert rows("Missing") == (("debt", "20.00%"), ("income", "1.00%"))


def test_data_without_gaps_has_a_sentence_instead_of_an_empty_table() -> None:
    empty = section("Missing", missing_ratio={"income": 0.0})
    assert (len(empty.parts), len(empty.text)) == (0, 1)


def test_what_could_not_be_seen_comes_last_and_says_so() -> None:
    reference = beside({}, associations=ASSOCIATIONS)
    assert rows("Agreement", part=1, reference=reference) == (
        ("income", "0.80", "0.10"),
        ("debt", "a loss could not be seen", "not measured"),
    )


def test_sources_and_the_label_are_shown_with_the_least_agreement_first() -> None:
    shown = rows("Agreement", reference=beside({}, associations=ASSOCIATIONS))
    assert [row[0] for row in shown] == ["source bureau", "the label"]


def test_rates_are_shown_for_all_rows_and_by_group() -> None:
    assert rows("Rate of label 1", reference=beside({}, labels=LABELS)) == (
        ("", "all rows", "87.7%", "90.0%", "3.0%"),
        ("sex", "female", "too few rows", "not measured", "not measured"),
        ("race", "any group", "too few rows", "not measured", "not measured"),
        ("sex", "without an accepted rate: 1", "too few rows", "not measured", "not measured"),
    )
