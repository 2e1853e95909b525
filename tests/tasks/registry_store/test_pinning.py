"""What one installation may be trusted for, as its own stack has it."""

from pathlib import Path

import pytest
import yaml

from tasks.registry_store.configuring import read_store_config
from tasks.registry_store.pinning import pin_installation
from tasks.system.installation import Installation

CHECKOUT = Path(__file__).parents[3]


def test_what_is_pinned_counts_wherever_the_server_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is started in the checkout, `.` to it; MLflow works in a folder of its own."""
    monkeypatch.chdir(CHECKOUT)
    environ = {"PORTCULLIS_HOME": str(tmp_path / "home")}
    trust = pin_installation(Installation.open(Path(), environ), ["s3://releases/"])
    path = tmp_path / "store.yaml"
    path.write_text(yaml.safe_dump(trust), encoding="utf-8")

    monkeypatch.chdir(tmp_path)
    config = read_store_config(path)
    assert config.policy_workspace == CHECKOUT
    assert config.logs[0].names["loan"] == "loan"
