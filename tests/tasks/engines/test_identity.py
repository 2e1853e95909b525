"""What a worker has to be like: another version is told by what differs."""

from pathlib import Path

import pytest

from tasks.engines.identity import (
    COMPUTING,
    UNKNOWN,
    WorkerIdentity,
    _digest_code,
    identity_of_process,
)


def test_a_process_is_like_itself_and_says_what_computes_in_it() -> None:
    mine = identity_of_process()
    assert mine.differing(mine) == ()
    assert {"code", "python", "machine", *COMPUTING} == dict(mine.parts).keys()


def test_what_differs_is_named_also_where_one_side_lacks_it() -> None:
    one = WorkerIdentity((("code", "a"), ("numpy", "1"), ("pandas", "3")))
    other = WorkerIdentity((("code", "b"), ("numpy", "1"), ("scipy", "1")))
    assert one.differing(other) == ("code", "pandas", UNKNOWN)
    assert "scipy" not in str(one.differing(other))


@pytest.mark.parametrize("name", ["finding/names.txt", "patterns.yaml", "module.py"])
def test_another_list_of_names_is_another_version(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("Ann")
    before = _digest_code(tmp_path)
    path.write_text("Anne")
    assert _digest_code(tmp_path) != before


@pytest.mark.parametrize("name", ["module.cpython-311.pyc", ".DS_Store"])
def test_what_lies_beside_code_is_none_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "module.py").write_text("x = 1")
    before = _digest_code(tmp_path)
    (tmp_path / name).write_text("y")
    assert _digest_code(tmp_path) == before
