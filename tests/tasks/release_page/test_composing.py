"""The page of a release: what it came to, each reason once, and nothing of an earlier model."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import Refusal, RefusalKind
from tasks.gates import About, at_least
from tasks.notary.earlier_release import EarlierRelease
from tasks.path import STAGES
from tasks.release_page.changes import compare_checks
from tasks.release_page.margins import place_of_check
from tasks.release_page.record import ReleaseRecord, read_record, record_path, write_record
from tasks.release_page.writing import write_release_page
from tasks.stages.fairness.checks import FairnessCheck
from tests.tasks.judged import CASE, check, judged, put_verdict


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return judged(tmp_path)


LOW = at_least(FairnessCheck.THEIL_INDEX, "ratio of <b>", 0.4, 0.5)
FEW = at_least(FairnessCheck.UNDERRATED_BY, "underrated by", None, 0.5, reason="12 rows")
REASON = Refusal(RefusalKind.CHECK_FAILED, LOW.line("fairness"), "fairness", LOW.key)
DOUBT = Refusal(RefusalKind.CHECK_UNDECIDED, FEW.line("fairness"), "fairness", FEW.key)
MISSING = Refusal(RefusalKind.APPROVAL_MISSING, "approval: nobody has approved this model")


VALUES: dict[str, Any] = {"title": "A title", "purpose": "A purpose"}


def record_of(
    *refusals: Refusal,
    reached: Iterable[str] = STAGES,
    outcome: str = "tiny: every gate passed",
    earlier: EarlierRelease | None = None,
) -> ReleaseRecord:
    shown = "" if refusals else outcome
    return ReleaseRecord(
        CASE, frozenset(reached), refusals, shown, "7", ("1 attempt", "no. 1"), earlier
    )


def page_of(record: ReleaseRecord, root: Path) -> str:
    return write_release_page(record, root, VALUES).read_text(encoding="utf-8")


def test_the_same_evidence_gives_the_same_bytes(root: Path) -> None:
    assert page_of(record_of(), root) == page_of(record_of(), root)


def test_a_page_links_back_to_the_list_of_releases(root: Path) -> None:
    assert '<a href="../../index.html">← All releases</a>' in page_of(record_of(), root)


def test_a_page_loads_nothing_from_elsewhere(root: Path) -> None:
    text = page_of(record_of(REASON), root)
    for forbidden in ("http", "<script", "<link", "@import", "url(", 'src="/'):
        assert forbidden not in text


def test_a_registered_release_says_so_first_and_what_it_rests_on(root: Path) -> None:
    text = page_of(record_of(outcome="1 undecided check accepted by ann"), root)
    order = ["Registered", "accepted by ann", "<h2>Next", "<h2>At a glance", "<h2>Gates"]
    assert sorted(order, key=text.index) == order
    assert "./portcullis verify tiny" in text
    assert "Blocked" not in text


def test_a_blocked_release_shows_each_reason_once_before_all_else(root: Path) -> None:
    put_verdict(root, "fairness", checks=(LOW, FEW))
    text = page_of(record_of(REASON, DOUBT, MISSING, REASON), root)
    main = text.partition("<h2>At a glance")[0]
    assert "Blocked: nothing was registered" in main
    assert main.count("ratio of &lt;b&gt;") == 1
    assert main.count("nobody has approved this model") == 1
    assert "not measured" in main
    assert "<b>:" not in text
    assert main.index("ratio of") < main.index("underrated by")  # fail before undecided


def test_what_to_do_next_depends_on_why_it_is_blocked(root: Path) -> None:
    put_verdict(root, "fairness", checks=(LOW, FEW))
    failed = page_of(record_of(REASON), root)
    assert "never the limit" in failed
    assert "./portcullis approve" not in failed
    doubtful = page_of(record_of(DOUBT), root)
    assert "./portcullis power tiny" in doubtful
    assert "--undecided fairness" in doubtful
    waiting = page_of(record_of(MISSING), root)
    assert "./portcullis approve tiny --model sha256:" in waiting


def test_a_gate_that_was_not_reached_is_not_run_and_has_no_figures(root: Path) -> None:
    put_verdict(root, "fairness", checks=(LOW,))
    blocked = Refusal(RefusalKind.CHECK_FAILED, "redact: leaks", "redact", "redact.x")
    text = page_of(record_of(blocked, reached=("admit", "ingest", "redact", "validate")), root)
    assert "ratio of" not in text
    assert "Not run in this release" in text
    assert "No model was made in this release" in text


def test_accepted_doubts_stay_on_the_page_of_a_registered_release(root: Path) -> None:
    put_verdict(root, "fairness", checks=(FEW,))
    text = page_of(record_of(), root)
    assert "Undecided, and accepted" in text
    assert "not measured" in text


def test_what_differs_from_the_last_release_is_told_by_check(root: Path) -> None:
    before = (replace(LOW, value=0.3), FEW)
    put_verdict(root, "fairness", checks=(LOW,))
    earlier = EarlierRelease("f" * 64, 41, before)
    text = page_of(record_of(REASON, earlier=earlier), root)
    section = text.partition("What differs from the last release")[2].partition("<h2>")[0]
    assert "ffffffffffff…" in section
    assert "entry 41" in section
    assert "+0.1" in section
    assert "no such check" in section
    assert "No other model" in page_of(record_of(), root)


def test_another_outcome_comes_before_another_figure() -> None:
    first = at_least(FairnessCheck.THEIL_INDEX, "a", 0.6, 0.5)
    second = at_least(FairnessCheck.UNDERRATED_BY, "b", 0.6, 0.5)
    now = (replace(first, value=0.7), at_least(FairnessCheck.UNDERRATED_BY, "b", 0.4, 0.5))
    changes = compare_checks((first, second), now)
    assert [change.measure() for change in changes] == ["b", "a"]
    assert compare_checks(now, now) == ()


@pytest.mark.parametrize(
    ("value", "limit", "place"),
    [(0.8, 0.8, 0.0), (0.9, 0.6, 0.5), (9.0, 0.6, 1.0), (0.3, 0.6, -0.5), (0.0, 0.0, 1.0)],
)
def test_a_mark_lies_by_its_distance_from_the_limit(
    value: float, limit: float, place: float
) -> None:
    measured = at_least(FairnessCheck.THEIL_INDEX, "a", value, limit)
    assert place_of_check(measured) == pytest.approx(place, abs=1e-3)


def test_what_was_not_measured_lies_on_the_limit_and_never_on_the_good_side() -> None:
    assert place_of_check(FEW) == 0.0


def test_a_record_comes_back_as_it_was_written(root: Path) -> None:
    record = record_of(
        REASON, earlier=EarlierRelease("f" * 64, 41, (check(FairnessCheck.THEIL_INDEX),))
    )
    write_record(record, root)
    assert read_record(CASE, root) == record


@pytest.mark.parametrize("text", ["{", "[]", '{"case": 1}'])
def test_a_record_of_another_form_is_no_record(root: Path, text: str) -> None:
    path = record_path(CASE, root)
    path.parent.mkdir()
    path.write_text(text)
    assert read_record(CASE, root) is None


def test_columns_and_outcomes_are_called_by_the_case_s_own_words(root: Path) -> None:
    values = VALUES | {
        "words": {
            "columns": {"wage": {"label": "weekly <wage>", "unit": "dollars"}},
            "outcomes": {"favourable": "paid fast", "unfavourable": "paid as usual"},
        }
    }
    proxy = at_least(
        FairnessCheck.THEIL_INDEX, "wage, wager", 0.4, 0.5, about=About(feature="wage")
    )
    put_verdict(root, "fairness", checks=(proxy,))
    refusal = Refusal(RefusalKind.CHECK_FAILED, "x", "fairness", proxy.key)
    path = write_release_page(record_of(refusal), root, values)
    text = path.read_text(encoding="utf-8")
    assert "weekly &lt;wage&gt;, dollars (wage), wager" in text
    assert "“paid fast”" in text
    assert "weekly" not in page_of(record_of(), root)


def test_a_record_that_cannot_be_written_leaves_the_one_before(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_of()
    write_record(record, root)
    folder = record_path(record.case, root).parent
    before = sorted(path.name for path in folder.iterdir())

    def fail(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Path, "chmod", fail)
    with pytest.raises(OSError, match="no room"):
        write_record(replace(record, version="2"), root)
    assert read_record(record.case, root) == record
    assert sorted(path.name for path in folder.iterdir()) == before
