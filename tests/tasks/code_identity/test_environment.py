"""What can be imported: a digest of what the locks name, and the names of everything else."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.code_identity import environment, installed_files
from tasks.code_identity.environment import (
    Environment,
    ImportPlaces,
    identity,
    measure_environment,
)
from tasks.code_identity.installed_files import CACHE, LAST_LOOK
from tasks.code_identity.tree import read_tree
from tests.installations import installation_at

CHECKOUT = Path(__file__).parents[3]


class Machine:
    """A checkout, its home, and an interpreter with installed distributions, all of small files."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.standard = folder / "lib"
        self.packages = folder / "packages"
        self.places = ImportPlaces(
            program=self.write(folder / "bin/python", "program"),
            shared_library=None,
            standard=(self.standard,),
            packages=self.packages,
            search_path=(str(self.checkout), str(self.standard), str(self.packages)),
            own=self.checkout,
        )
        self.write(self.checkout / "tasks/model.py", "")
        self.write(self.checkout / "requirements.lock", "lib==1.0 \\\n    --hash=sha256:0\n")
        self.write(self.checkout / "tests/requirements.lock", "lib==1.0\ntesting==3.0\n")
        self.write(self.standard / "os.py", "")
        self.write(self.packages / "portcullis.pth", f"{self.checkout}\n")
        self.install("lib", "1.0")

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install(self, name: str, version: str, *more: str) -> None:
        """Install a distribution of one package, and of further files."""
        metadata = f"{name}-{version}.dist-info"
        files = (f"{name}/__init__.py", f"{metadata}/METADATA", *more)
        for file in files:
            self.write(self.packages / file, f"# {file}")
        record = "".join(f"{file},,\n" for file in (*files, f"{metadata}/RECORD", "../bin/x"))
        self.write(self.packages / metadata / "RECORD", record)

    def measure(self, *, may_recall: bool = False) -> Environment:
        installation = installation_at(self.checkout)
        tree = read_tree(self.checkout)
        return measure_environment(installation, tree, self.places, may_recall=may_recall)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    return Machine(tmp_path)


def test_what_the_locks_name_and_nothing_else_is_not_foreign(machine: Machine) -> None:
    measured = machine.measure()
    assert measured.foreign == ()
    assert len(measured.sha256) == 64
    assert measured.interpreter.startswith(f"{sys.implementation.name} ")


