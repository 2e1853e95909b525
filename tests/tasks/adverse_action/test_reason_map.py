from pathlib import Path

import pytest
import yaml

from tasks.adverse_action.reason_map import load_reason_map
from tasks.errors import ConfigError
from tests.models import REASONS


@pytest.mark.parametrize("change", ["missing", "doubled", "typo", "no file"])
def test_a_reason_map_without_total_coverage_is_refused(tmp_path: Path, change: str) -> None:
    values = REASONS.model_dump(mode="json")
    if change == "missing":
        values["reasons"].pop()
    if change == "doubled":
        values["reasons"][0]["features"] = {"income": "below", "debt": "above"}
    if change == "typo":
        values["reasons"][0]["txt"] = "?"
    path = tmp_path / "map.yaml"
    if change != "no file":
        path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError):
        load_reason_map(path, ("income", "debt", "town"))


def test_a_map_may_say_more_than_the_model_reads(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(REASONS.model_dump(mode="json")))
    assert load_reason_map(path, ("income",)) == REASONS
