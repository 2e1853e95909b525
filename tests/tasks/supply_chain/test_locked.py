"""A lock is read as a whole, or not at all."""

from pathlib import Path

import pytest

from tasks.errors import ConfigError
from tasks.supply_chain.locked import for_this_machine, read_lock
from tests.tasks.supply_chain.conftest import locked


@pytest.mark.parametrize(
    "line",
    [
        "alpha==1.0",
        "alpha>=1.0 --hash=sha256:" + "5a" * 32,
        "alpha @ https://elsewhere.example/alpha.whl",
        "-e .",
        "--index-url https://elsewhere.example",
        "alpha==1.0 --hash=md5:5a",
        "alpha==1.0 ; nonsense --hash=sha256:" + "5a" * 32,
    ],
)
def test_a_line_that_is_no_pin_with_a_hash_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a.lock"
    path.write_text(f"{locked('beta')}{line}\n")
    with pytest.raises(ConfigError, match="line 4"):
        read_lock(path)


def test_two_versions_for_one_machine_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text(locked("alpha") + locked("alpha", "2.0"))
    with pytest.raises(ConfigError, match="one version"):
        for_this_machine(read_lock(path))
    path.write_text(locked("alpha") + locked("alpha", "2.0", " ; sys_platform == 'win32'"))
    assert for_this_machine(read_lock(path))["alpha"].version == "1.0"
