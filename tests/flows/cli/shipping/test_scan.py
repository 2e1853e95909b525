"""`scan`: what each check came to, for people and for programs, and the bill of materials."""

import json
from pathlib import Path

import pytest

from flows.cli.shipping import scan
from tasks.errors import ConfigError
from tests.flows.cli import running
from tests.installations import installation_with_home

CONFIG = """\
locks: [shipped.lock]
database: {kind: mounted, path: nowhere.zip, most_age_days: 3}
allowed_severities: []
licences: {allowed: [MIT]}
"""


def test_a_scan_without_an_answer_blocks_and_writes_its_materials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    installation = installation_with_home(tmp_path)
    with pytest.raises(ConfigError, match="supply-chain"):
        running.run(scan, installation)

    (installation.workspace / "configs").mkdir(exist_ok=True)
    (installation.workspace / "configs" / "supply-chain.yaml").write_text(CONFIG)
    lock = f"no-such-package==1.0 --hash=sha256:{'5a' * 32}\n"
    (installation.workspace / "shipped.lock").write_text(lock)
    bill = tmp_path / "bill.cdx.json"
    assert running.run(scan, installation, "--sbom", str(bill), "--json") == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["outcome"] == "fail"  # it is not installed
    assert answer["checks"]["vulnerabilities"]["outcome"] == "undecided"
    assert [each["name"] for each in json.loads(bill.read_text())["components"]] == [
        "no-such-package"
    ]
