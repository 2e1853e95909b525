"""The bill of materials: valid, complete, and the same bytes for the same lock."""

import json
from pathlib import Path

from tasks.supply_chain.locked import read_lock
from tasks.supply_chain.materials import bill_of_materials
from tests.tasks.supply_chain.conftest import locked


def test_the_same_lock_gives_the_same_bytes_and_another_one_another_number(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text(locked("alpha") + locked("beta"))
    first = bill_of_materials(read_lock(path))
    path.write_text(locked("beta") + locked("alpha"))
    assert bill_of_materials(read_lock(path)) == first
    path.write_text(locked("alpha") + locked("beta", "1.1"))
    other = bill_of_materials(read_lock(path))
    assert json.loads(other)["serialNumber"] != json.loads(first)["serialNumber"]
    values = json.loads(first)
    assert values["specVersion"] == "1.6"
    assert "timestamp" not in values["metadata"]
    purls = [each["purl"] for each in values["components"]]
    assert purls == ["pkg:pypi/alpha@1.0", "pkg:pypi/beta@1.0"]
