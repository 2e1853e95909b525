"""How a text file is written is guessed for a draft; what two readings fit is left to a person."""

import pytest

from flows.drafting.dialects import guess_date_formats, guess_dialect, plain_values
from tasks.config.sources import Dialect

GERMAN = "Nr;Größe;Anmerkung\n" + "".join(
    f'{i:04};1{i % 10},5;"{i}, Straße; Haus"\n' for i in range(30)
)


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        (GERMAN, "cp1252", {"encoding": "cp1252", "delimiter": ";", "decimal": ","}),
        (GERMAN, "utf-8", {"delimiter": ";", "decimal": ","}),
        (GERMAN, "utf-8-sig", {"delimiter": ";", "decimal": ","}),
        (GERMAN, "utf-16", {"encoding": "utf-16", "delimiter": ";", "decimal": ","}),
        ("a\tb\n1.5\tx\n2\ty\n", "utf-8", {"delimiter": "\t"}),
        ("a|b|c\n1|2|x, y, z\n3|4|u, v\n", "utf-8", {"delimiter": "|"}),
        ("a,b\n1,x;y\n2,z\n", "utf-8", {}),
        ('a,b\n1,"1,234.50"\n2,"12,000.00"\n', "utf-8", {"thousands": ","}),
        ("a;b\n1;1.234,50\n2;0,5\n", "utf-8", {"delimiter": ";", "decimal": ",", "thousands": "."}),
        # Dates and addresses have points, and are no thousands.
        ("a;b;c\n08.03.2002;10.0.0.1;1,5\n", "utf-8", {"delimiter": ";", "decimal": ","}),
        ("alone\n1\n2\n", "utf-8", {}),
    ],
)
def test_a_dialect_is_guessed_from_the_start_of_a_file(
    text: str, encoding: str, expected: dict[str, str]
) -> None:
    dialect, read = guess_dialect(text.encode(encoding))
    assert dialect == Dialect.model_validate(expected)
    assert read.lstrip("\ufeff") == text


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_sign_that_the_sample_cuts_in_two_makes_no_other_encoding(cut: int) -> None:
    start = ("a;b\n" + "ö;€\n" * 5 + "€").encode()[:-cut]
    assert guess_dialect(start)[0].encoding == "utf-8"


def test_numbers_are_plain_if_all_of_a_column_are_and_else_as_they_stand() -> None:
    dialect = Dialect(delimiter=";", decimal=",", thousands=".")
    assert plain_values(["1.234,5", None, "7"], dialect) == ("1234.5", None, "7")
    assert plain_values(["1,5", "a"], dialect) == ("1,5", "a")
    assert plain_values(["08.03.2002"], dialect) == ("08.03.2002",)
    assert plain_values([None], dialect) == (None,)


@pytest.mark.parametrize(
    ("dates", "formats"),
    [
        (["2026-01-31", "2026-01-31T09:00"], ("",)),
        (["31.01.2026", "1.2.2026"], ("%d.%m.%Y",)),
        (["31/01/2026", "03/02/2026"], ("%d/%m/%Y",)),
        (["01/31/2026"], ("%m/%d/%Y",)),
        (["03/02/2026"], ("%d/%m/%Y", "%m/%d/%Y")),
        (["20260131"], ("%Y%m%d",)),
        (["the last of May"], ()),
        ([], ()),
    ],
)
def test_every_format_that_reads_all_dates_is_named(
    dates: list[str], formats: tuple[str, ...]
) -> None:
    assert guess_date_formats(dates) == formats
