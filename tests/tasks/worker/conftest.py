"""A small checkout, and what one stage of it is declared to read and write."""

from pathlib import Path

import pytest

from tasks.attestation.artefacts import Declared

CASE = "tiny"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A checkout with a few outputs of earlier stages."""
    workspace = tmp_path / "checkout"
    for name in ("redact/rows.parquet", "train/model/scorer.json", "train/predictions.parquet"):
        path = workspace / "data" / CASE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (workspace / "sources").mkdir()
    (workspace / "sources" / "a.csv").write_text("a\n")
    return workspace


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A folder of code and configuration."""
    snapshot = tmp_path / "home" / "trees" / "abc"
    (snapshot / "tasks").mkdir(parents=True)
    (snapshot / "tasks" / "code.py").write_text("")
    (snapshot / "configs").mkdir()
    (snapshot / "configs" / "case.yaml").write_text("strict")
    return snapshot


@pytest.fixture
def explain() -> Declared:
    """A stage that reads a file and a folder."""
    inputs = ("tasks", f"data/{CASE}/redact/rows.parquet", f"data/{CASE}/train/model")
    outputs = (f"data/{CASE}/explain/page", f"data/{CASE}/explain/verdict.json")
    return Declared("explain", CASE, inputs, outputs, {})
