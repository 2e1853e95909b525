"""The list of releases: each use case once, each model, and nothing read as markup."""

from pathlib import Path

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.notary.past_releases import PastRelease
from tasks.release_page import listing
from tasks.release_page.record import ReleaseRecord, read_record, write_record
from tasks.reports import render_page
from tests.tasks.judged import CASE

REASON = Refusal(RefusalKind.CHECK_FAILED, "fairness: low", "fairness", "fairness.theil_index")


def past(entry: int, day: str, *, is_registered: bool = True) -> PastRelease:
    return PastRelease(
        f"{entry:012d}".ljust(64, "0"),
        entry,
        f"{day}T10:00:00Z",
        is_registered,
        () if is_registered else ("fairness",),
        ("ann <b>",),
        ("fairness.seed",),
    )


RELEASES = (past(3, "2026-11-01"), past(9, "2026-11-20", is_registered=False))
RECORD = ReleaseRecord(CASE, frozenset(), (REASON,), releases=RELEASES, model_sha256="c" * 64)


def test_every_use_case_is_listed_with_or_without_a_release() -> None:
    text = render_page(listing.compose_list({CASE: RECORD, "other": None}))
    assert f'<a href="{CASE}/report/index.html">{CASE}</a>' in text
    assert "none on record" in text
    assert 'href="other/' not in text
    assert "check.failed 1" in text
    assert '<span class="outcome fail">blocked</span>' in text


def test_models_stand_there_the_latest_first_with_who_signed_and_what_differed() -> None:
    text = render_page(listing.compose_list({CASE: RECORD}))
    assert text.index("2026-11-20") < text.index("2026-11-01")
    assert "ann &lt;b&gt;" in text
    assert "<b>" not in text
    assert "fairness.seed" in text
    for forbidden in ("http", "<script", "<link", 'src="'):
        assert forbidden not in text


def test_the_list_is_made_of_the_records_that_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "case_names", lambda _: (CASE, "other"))
    write_record(RECORD, tmp_path)
    assert read_record(CASE, tmp_path) == RECORD
    path = listing.write_list(tmp_path, tmp_path)
    assert path == tmp_path / "data" / "index.html"
    assert "000000000009" in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == ["index.html"]
