"""The stage as DVC runs it: sealed rows, a report of counts, refusals that leave nothing."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tasks.errors import AgreementError, ConfigError, SourceError
from tasks.keystore.pseudonyms import pseudonym
from tasks.keystore.tombstone_events import set_tombstones
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.installations import installation_at

SOURCE = {
    "kind": "file", "format": "csv", "owner": "Example Bank", "role": "controller",
    "legal_basis": "contract",
    "agreement": "DPA-1", "expires": "2031-12-31",
}  # fmt: skip
CASE = {
    "sources": {"bank": {**SOURCE, "path": "bank.csv"}, "bureau": {**SOURCE, "path": "bureau.csv"}},
    "columns": {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        "income": {"role": "feature", "source": "bank"},
        "branch": {"role": "dropped", "source": "bank", "kind": "text"},
        "score": {"role": "feature", "source": "bureau"},
        "approve": {"role": "target", "source": "bank", "kind": "flag"},
    },
    "ingest": {
        "base": "bank",
        "third_persons": "masked",
        "joins": [{"source": "bureau", "by": "email"}],
    },
}
BANK = "email,income,branch,approve\nann@example.org,1,n,1\nbo@example.org,2,s,0\n"
BUREAU = "email,score\nBO@example.org,20\nann@example.org,10\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "bank.csv").write_text(BANK)
    (tmp_path / "bureau.csv").write_text(BUREAU)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    return tmp_path


def ingest(root: Path, case: dict[str, Any] = CASE) -> Path:
    from tasks.stages.admit.stage import run as admit
    from tasks.stages.ingest.stage import run

    write_case(root, "bank", case)
    admit(StageRun("admit", "bank", installation_at(root)))
    run(StageRun("ingest", "bank", installation_at(root)))
    return root / "data" / "bank" / "ingest"


def test_it_leaves_sealed_rows_and_a_report_without_a_value(root: Path) -> None:
    folder = ingest(root)
    rows = StageRun("redact", "bank", installation_at(root)).read_rows("ingest")
    assert rows[["income", "score", "approve"]].to_numpy().tolist() == [[1, 10, 1], [2, 20, 0]]
    assert list(rows) == ["subject", "person", "email", "income", "score", "approve"]
    report = json.loads((folder / "report.json").read_text())
    assert (report["rows"], report["subjects"], report["dropped"]) == (2, 2, ["branch"])
    for name in ("rows.parquet", "report.json"):
        assert b"ann@" not in (folder / name).read_bytes()


def test_a_rerun_gives_the_same_bytes(root: Path) -> None:
    before = {path.name: path.read_bytes() for path in ingest(root).iterdir()}
    assert {path.name: path.read_bytes() for path in ingest(root).iterdir()} == before


def test_an_extra_column_stops_it_and_leaves_nothing(root: Path) -> None:
    (root / "bureau.csv").write_text(
        "email,score,religion\nann@example.org,1,x\nbo@example.org,1,y\n"
    )
    with pytest.raises(SourceError, match="1 undeclared column of 3, at position 3"):
        ingest(root)
    assert not (root / "data" / "bank" / "ingest" / "rows.parquet").exists()


def test_an_agreement_that_lapsed_after_admit_stops_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.stages.ingest.stage import run

    ingest(root)
    monkeypatch.setenv("PORTCULLIS_TODAY", "2032-01-01")
    with pytest.raises(AgreementError, match="expired on 2031-12-31"):
        run(StageRun("ingest", "bank", installation_at(root)))


@pytest.mark.parametrize(
    "ingest_section",
    [
        {"base": "bank", "third_persons": "masked", "jons": []},
        {"base": "bank", "third_persons": "masked", "derive": {"x": {"rule": "guess"}}},
        {"base": "bank"},
        {"base": "bank", "third_persons": "perhaps"},
        {"third_persons": "masked", "joins": []},
        None,
    ],
)
def test_an_unknown_key_or_rule_is_one_line(root: Path, ingest_section: Any) -> None:
    with pytest.raises(ConfigError, match=r"configs/bank/case\.yaml") as refusal:
        ingest(root, {**CASE, "ingest": ingest_section})
    assert "\n" not in str(refusal.value)


WITH_NOTES = {
    "sources": {"bank": {**SOURCE, "path": "bank.csv"}},
    "columns": {
        "email": {"role": "subject", "source": "bank", "kind": "email"},
        "name": {"role": "identifier", "source": "bank", "kind": "name"},
        "notes": {"role": "free_text", "source": "bank", "kind": "text"},
        "approve": {"role": "target", "source": "bank", "kind": "flag"},
    },
    "ingest": {"base": "bank", "third_persons": "masked"},
}
NOTES = (
    "email,name,notes,approve\n"
    "ann@example.org,Ann Null,Ann Null asks with Bo Stone,1\n"
    "bo@example.org,Bo Stone,guarantor is ann null <ANN@example.org>,0\n"
)


def notes_after_ingest(root: Path, third_persons: str = "masked") -> list[str]:
    (root / "bank.csv").write_text(NOTES)
    section = {"base": "bank", "third_persons": third_persons}
    ingest(root, {**WITH_NOTES, "ingest": section})
    rows = StageRun("redact", "bank", installation_at(root)).read_rows("ingest")
    return [str(note) for note in rows["notes"]]


def test_other_customers_are_masked_before_texts_are_sealed_and_counted(root: Path) -> None:
    assert notes_after_ingest(root) == [
        "Ann Null asks with [PERSON]",
        "guarantor is [PERSON] <[EMAIL_ADDRESS]>",
    ]
    report = json.loads((root / "data" / "bank" / "ingest" / "report.json").read_text())
    assert report["third_persons"] == "masked"
    assert report["masked_rows"] == 2
    assert report["masked_mentions"] == {"[EMAIL_ADDRESS]": 1, "[PERSON]": 2}


def test_a_use_case_may_keep_them_and_its_report_says_so(root: Path) -> None:
    assert "ann null <ANN@example.org>" in notes_after_ingest(root, "kept")[1]
    report = json.loads((root / "data" / "bank" / "ingest" / "report.json").read_text())
    assert (report["third_persons"], report["masked_rows"]) == ("kept", 0)


def test_masking_twice_gives_the_same_bytes(root: Path) -> None:
    sealed = root / "data" / "bank" / "ingest" / "rows.parquet"
    notes_after_ingest(root)
    before = sealed.read_bytes()
    notes_after_ingest(root)
    assert sealed.read_bytes() == before


def test_an_erased_person_does_not_come_back_in_somebody_else_s_note(root: Path) -> None:
    run = StageRun("ingest", "bank", installation_at(root))
    subject = pseudonym(run.secret("pseudonym"), "ann@example.org")
    set_tombstones(run.keys, [subject], date(2026, 11, 24))

    # Her row is left out, and what is known of her is known still.
    assert notes_after_ingest(root) == ["guarantor is [PERSON] <[EMAIL_ADDRESS]>"]


@pytest.mark.parametrize("case", ["loan", "loan_unmitigated", "claims"])
def test_the_shipped_use_cases_fit_together(case: str) -> None:
    from pathlib import Path

    from tasks.config.cases import Columns, Role, section
    from tasks.config.sources import Sources
    from tasks.stages.ingest.params import IngestParams, check_wiring
    from tasks.stages.ingest.reading import ExpectedDelivery
    from tests.tasks.stages.ingest.deliveries import read
    from tests.tasks.stages.ingest.joined import join_sources

    repository = Path(__file__).parents[4]
    columns, params = (
        section(case, "columns", Columns, repository),
        section(case, "ingest", IngestParams, repository),
    )
    sources = section(case, "sources", Sources, repository)
    check_wiring(columns, params, sources)
    frames = {
        name: read(source, ExpectedDelivery.of(name, columns, params))
        for name, source in sources.root.items()
    }
    rows, report = join_sources(frames, columns, params, b"s" * 32)
    assert report.rows == report.subjects == {"claims": 7150}.get(case, 1989)
    assert not any(count.without_partner_rows for count in report.sources.values())
    target = rows[columns.only(Role.TARGET)]
    assert set(target) == {0.0, 1.0}
    assert all(rows[name].nunique() > 1 for name in columns.named(Role.FEATURE, Role.PROTECTED))
    assert rows.shape[1] - 2 == len(columns.root) - len(columns.named(Role.DROPPED))
    assert not any(rows[name].isin(codes).any() for name, codes in params.missing.items())
    if case == "claims":
        assert rows["sex"].isna().sum() == 16
    else:
        assert rows["appinc"].isna().sum() == 21
        assert rows["race"].value_counts().to_dict() == {
            "white": 1681,
            "black": 197,
            "hispanic": 111,
        }
        assert pd.isna(rows["sex"]).sum() == 15
