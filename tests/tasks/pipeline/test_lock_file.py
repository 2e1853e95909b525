"""The fast way of changing DVC's lock file, held against DVC's own, byte by byte."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dvc import dvcfile
from dvc.utils.serialize import _yaml, modify_yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.pipeline import lock_file
from tasks.pipeline.lock_file import install_fast_lock_file, modify_lock_file

Modify = Callable[[str], AbstractContextManager[dict[str, Any]]]

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(
        [
            "1e5",
            "0x1f",
            "0.10",
            "yes",
            "null",
            "2026-11-28",
            "a: b",
            "# c",
            "é",
            "x\n",
            "x\n\n",
            "a text that is folded, " * 9,
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["path", "md5", "a b", "1"]), inner, max_size=3)
    ),
    max_leaves=6,
)
ENTRIES = st.dictionaries(st.sampled_from(["cmd", "deps", "params"]), VALUES, max_size=3)
STEPS = st.lists(
    st.tuples(st.sampled_from(["admit@loan", "train@loan", "admit@claims"]), ENTRIES), max_size=4
)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "dvc.lock"
    set_entry(modify_yaml, path, "admit@loan", {"cmd": "a", "params": {"rate": 0.5}})
    return path


def set_entry(modify: Modify, path: Path, name: str, entry: dict[str, Any]) -> None:
    """Change a lock file as `Lockfile.dump_stages` does it (`dvc/dvcfile.py`)."""
    with modify(str(path)) as data:
        if not data:
            data.update({"schema": "2.0"})
        data["stages"] = data.get("stages", {})
        data["stages"].update({name: OrderedDict(entry)})


@pytest.fixture
def is_round_trip_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("read by the slow parser")

    monkeypatch.setattr(_yaml, "parse_yaml_for_update", refuse)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
def test_any_entries_give_the_bytes_that_dvc_gives(steps: list[tuple[str, dict[str, Any]]]) -> None:
    with TemporaryDirectory() as folder:
        for way in ("fast", "slow"):
            (Path(folder) / way).mkdir()
        fast = Path(folder) / "fast" / "dvc.lock"
        slow = Path(folder) / "slow" / "dvc.lock"
        for name, entry in steps:
            set_entry(modify_lock_file, fast, name, entry)
            set_entry(modify_yaml, slow, name, entry)
            assert fast.read_bytes() == slow.read_bytes()


@pytest.mark.usefixtures("is_round_trip_forbidden")
def test_an_entry_that_is_as_it_was_leaves_the_file_alone(lock: Path) -> None:
    before = lock.stat()
    set_entry(modify_lock_file, lock, "admit@loan", {"cmd": "a", "params": {"rate": 0.5}})
    assert lock.stat().st_mtime_ns == before.st_mtime_ns


def test_whoever_is_killed_while_it_is_written_leaves_the_old_file(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = lock.read_bytes()
    text_of = lock_file._text_of

    def text_that_breaks_off(values: dict[str, Any]) -> str:
        """End what is written anew in a sign that no file can hold."""
        return text_of(values) + "\ud800" * ("train@loan" in values["stages"])

    monkeypatch.setattr(lock_file, "_text_of", text_that_breaks_off)
    with pytest.raises(UnicodeEncodeError), modify_lock_file(str(lock)) as data:
        data["stages"]["train@loan"] = {"cmd": "b"}
    assert lock.read_bytes() == before
    assert [path.name for path in lock.parent.iterdir()] == [lock.name]


def test_where_nothing_changes_no_entry_is_written_as_text(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing the whole file to compare it was most of what an unchanged stage cost."""

    def refuse(_: object) -> str:
        raise AssertionError("written as text")

    monkeypatch.setattr(lock_file, "_entries", {})
    monkeypatch.setattr("dvc.utils.serialize.dumps_yaml", refuse)
    lock.write_text(f"# a person's\n{lock.read_text()}")
    before = lock.read_bytes()
    set_entry(modify_lock_file, lock, "admit@loan", {"cmd": "a", "params": {"rate": 0.5}})
    assert lock.read_bytes() == before


@pytest.mark.parametrize("odd", ["# a person's\n", "      spare: {a: 1}\n"])
def test_entries_that_change_places_in_an_odd_file_do_as_dvc_does(lock: Path, odd: str) -> None:
    lock.write_text(lock.read_text() + odd)
    for name in ("train@loan", "admit@claims"):
        set_entry(modify_yaml, lock, name, {"cmd": name})
    slow = lock.with_name("slow.lock")
    slow.write_text(lock.read_text())

    for path, modify in ((lock, modify_lock_file), (slow, modify_yaml)):
        with modify(str(path)) as data:
            for name in ("train@loan", "admit@claims", "admit@loan"):
                data["stages"][name] = data["stages"].pop(name)
    assert lock.read_text() == slow.read_text()


@pytest.mark.usefixtures("is_round_trip_forbidden")
def test_values_that_are_equal_and_written_otherwise_are_a_change(lock: Path) -> None:
    for rate, written in ((1, "1"), (1.0, "1.0"), (True, "true"), ("1", "'1'"), (1, "1")):
        set_entry(modify_lock_file, lock, "admit@loan", {"params": {"rate": rate}})
        assert lock.read_text().endswith(f"rate: {written}\n")


@pytest.mark.parametrize(
    "odd", ["# a person's\n", "      spare: 0.10\n", "      spare: {a: 1}\n", "      spare: &x 1\n"]
)
def test_what_the_fast_parser_would_lose_is_left_to_dvc(lock: Path, odd: str) -> None:
    lock.write_text(lock.read_text() + odd)
    slow = lock.with_name("slow.lock")
    slow.write_text(lock.read_text())

    for path, modify in ((lock, modify_lock_file), (slow, modify_yaml)):
        set_entry(modify, path, "train@loan", {"cmd": "b"})
    assert odd in lock.read_text()
    assert lock.read_text() == slow.read_text()


def test_only_the_entry_that_has_changed_is_written_as_text(
    lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_entry(modify_lock_file, lock, "train@loan", {"cmd": "b"})
    written: list[Any] = []

    def dumps_yaml(values: dict[str, Any]) -> str:
        written.append(values)
        return str(_yaml.dumps_yaml(values))

    monkeypatch.setattr("dvc.utils.serialize.dumps_yaml", dumps_yaml)
    set_entry(modify_lock_file, lock, "train@loan", {"cmd": "c"})
    stages = [list(values["stages"]) for values in written if "stages" in values]
    assert stages == [["train@loan"]]
    assert lock.read_text().count("cmd: ") == 2


def test_a_fault_in_between_leaves_the_file_as_it_was(lock: Path) -> None:
    before = lock.read_bytes()
    with suppress(KeyError), modify_lock_file(str(lock)) as data:
        del data["stages"]["admit@loan"]
        del data["stages"]["nobody"]
    assert lock.read_bytes() == before


def test_dvc_itself_changes_lock_files_this_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC could call the function by another name after an upgrade; then nothing would be won."""
    monkeypatch.setattr(dvcfile, "modify_yaml", modify_yaml)
    assert "modify_yaml" in dvcfile.Lockfile.dump_stages.__code__.co_names
    install_fast_lock_file()
    assert dvcfile.modify_yaml is modify_lock_file
