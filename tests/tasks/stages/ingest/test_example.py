"""The example in docs/examples: `sync` finds no fault in it, and ingest joins its three sources."""

import importlib.util
import shutil
from pathlib import Path

import pytest
import yaml

from flows.use_cases.checking import check_cases, check_sources
from flows.use_cases.derived_files import resolve_each
from tasks.config.cases import Columns, section_in
from tasks.config.collecting import FaultList
from tasks.config.sources import Sources
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading import ExpectedDelivery
from tests.installations import settings_now
from tests.tasks.stages.ingest.deliveries import read
from tests.tasks.stages.ingest.joined import join_sources

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "three_sources"
ROWS = 600


def test_the_example_has_no_fault_and_is_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "configs" / "instalments"
    folder.mkdir(parents=True)
    for path in EXAMPLE.glob("*.yaml"):
        shutil.copy2(path, folder)
    spec = importlib.util.spec_from_file_location("example", EXAMPLE / "make.py")
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    example.main(tmp_path / "incoming")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCOUNTS_URL", f"sqlite:///{tmp_path}/incoming/accounts.db")

    faults = FaultList()
    cases = resolve_each(tmp_path, faults)
    check_cases(cases, tmp_path, settings_now(), faults)
    lines = check_sources(cases, settings_now(), faults)
    assert faults.all() == ()
    assert lines[0] == f"instalments: source `applications`: {ROWS} rows looked at"

    values = cases["instalments"]
    columns = section_in(values, "instalments", "columns", Columns)
    params = section_in(values, "instalments", "ingest", IngestParams)
    sources = section_in(values, "instalments", "sources", Sources)
    frames = {
        name: read(source, ExpectedDelivery.of(name, columns, params))
        for name, source in sources.root.items()
    }
    rows, report = join_sources(frames, columns, params, b"k" * 32)
    assert (report.rows, report.subjects) == (ROWS, ROWS)
    assert rows["Kundennr"].iloc[1] == "000001"
    assert set(rows["paid"]) == {0.0, 1.0}
    # Half past eleven in New York is later than one o'clock in Berlin of the next day.
    latest = frames["accounts"].query("day.str.endswith('-05:00')", engine="python")
    assert rows["balance"].tolist() == latest["balance"].tolist()
    assert yaml.safe_load((EXAMPLE / "suite.yaml").read_text())["name"] == "instalments"
