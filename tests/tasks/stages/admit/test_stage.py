"""The stage: what it leaves, and what it refuses before anything is read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import AgreementError, ConfigError
from tasks.stages.admit.stage import run
from tasks.stages.workspace import StageRun
from tests.cases import write_case
from tests.installations import installation_at

SOURCE = {
    "kind": "file",
    "path": "delivery.csv",
    "format": "csv",
    "owner": "Example Bank",
    "role": "controller",
    "legal_basis": "contract",
    "agreement": "DPA-1",
    "expires": "2026-11-24",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "delivery.csv").write_text("a\n1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-11-24")
    return tmp_path


def admit(root: Path, **changes: str | None) -> bytes:
    source = {key: value for key, value in {**SOURCE, **changes}.items() if value is not None}
    write_case(root, "bank", {"sources": {"applications": source}})
    run(StageRun("admit", "bank", installation_at(root)))
    return (root / "data" / "bank" / "admit" / "sources.json").read_bytes()


def test_it_leaves_fingerprint_owner_and_agreement(root: Path) -> None:
    (admitted,) = json.loads(admit(root)).values()
    assert admitted["agreement"] == "DPA-1"
    assert admitted["expires"] == "2026-11-24"
    assert admitted["fingerprint"].startswith("sha256:")


def test_another_day_changes_nothing_and_another_delivery_does(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = admit(root)
    monkeypatch.setenv("PORTCULLIS_TODAY", "2026-01-01")
    assert admit(root) == before
    (root / "delivery.csv").write_text("a\n2\n")
    assert admit(root) != before


@pytest.mark.parametrize(
    "changes", [{"expires": "2026-11-23"}, {"agreement": None}, {"expires": None}]
)
def test_without_an_agreement_in_force_it_stops_with_one_line_and_leaves_nothing(
    root: Path, changes: dict[str, str | None]
) -> None:
    with pytest.raises(AgreementError) as refusal:
        admit(root, **changes)
    assert "\n" not in str(refusal.value)
    assert not list((root / "data").rglob("sources.json"))


def test_a_processor_without_a_clause_is_refused_by_its_name_and_leaves_nothing(
    root: Path,
) -> None:
    register = root / "configs" / "governance" / "agreements"
    register.mkdir(parents=True)
    clauses = {f"GDPR 28(3)({letter})": f"no. {letter}" for letter in "abcdefg"}
    agreement = {
        "id": "DPA-1",
        "title": "Hosting",
        "controller": "Example Bank",
        "party": "Example Hosting",
        "role": "processor",
        "covers": ["bank/applications"],
        "country": "DE",
        "signed": "2026-01-01",
        "expires": "2026-11-24",
        "file": {"name": "DPA-1.pdf", "sha256": "0" * 64},
        "clauses": {"GDPR 28(3)": "no. 1", **clauses},
        "subprocessors": [],
        "transfers": [],
    }
    (register / "DPA-1.yaml").write_text(json.dumps(agreement))
    with pytest.raises(AgreementError, match=r"clause GDPR 28\(3\)\(h\) is missing"):
        admit(root, owner="Example Hosting", role="processor")
    assert not list((root / "data").rglob("sources.json"))

    agreement["clauses"] = {"GDPR 28(3)": "no. 1", **clauses, "GDPR 28(3)(h)": "no. h"}
    (register / "DPA-1.yaml").write_text(json.dumps(agreement))
    admit(root, owner="Example Hosting", role="processor")


@pytest.mark.parametrize(
    "changes", [{"ownr": "x"}, {"kind": "ftp"}, {"role": "friend"}, {"owner": None}]
)
def test_an_unknown_key_or_value_is_refused(root: Path, changes: Any) -> None:
    with pytest.raises(ConfigError, match=r"configs/bank/case\.yaml"):
        admit(root, **changes)


def test_it_imports_nothing_heavy(root: Path) -> None:
    # `cryptography` is: who was erased is read from a key store that the log's record is held to.
    admit(root)
    code = (
        "import os, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]);"
        "from tasks.system.installation import Installation;"
        "from tasks.stages.workspace import StageRun; from tasks.stages.admit.stage import run;"
        "run(StageRun('admit', 'bank', Installation.open(Path(), os.environ)));"
        "heavy = {'pandas', 'numpy', 'pyarrow', 'fsspec', 'sqlalchemy', 'mlflow', 'dvc',"
        " 'great_expectations'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    repository = __file__.rpartition("/tests/")[0]
    done = subprocess.run(
        [sys.executable, "-c", code, repository], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
