"""A match stands alone, or is a part of a longer word, number or address, in any script."""

import pytest

from tasks.erasure.searching.boundaries import (
    is_unspaced,
    is_word_character,
    may_be_two_names,
    stands_alone,
)

NAME = "Ann Quarantine"
EMAIL = "ann@example.org"
SSN = "123-45-6789"


def is_alone(before: str, hit: str, after: str, kind: str) -> bool:
    content = (before + hit + after).encode("utf-8", errors="surrogateescape")
    start = len(before.encode("utf-8", errors="surrogateescape"))
    return stands_alone(content, start, start + len(hit.encode()), kind)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("to ", "."),
        ("«", "»"),
        ("\\n", "\\n"),
        ("%20", "%2C"),
        ("&lt;", "&gt;"),
        ("\\u003c", "\\u003e"),
        ("\\xa0", "\\xa0"),
        ("\udcff", "\udcff"),  # stray bytes of something else
        ("x\udcc3", "\udca9x"),
        ("_", "_"),
        ("王", "王"),
        ("2026-", "-2026"),
        (" -", "- "),
        ("@", "@"),
        ("", "'s"),
    ],
)
def test_a_name_stands_alone(before: str, after: str) -> None:
    assert is_alone(before, NAME, after, "name")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Jo", ""),
        ("é", ""),
        ("\\u00e9", ""),
        ("\\xe9", ""),
        ("%C3%A9", ""),
        ("&eacute;", ""),
        ("Ж", ""),
        ("Jo\u200b", ""),
        ("Mary-", ""),
        ("7", ""),
        ("", "d"),
        ("", "é"),
        ("", "\u0301"),
        ("", "\u200bd"),
        ("", "\\u00e9"),
        ("", "%C3%A9"),
        ("", "&eacute;"),
        ("", "-Lee"),
        ("", "\u2010Lee"),
        ("", "@work.org"),
        ("", "%40work.org"),
        ("", "9"),
    ],
)
def test_a_name_is_a_part_of_a_longer_one(before: str, after: str) -> None:
    assert not is_alone(before, NAME, after, "name")


def test_two_paragraphs_make_no_name_and_a_wrapped_line_does() -> None:
    assert is_alone("", "Ann\nQuarantine", "", "name")
    assert not is_alone("", "Ann\n \nQuarantine", "", "name")
    assert not is_alone("", r"Ann\n\nQuarantine", "", "name")
    assert is_alone("", "Ann\n\nQuarantine", "", "note")


@pytest.mark.parametrize(("before", "after"), [("", ".\n"), (" -", ","), ("=", "&x"), ("+", "/")])
def test_an_address_stands_alone(before: str, after: str) -> None:
    assert is_alone(before, EMAIL, after, "email")


@pytest.mark.parametrize(
    ("before", "after"), [("jo.", ""), ("jo+", ""), ("jo%2B", ""), ("", ".uk"), ("", "-x.org")]
)
def test_an_address_is_a_part_of_another(before: str, after: str) -> None:
    assert not is_alone(before, EMAIL, after, "email")


@pytest.mark.parametrize(("before", "after"), [("0.", ""), ("9-", ""), ("", "-1"), ("A", "")])
def test_a_number_is_a_part_of_a_longer_one(before: str, after: str) -> None:
    assert not is_alone(before, SSN, after, "ssn")


def test_a_number_ends_a_sentence_or_a_cell() -> None:
    assert is_alone(",", SSN, ",17", "ssn")
    assert is_alone("is ", SSN, ". 4", "ssn")


@pytest.mark.parametrize(
    ("after", "alone"),
    [(".0", True), (".0,", True), ("x12", True), (".05", False), (".01", False), ("x12a", False)],
)
def test_a_table_s_fraction_of_nought_and_an_extension_leave_a_number_what_it_is(
    after: str, alone: bool
) -> None:
    assert is_alone("", SSN, after, "ssn") is alone


def test_a_row_of_single_digits_is_no_number() -> None:
    assert not is_alone("", "1 2 3 4 5 6 7 8 9", "", "ssn")
    assert is_alone("", "01 23 45 67 89", "", "phone")


@pytest.mark.parametrize(
    ("before", "hit", "after", "alone"),
    [
        ("", "10.0.0.1", ":80", True),
        ("", "10.0.0.1", ".", True),
        ("9.", "10.0.0.1", "", False),
        ("", "10.0.0.1", ".5", False),
        ("", "2001:db8::1", "", True),
        ("", "2001:db8::1", ":5", False),
    ],
)
def test_a_network_address_goes_on_with_its_sign(
    before: str, hit: str, after: str, alone: bool
) -> None:
    assert is_alone(before, hit, after, "ip") is alone


@pytest.mark.parametrize("name", ["王小明", "たなか太郎", "สมชาย", "김철수"])
def test_scripts_without_blanks_have_no_boundaries(name: str) -> None:
    assert is_unspaced(name)
    assert is_alone("我是", name, "的", "name")
    assert is_alone("a", name, "b", "name")


def test_a_mark_changes_a_letter_of_any_script() -> None:
    assert not is_alone("", "สมชาย", "\u0e49", "name")


def test_nothing_is_no_character_of_a_word() -> None:
    assert not is_word_character("")
    assert is_word_character("\u0301")
    assert not is_word_character("\ud800")


@pytest.mark.parametrize(
    ("text", "two"),
    [
        ("Quarantine, Ann", False),
        ("To: Quarantine, Ann; x", False),
        ("Quarantine, Ann was here", False),
        ("Ann Quarantine came", False),
        ("Bob Quarantine, Ann Lee", True),
        ("Quarantine, Ann Lee", True),
        ("Bob Quarantine, Ann", True),
    ],
)
def test_a_list_of_names_may_make_a_third_of_two(text: str, two: bool) -> None:
    hit = "Quarantine, Ann" if "," in text else "Ann Quarantine"
    start = text.index(hit)

    assert may_be_two_names(text.encode(), start, start + len(hit)) is two


@pytest.mark.parametrize(
    ("hit", "two"),
    [
        ("price,max", True),
        ("price, max", True),
        ("Price,Max", False),
        ("PRICE,MAX", False),
        ("\u05db\u05d4\u05df, \u05d3\u05d5\u05d3", False),  # no capitals in Hebrew
    ],
)
def test_two_columns_are_called_like_nobody(hit: str, two: bool) -> None:
    text = f"sku,{hit},year\n"
    start = len("sku,")

    assert may_be_two_names(text.encode(), start, start + len(hit.encode())) is two
