"""A use case's own words in a page, with the names that find a column."""

from tasks.config.words import ColumnWords, OutcomeWords, Words
from tasks.gates import About, Check, Outcome
from tasks.reports import Page, Section, Table, Term, column_cell, group_text, render_page
from tasks.reports.wording import name_columns, note_on_outcomes

WORDS = Words(
    columns={
        "apr": ColumnWords(label="appraised <value>", unit="thousands"),
        "race": ColumnWords(label="ethnicity"),
        "slash": ColumnWords(label=r"a\1 \g<0>"),
    },
    outcomes=OutcomeWords(favourable="fast track", unfavourable="usual track"),
)


def test_a_page_shows_labels_in_cells_and_checks_and_the_names_small() -> None:
    check = Check(
        "validate.drift", "drift of apr", Outcome.PASS, 0.1, "≤ 1", About(column="apr"), 0.9
    )
    table = Table(head=("Column", "Share"), rows=((column_cell("apr", WORDS), "1 %"),))
    page = Page(
        title="t",
        checks=(check,),
        sections=(Section(heading="h", parts=(table,)),),
        words=WORDS,
    )
    text = render_page(page)
    assert "appraised &lt;value&gt;, thousands <small>apr</small>" in text
    assert "drift of appraised &lt;value&gt;, thousands (apr)" in text
    assert "approve means “fast track”" in text


def test_a_gate_says_what_it_came_to_above_all_else() -> None:
    failed = Check("validate.a", "a", Outcome.FAIL, 2.0, "≤ 1", margin=-1.0)
    passed = Check("validate.b", "b", Outcome.PASS, 0.0, "≤ 1", margin=1.0)
    text = render_page(Page(title="t", checks=(passed, failed)))
    assert "This gate: fail" in text
    assert "2 checks: 1 fail, 1 pass." in text
    assert text.index("This gate: fail") < text.index("<h2>")
    assert "banner" not in render_page(Page(title="t")).partition("<body>")[2]


def test_a_column_without_a_label_is_its_name_and_no_word_within_a_word_is_taken_for_it() -> None:
    assert column_cell("sex", WORDS) == "sex"
    assert column_cell("race", WORDS) == Term(text="ethnicity", name="race")
    assert group_text("race and sex", "a / b", WORDS) == "a / b (ethnicity and sex)"
    assert name_columns("appraisal of april", About(column="apr"), WORDS) == "appraisal of april"
    combined = About(attribute="sex and race")
    assert (
        name_columns("a / b (sex and race)", combined, WORDS) == "a / b (sex and ethnicity (race))"
    )
    in_brackets = name_columns("drift (apr)", About(column="apr"), WORDS)
    assert in_brackets == "drift (appraised <value>, thousands; apr)"
    assert name_columns("of slash", About(column="slash"), WORDS) == r"of a\1 \g<0> (slash)"


def test_outcomes_that_are_called_as_measures_call_them_need_no_note() -> None:
    same = Words(outcomes=OutcomeWords(favourable="approved", unfavourable="declined"))
    assert note_on_outcomes(Words()) == note_on_outcomes(same) == ""