CHANGES: dict[str, Callable[[Machine], object]] = {
    "a library": lambda it: it.write(it.packages / "lib/__init__.py", "evil"),
    "the standard library": lambda it: it.write(it.standard / "os.py", "evil"),
    "a file more in the standard library": lambda it: it.write(it.standard / "e.py", "evil"),
    "the interpreter": lambda it: it.write(it.places.program, "another"),
    "an entry point": lambda it: it.write(
        it.packages / "lib-1.0.dist-info/entry_points.txt", "[mlflow]"
    ),
    "a file gone": lambda it: (it.packages / "lib/__init__.py").unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_is_imported_changes_the_digest(machine: Machine, change: str) -> None:
    before = machine.measure().sha256
    CHANGES[change](machine)
    assert machine.measure().sha256 != before


HARMLESS: dict[str, Callable[[Machine], object]] = {
    "a distribution for tests": lambda it: it.install("testing", "3.0"),
    "bytecode": lambda it: it.write(it.packages / "lib/__pycache__/__init__.cpython.pyc", "x"),
    "a note of an installer": lambda it: it.write(
        it.packages / "lib-1.0.dist-info/direct_url.json", "{}"
    ),
    "what a library left as data": lambda it: it.write(it.packages / "lib/cache.json", "{}"),
    "pip": lambda it: it.install("pip", "99"),
    "other code of ours": lambda it: it.write(it.checkout / "tasks/model.py", "other"),
    "tests of ours": lambda it: it.write(it.checkout / "tests/test_x.py", "other"),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_no_release_imports_changes_nothing(machine: Machine, change: str) -> None:
    before = machine.measure()
    HARMLESS[change](machine)
    assert machine.measure() == before


PLANTED: dict[str, tuple[Callable[[Machine], object], str]] = {
    "a distribution": (lambda it: it.install("evil", "1.0"), "evil==1.0"),
    "another version": (
        lambda it: (it.packages / "lib-1.0.dist-info").rename(it.packages / "lib-1.1.dist-info"),
        "lib==1.1 (locked: 1.0)",
    ),
    "a module": (lambda it: it.write(it.packages / "evil.py", ""), "evil.py"),
    "an extension": (lambda it: it.write(it.packages / "evil.abi3.so", ""), "evil.abi3.so"),
    "a module without its source": (
        lambda it: it.write(it.packages / "evil.pyc", ""),
        "evil.pyc",
    ),
    "a package": (lambda it: it.write(it.packages / "evil/a.py", ""), "evil/"),
    "a module in a package of others": (
        lambda it: it.write(it.packages / "lib/_local.py", ""),
        "lib/_local.py",
    ),
    "a line that is run at every start": (
        lambda it: it.write(it.packages / "evil.pth", "import evil"),
        "evil.pth",
    ),
    "a customisation": (
        lambda it: it.write(it.packages / "sitecustomize.py", ""),
        "sitecustomize.py",
    ),
    "a customisation that a test's distribution claims": (
        lambda it: it.install("testing", "3.0", "usercustomize/__init__.py"),
        "usercustomize",
    ),
    "a folder that is a link": (
        lambda it: (it.packages / "evil").symlink_to(it.standard),
        "evil",
    ),
    "a distribution of the older form": (
        lambda it: it.write(it.packages / "evil.egg-info/PKG-INFO", ""),
        "evil.egg-info",
    ),
    "our own .pth, with a line more": (
        lambda it: it.write(it.packages / "portcullis.pth", f"{it.checkout}\nimport evil\n"),
        "portcullis.pth",
    ),
    "our own .pth, with code": (
        lambda it: it.write(it.packages / "portcullis.pth", "import evil\n"),
        "portcullis.pth",
    ),
    "a module in the checkout": (lambda it: it.write(it.checkout / "yaml.py", ""), "yaml.py"),
    "a package in the checkout": (
        lambda it: it.write(it.checkout / "numpy/__init__.py", ""),
        "numpy/",
    ),
    "bytecode in the checkout": (lambda it: it.write(it.checkout / "yaml.pyc", ""), "yaml.pyc"),
}


@pytest.mark.parametrize("planted", PLANTED)
def test_what_can_be_imported_besides_is_named(machine: Machine, planted: str) -> None:
    plant, name = PLANTED[planted]
    plant(machine)
    assert machine.measure().foreign == (name,)


def test_another_folder_on_the_search_path_is_named(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "evil").mkdir()
    path = (str(tmp_path / "evil"), *machine.places.search_path, "/nowhere/python311.zip")
    machine.places = replace(machine.places, search_path=path)
    assert machine.measure().foreign == (f"sys.path: {tmp_path / 'evil'}",)


def test_the_checkout_of_the_worker_counts_beside_the_snapshot_it_judges(
    machine: Machine, tmp_path: Path
) -> None:
    snapshot = tmp_path / "snapshot"
    read_tree(machine.checkout).write(snapshot)
    installation = replace(installation_at(machine.checkout), workspace=snapshot)
    tree = read_tree(snapshot)
    assert measure_environment(installation, tree, machine.places) == machine.measure()
    machine.write(machine.checkout / "yaml.py", "")
    assert measure_environment(installation, tree, machine.places).foreign == ("yaml.py",)


def test_another_checkout_counts_by_what_it_adds(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "other"
    machine.write(other / "tasks/model.py", "")
    machine.write(machine.packages / "portcullis.pth", f"{other}\n")
    assert machine.measure().foreign == ()
    machine.write(other / "yaml.py", "")
    assert machine.measure().foreign == ("portcullis.pth: yaml.py",)


def test_a_lock_that_no_longer_names_a_library_makes_it_foreign(machine: Machine) -> None:
    before = machine.measure()
    (machine.checkout / "requirements.lock").write_text("")
    (machine.checkout / "tests/requirements.lock").write_text("")
    assert machine.measure().foreign == ("lib==1.0",)
    assert machine.measure().sha256 != before.sha256


def test_a_version_for_another_python_is_no_contradiction(machine: Machine) -> None:
    machine.write(
        machine.checkout / "requirements.lock",
        "lib==1.0 ; python_version < '3.12' \\\nlib==2.0 ; python_version >= '3.12' \\\n",
    )
    assert machine.measure().foreign == ()


def test_names_that_are_no_text_are_escaped(machine: Machine) -> None:
    Path(os.fsdecode(os.fsencode(machine.packages) + b"/evil\x1b\xff.py")).write_text("")
    (name,) = machine.measure().foreign
    assert name.isprintable()
    name.encode("utf-8")


def test_of_many_foreign_names_the_first_are_given_and_the_rest_counted(machine: Machine) -> None:
    for number in range(30):
        machine.write(machine.packages / f"evil{number:02}.py", "")
    foreign = machine.measure().foreign
    assert foreign[0] == "evil00.py"
    assert foreign[-1] == "and 10 more"


# What is remembered


@pytest.fixture
def settled(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Its files count as long unchanged."""
    monkeypatch.setattr(installed_files, "SETTLED_NS", -(10**12))
    return machine


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    digest = hashlib.file_digest

    def counting(stream: object, name: str) -> object:
        read.append(getattr(stream, "name", ""))
        return digest(stream, name)  # type: ignore[arg-type]

    monkeypatch.setattr("tasks.code_identity.installed_files.file_digest", counting)
    return read


def test_a_second_look_reads_no_file(settled: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settled.measure()
    read = count_reads(monkeypatch)
    assert settled.measure() == before
    assert read == []


def test_after_a_change_only_what_changed_is_read(
    settled: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.measure()
    settled.write(settled.packages / "lib/__init__.py", "other")
    read = count_reads(monkeypatch)
    settled.measure()
    assert read == [str(settled.packages / "lib/__init__.py")]


def test_a_change_whose_time_is_set_back_is_read(settled: Machine) -> None:
    path = settled.packages / "lib/__init__.py"
    before = settled.measure()
    stat = path.stat()
    path.write_bytes(path.read_bytes().replace(b"lib", b"bil", 1))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert settled.measure().sha256 != before.sha256


def test_what_changed_a_moment_ago_is_read_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within one tick of the clock a second change would leave no trace."""
    machine.measure()
    read = count_reads(monkeypatch)
    machine.measure()
    assert str(machine.packages / "lib/__init__.py") in read


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"format": "another"}\n', "x\n\n\ty\n", "\0"])
def test_a_broken_cache_is_computed_anew(settled: Machine, text: str) -> None:
    before = settled.measure()
    (installation_at(settled.checkout).home / CACHE).write_text(text)
    assert settled.measure() == before


def test_a_cache_that_cannot_be_read_is_computed_anew(settled: Machine) -> None:
    before = settled.measure()
    path = installation_at(settled.checkout).home / CACHE
    path.write_bytes(b"\xff\xfe" * 50)
    assert settled.measure() == before


# What a look that may recall the last one takes over from it


def forbid_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_: ImportPlaces) -> None:
        raise AssertionError("looked")

    monkeypatch.setattr(environment, "_list_files", look)


def test_a_look_of_less_than_a_minute_ago_may_be_recalled(
    settled: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = settled.measure()
    forbid_looks(monkeypatch)
    assert settled.measure(may_recall=True) == before


def test_whoever_may_not_recall_looks_anew(
    settled: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled.measure()
    forbid_looks(monkeypatch)
    with pytest.raises(AssertionError, match="looked"):
        settled.measure()


CHANGED_FOLDERS: dict[str, Callable[[Machine], object]] = {
    "a distribution more": lambda it: it.install("sneaky", "1.0"),
    "a file more": lambda it: it.write(it.packages / "lib/more.py", ""),
    "a file gone": lambda it: (it.packages / "lib/__init__.py").unlink(),
    "a file in another's place": lambda it: it.write(it.packages / "draft", "evil").replace(
        it.packages / "lib/__init__.py"
    ),
    "another interpreter": lambda it: it.write(it.places.program, "another"),
    "a folder gone": lambda it: (it.packages / "lib").rename(it.packages.parent / "aside"),
}


@pytest.mark.parametrize("change", CHANGED_FOLDERS)
def test_after_a_change_of_a_folder_nothing_is_recalled(settled: Machine, change: str) -> None:
    settled.measure()
    CHANGED_FOLDERS[change](settled)
    recalled = settled.measure(may_recall=True)
    assert recalled == settled.measure()


def test_other_locks_recall_nothing(settled: Machine) -> None:
    before = settled.measure()
    settled.write(settled.checkout / "requirements.lock", "")
    settled.write(settled.checkout / "tests/requirements.lock", "")
    recalled = settled.measure(may_recall=True)
    assert recalled.foreign == ("lib==1.0",)
    assert before.foreign == ()


@pytest.mark.parametrize("age_seconds", [61, -1])
def test_a_look_of_another_time_is_not_recalled(
    settled: Machine, monkeypatch: pytest.MonkeyPatch, age_seconds: int
) -> None:
    settled.measure()
    later_ns = time.time_ns() + age_seconds * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later_ns)
    forbid_looks(monkeypatch)
    with pytest.raises(AssertionError, match="looked"):
        settled.measure(may_recall=True)


def test_what_changed_a_moment_ago_is_not_recalled(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.measure()
    forbid_looks(monkeypatch)
    with pytest.raises(AssertionError, match="looked"):
        machine.measure(may_recall=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "another"}', '{"begun_ns": "x"}'])
def test_a_broken_note_of_the_last_look_is_none(settled: Machine, text: str) -> None:
    before = settled.measure()
    (installation_at(settled.checkout).home / LAST_LOOK).write_text(text)
    assert settled.measure(may_recall=True) == before


# The real environment


def test_this_process_imports_from_where_it_says() -> None:
    places = ImportPlaces.of_this_process()
    assert (places.standard[0] / "os.py").is_file()
    assert (places.packages / "portcullis.pth").is_file()
    assert not places.program.is_symlink()


@pytest.mark.parametrize(("flags", "is_counted"), [(["-I"], True), ([], False)])
def test_folders_that_a_process_added_count_if_it_is_isolated(
    flags: list[str], is_counted: bool, tmp_path: Path
) -> None:
    script = (
        f"import sys; sys.path[:0] = [{str(CHECKOUT)!r}, {str(tmp_path)!r}];"
        "from tasks.code_identity.environment import ImportPlaces;"
        f"print({str(tmp_path)!r} in ImportPlaces.of_this_process().search_path)"
    )
    done = subprocess.run(
        [sys.executable, *flags, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(is_counted)


def test_a_second_look_at_the_real_environment_is_quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "measure_environment", measure_environment)
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    installation = installation_at(CHECKOUT)
    tree = read_tree(CHECKOUT)
    first = identity(installation, tree)
    started = time.process_time()
    second = identity(installation, tree)
    assert second == first
    assert time.process_time() - started < 2  # 0.3 s of a processor; others may be busy, too
    assert first.lock_sha256 == tree.digests["requirements.lock"].sha256
    assert first.tree_sha256 == tree.sha256
