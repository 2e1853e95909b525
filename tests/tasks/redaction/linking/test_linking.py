"""Row link: one person, however they are written; and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.linking import dates
from tasks.redaction.linking.names import _differs_by_one
from tasks.redaction.spans import mask, merge
from tests.tasks.redaction.people import LINKER

PERSON = {
    "name": "Robert James Whitfield",
    "email": "bob.whitfield3@mailbox.org",
    "phone": "(413) 295-1160",
    "ssn": "536-22-8841",
    "account": "0098765432",
    "street": "870 Travis Terrace",
    "city": "Tilbury",
    "date": "1980-03-04",
    "ip": "203.0.113.77",
}


def masked(text: str, **changes: str) -> str:
    return mask(text, merge(LINKER.link(text, {**PERSON, **changes}.items())))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Met Robert James Whitfield today", "Met [OWN_NAME] today"),
        ("Whitfield, Robert came", "[OWN_NAME] came"),
        ("ROBERT WHITFIELD came", "[OWN_NAME] came"),
        ("robert whitfield came", "[OWN_NAME] came"),
        ("Left word with Bob", "Left word with [OWN_NAME]"),
        ("R. Whitfield and R.J. Whitfield", "[OWN_NAME] and [OWN_NAME]"),
        ("Whitfield, R. called", "[OWN_NAME] called"),
        ("signed R.W. below", "signed [OWN_NAME] below"),
        ("Mr. Whitfeild and Mr. Whitfild", "Mr. [OWN_NAME] and Mr. [OWN_NAME]"),
        ("Whitfield's file", "[OWN_NAME]'s file"),
        ("user rwhitfield22 and @robert_whitfield", "user [OWN_NAME] and @[OWN_NAME]"),
        ("W\u200bhitfield", "[OWN_NAME]"),
        ("Wh\u0456tf\u0456eld", "[OWN_NAME]"),
        ("to bob.whitfield3@mailbox.org.", "to [OWN_EMAIL]."),
        ("?email=bob.whitfield3%40mailbox.org&x", "?email=[OWN_EMAIL]&x"),
        ("bob dot whitfield3 at mailbox dot org", "[OWN_EMAIL]"),
        ("bob.whitfield3 [at] mailbox [dot] org", "[OWN_EMAIL]"),
        ("login bob.whitfield3 failed", "login [OWN_EMAIL] failed"),
        ("call 4132951160 or +1 413 295 1160", "call [OWN_PHONE] or [OWN_PHONE]"),
        ("call 295-1160", "call [OWN_PHONE]"),
        ("call \uff14\uff11\uff13-295-1160", "call [OWN_PHONE]"),
        ("SSN 536 22 8841, 536228841", "SSN [OWN_SSN], [OWN_SSN]"),
        ("the number ending in 8841", "the number ending in [OWN_SSN]"),
        ("account ****5432", "account ****[OWN_ACCOUNT]"),
        ("at 870 travis ter. or Travis Terrace", "at [OWN_STREET]. or [OWN_STREET]"),
        (
            "born March 4, 1980 or 04/03/1980 or 3/4/80",
            "born [OWN_DATE] or [OWN_DATE] or [OWN_DATE]",
        ),
        ("from 203.0.113.77 in TILBURY", "from [OWN_IP] in [OWN_CITY]"),
    ],
)
def test_the_row_s_own_person_is_found(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Roberta Whitman and Jameson",
        "Whitfieldshire is a county",
        "14132951160999 units",
        "295-1161",
        "ends 88412",
        "1980 was a year",
        "Mobile phones and reading",
        "203.0.113.771",
    ],
)
def test_what_only_resembles_them_stays(text: str) -> None:
    assert masked(text) == text


def test_a_name_that_is_a_word_counts_in_capitals_or_beside_another_of_theirs() -> None:
    assert masked("will pay in may", name="Will May") == "will pay in may"
    assert masked("ask will may about it", name="Will May") == "ask [OWN_NAME] about it"
    assert masked("Then Will agreed", name="Will May") == "Then [OWN_NAME] agreed"


def test_names_with_particles_and_accents() -> None:
    assert masked("van 't Erve, Johannes", name="Johannes van 't Erve") == "[OWN_NAME]"
    assert masked("D. van der Brink worked", name="Dirk van der Brink") == "[OWN_NAME] worked"
    assert (
        masked("Jose Nunez and JOS\u00c9 N\u00da\u00d1EZ", name="Jos\u00e9 N\u00fa\u00f1ez")
        == "[OWN_NAME] and [OWN_NAME]"
    )


def test_an_empty_value_finds_nothing() -> None:
    assert masked("anything at all", **dict.fromkeys(PERSON, "")) == "anything at all"


@pytest.mark.parametrize("value", ["x", "not an e-mail", "@", "1", "   ", "'", "-", "."])
def test_odd_values_break_nothing(value: str) -> None:
    masked("Some text with x and 1 and @ . - '", **dict.fromkeys(PERSON, value))


def test_one_letter_more_less_other_or_exchanged() -> None:
    for other in ("Whitfields", "Whitfeld", "Whitfoeld", "Whitfeild"):
        assert _differs_by_one(other.lower(), "whitfield")
    for other in ("whitfelds", "whiteflied", "wildfield"):
        assert not _differs_by_one(other, "whitfield")


def test_every_column_of_a_kind_is_searched_and_split_names_make_one() -> None:
    person = (
        ("name", "Ann"),
        ("name", "Whitfield"),
        ("phone", "413 295 1160"),
        ("phone", "413 295 1161"),
        ("account", "KD-4711"),
    )
    text = "Ann Whitfield, then Whitfield alone: 413-295-1160 or 413-295-1161, file kd-4711."
    assert mask(text, merge(LINKER.link(text, person))) == (
        "[OWN_NAME], then [OWN_NAME] alone: [OWN_PHONE] or [OWN_PHONE], file [OWN_ACCOUNT]."
    )


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ("1962-05-03", "3 May 1962"),
        ("1962-05-03", "May 3rd, 1962"),
        ("1962-05-03", "3rd of May 1962"),
        ("1962-05-03", "03-MAY-1962"),
        ("1962-05-03", "3 May '62"),
        ("1962-05-03", "1962/5/3"),
        ("1962-05-03", "1962-05-03T00:00:00"),
        ("1962-05-03", "3. Mai 1962"),
        ("1962-05-03", "3 de mayo de 1962"),
        ("1962-05-03", "03051962"),
        ("1962-05-03", "05 03 62"),
        ("03/05/1962", "3 May 1962"),  # a column in another form, in either reading
        ("03/05/1962", "March 5, 1962"),
        ("May 3, 1962", "1962-05-03"),
        ("1962-12-03", "12 3 12 1962"),  # tried from each number
    ],
)
def test_a_date_is_found_in_every_form(own: str, text: str) -> None:
    assert "[OWN_DATE]" in masked(f"born {text}, in town", date=own)
    assert "62" not in masked(text, date=own)


@pytest.mark.parametrize(
    "text",
    ["4 May 1962", "3 June 1962", "1962", "3 May", "room 3, May 1963", "2603051962"],
)
def test_another_date_stays(text: str) -> None:
    assert masked(text, date="1962-05-03") == text


@pytest.mark.parametrize("own", ["", "unknown", "1962-13-40", "03/1962"])
def test_what_is_no_date_finds_none(own: str) -> None:
    assert masked("it was 1962-05-03, unknown", date=own) == "it was 1962-05-03, unknown"


@pytest.mark.parametrize(
    ("own", "text", "expected"),
    [
        ("Lukesingel 1", "in Lukesingel 1, Goudswaard", "in [OWN_STREET], Goudswaard"),
        ("84, avenue de Mahe", "at 84, avenue de Mahe.", "at [OWN_STREET]."),
        ("84, avenue de Mahe", "at Avenue de Mah\u00e9 84", "at [OWN_STREET]"),
        ("84, avenue de Mahe", "in the avenue de Mahe", "in the [OWN_STREET]"),
        ("30995 James Street Apt. 777", "30995 James St", "[OWN_STREET]"),
        ("30995 James Street Apt. 777", "30995 James Street\nApt. 777", "[OWN_STREET]"),
        ("H.No. 257 Kamdar Path", "H.No. 257, Kamdar Path", "[OWN_STREET]"),
        ("Broadway 7", "Broadway is a street", "Broadway is a street"),
        ("Broadway 7", "at 7 broadway", "at [OWN_STREET]"),
        ("Broadway 7", "Broadway, 7x", "Broadway, 7x"),
        # between two words six signs, or four, a line end and two; no more
        ("12 Rose Court", "12 Rose,\n Ct. 12", "[OWN_STREET]. 12"),
        ("12 Rose Court", "12 rose   -   court", "[OWN_STREET]   -   court"),
        ("12 Rose Court", "Rose\n\nCourt", "Rose\n\nCourt"),
        # the kind of street is a whole word, and so is the address
        ("12 Rose Court", "12 Rose Courtyard", "[OWN_STREET] Courtyard"),
        ("12 Rose Court", "Primrose Court", "Primrose Court"),
        ("12 Rose Court", "rose ct_x, 112 rose", "rose ct_x, 112 rose"),
        ("O'Neil Road 7b", "7B O'NEIL RD", "[OWN_STREET]"),
        ("12 Elm", "the elm has 12 leaves", "the elm has 12 leaves"),
        ("1", "1 is a number", "1 is a number"),
    ],
)
def test_streets_of_other_countries(own: str, text: str, expected: str) -> None:
    assert masked(text, street=own) == expected


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ("+49 413 306832", "0413 306832"),
        ("+49(0)413306832", "+49 413 306832"),
        ("0413 306832", "+49413306832"),
        ("0413 306832", "0049 413 306832"),
        ("0413/306832", "+49 (0) 413 30 68 32"),
        ("+39 0585 740540", "0585740540"),
    ],
)
def test_a_telephone_is_found_with_and_without_its_country(own: str, text: str) -> None:
    assert masked(f"call {text}.", phone=own) == "call [OWN_PHONE]."


def test_line_ends_and_entities_that_are_written_out_hide_nobody() -> None:
    assert masked(r"\nWhitfield\r\n\nwhitfield") == r"\n[OWN_NAME]\r\n\n[OWN_NAME]"
    assert masked("Bob&nbsp;Whitfield") == "[OWN_NAME]"
    assert masked("O&#39;Neil", name="Bob O'Neil") == "[OWN_NAME]"
    assert masked(r"C:\new\whitfieldshire") == r"C:\new\whitfieldshire"


@given(
    st.lists(
        st.sampled_from(
            ["3", "may", "May 3rd,", "1962", "62", "'62", "/", "-", "of the", "03051962", "x", "."]
        ),
        max_size=30,
    ),
    st.sampled_from(["", " ", "  "]),
)
def test_dates_are_found_as_if_every_one_was_read(words: list[str], gap: str) -> None:
    lowered = gap.join(words).lower()
    wanted = dates.days("1962-05-03")
    expected = [
        match.span(1)
        for match in dates.DATE.finditer(lowered)
        if wanted & dates._readings(match.groups()[1:])
    ]
    expected += [
        match.span()
        for match in dates.COMPACT.finditer(lowered)
        if wanted & dates._compact(match.group())
    ]
    assert dates.dates(lowered, "1962-05-03") == expected
