"""Code and configuration, read once: digests as on disk, hostile files refused, written out."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from tasks.attestation.artefacts import artefact
from tasks.code_identity import tree as tree_module
from tasks.code_identity.tree import CODE, Tree, bytecode_path, read_tree
from tasks.errors import EvidenceError
from tasks.formats.digests import sha256_of

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A module, a program, a folder of configuration, and what is no code."""
    place = tmp_path / "checkout"
    for name, text in {
        "tasks/model.py": "VALUE = 1\n",
        "tasks/a/inner.py": "",
        "tasks/a.b.py": "",
        "configs/limits.yaml": "first\n",
        "portcullis": "#!/bin/sh\n",
        "data/rows.parquet": "rows",
        "README.md": "text",
    }.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    (place / "portcullis").chmod(0o755)
    return place


def imported_from(folder: Path, statement: str) -> str:
    """Run a statement by this interpreter where only `folder` can be imported."""
    script = f"import sys; sys.path.insert(0, {str(folder)!r}); {statement}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_code_and_configuration_are_read_and_nothing_else(workspace: Path) -> None:
    tree = read_tree(workspace)
    assert set(tree.files) == {
        "tasks/model.py",
        "tasks/a/inner.py",
        "tasks/a.b.py",
        "configs/limits.yaml",
        "portcullis",
    }
    assert tree.executable == {"portcullis"}


def test_its_digest_is_that_of_a_folder_which_holds_just_this(workspace: Path) -> None:
    tree = read_tree(workspace)
    (workspace / "README.md").unlink()
    (workspace / "data/rows.parquet").unlink()
    assert tree.sha256 == sha256_of(workspace)


@pytest.mark.parametrize(
    "name",
    [name for name in CODE if (CHECKOUT / name).exists()]
    + ["tasks/stages", "configs/policy", "configs/loan", "tasks/errors.py", "flows/cli"],
)
def test_an_artefact_of_the_checkout_is_what_is_digested_on_disk(name: str) -> None:
    assert read_tree(CHECKOUT).artefact(name) == artefact(CHECKOUT, name)


def test_a_name_that_only_begins_like_a_folder_is_not_in_it(workspace: Path) -> None:
    before = read_tree(workspace).artefact("tasks/a")
    (workspace / "tasks/a.b.py").write_text("other")
    assert read_tree(workspace).artefact("tasks/a") == before


@pytest.mark.parametrize("name", ["tasks/gone.py", "tas", "data", "tasks/model.py/x", ""])
def test_what_is_not_there_is_no_artefact(workspace: Path, name: str) -> None:
    tree = read_tree(workspace)
    assert not tree.has(name)
    with pytest.raises(EvidenceError, match="found nothing"):
        tree.artefact(name)


def test_bytecode_beside_the_sources_counts_for_nothing(workspace: Path) -> None:
    before = read_tree(workspace)
    (workspace / "tasks/__pycache__").mkdir()
    (workspace / "tasks/__pycache__/model.cpython-311.pyc").write_text("stale")
    (workspace / "tasks/planted.pyc").write_text("a module without a source")
    assert read_tree(workspace) == before


@pytest.mark.parametrize("name", ["tasks/link.py", "configs/link", "tasks"])
def test_a_symbolic_link_is_refused_by_its_name(workspace: Path, name: str) -> None:
    if (workspace / name).exists():
        (workspace / name).rename(workspace / "moved")
    (workspace / name).symlink_to(workspace / "README.md")
    with pytest.raises(EvidenceError, match=rf"^{name}: .*found a symbolic link"):
        read_tree(workspace)


def test_a_link_in_place_of_a_folder_on_the_way_is_refused(workspace: Path) -> None:
    (workspace / "elsewhere").mkdir()
    (workspace / "elsewhere/requirements.lock").write_text("x")
    (workspace / "tests").symlink_to(workspace / "elsewhere")
    with pytest.raises(EvidenceError, match=r"^tests: "):
        read_tree(workspace)


def test_a_pipe_is_refused_and_not_waited_for(workspace: Path) -> None:
    os.mkfifo(workspace / "tasks/pipe.py")
    with pytest.raises(EvidenceError, match=r"^tasks/pipe\.py: expected a regular file"):
        read_tree(workspace)


@pytest.mark.parametrize(
    "name",
    [b"b\xff.py", b"a\nb.py", b"a\x1b[2J.py", "\u202egnp.py".encode(), b"a\\b.py", b"\x7f"],
)
def test_a_name_that_could_be_read_as_another_is_refused(workspace: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(workspace) + b"/tasks/" + name)).write_text("x")
    with pytest.raises(EvidenceError, match="a name in UTF-8") as error:
        read_tree(workspace)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["größe.py", "a b.py", "表.yaml", "-x", "'$(id)'"])
def test_a_name_of_other_letters_is_kept(workspace: Path, name: str) -> None:
    (workspace / "configs" / name).write_text("x")
    assert f"configs/{name}" in read_tree(workspace).files


def test_a_data_set_among_the_code_is_refused(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_module, "MOST_FILE_BYTES", 100)
    (workspace / "configs/rows.csv").write_bytes(bytes(101))
    with pytest.raises(EvidenceError, match=r"configs/rows\.csv"):
        read_tree(workspace)


def test_no_file_is_read_by_the_size_of_the_largest_that_may_be(workspace: Path) -> None:
    """A buffer of 64 MiB for each file would take longer than to read all of them."""
    tracemalloc.start()
    try:
        read_tree(workspace)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def test_a_file_that_grows_while_it_is_read_is_read_to_its_end(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * 64
    (workspace / "configs/large").write_bytes(content)
    read = os.read
    monkeypatch.setattr("os.read", lambda descriptor, size: read(descriptor, min(size, 1000)))
    assert read_tree(workspace).files["configs/large"] == content


def test_bytecode_is_believed_and_not_read_but_no_link_stands_for_it(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = read_tree(workspace)
    tree.write(tmp_path / "out")
    asked: list[int] = []
    read = os.read

    def count(descriptor: int, size: int) -> bytes:
        asked.append(size)
        return read(descriptor, size)

    monkeypatch.setattr("os.read", count)
    tree.write(tmp_path / "out")
    # Once for the bytes of a source, and once for its end.
    assert len(asked) == sum(2 if content else 1 for content in tree.files.values())

    loosen(tmp_path / "out")
    bytecode = tmp_path / "out" / bytecode_path("tasks/model.py")
    bytecode.unlink()
    bytecode.symlink_to(tmp_path / "checkout/tasks/model.py")
    with pytest.raises(EvidenceError, match="symbolic link"):
        tree.write(tmp_path / "out")


def test_what_is_written_out_is_read_back_the_same(workspace: Path, tmp_path: Path) -> None:
    tree = read_tree(workspace)
    tree.write(tmp_path / "out")
    assert read_tree(tmp_path / "out") == tree


def test_nothing_that_is_written_out_can_be_written_to(workspace: Path, tmp_path: Path) -> None:
    read_tree(workspace).write(tmp_path / "out")
    modes = {
        path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777
        for path in (tmp_path / "out", *(tmp_path / "out").rglob("*"))
    }
    folders = {name for name in modes if (tmp_path / name).is_dir()}
    assert {modes[name] for name in folders} == {0o555}
    assert {modes[name] for name in modes.keys() - folders} == {0o444, 0o555}
    assert modes["out/portcullis"] == 0o555


def test_bytecode_is_made_from_what_was_read_whatever_lies_there(
    workspace: Path, tmp_path: Path
) -> None:
    """The interpreter takes it although time and size of the source say nothing to it."""
    (workspace / "tasks/__init__.py").write_text("")
    read_tree(workspace).write(tmp_path / "out")
    statement = "import tasks.model as m; print(m.VALUE, m.__cached__, m.__file__)"
    value, cached, file = imported_from(tmp_path / "out", statement).split()
    assert value == "1"
    assert file == str(tmp_path / "out/tasks/model.py")
    assert Path(cached).is_file()
    assert Path(cached).read_bytes()[4] == 0b01  # PEP 552: a hash that is not checked


def test_a_source_that_does_not_compile_is_written_without_bytecode(
    workspace: Path, tmp_path: Path
) -> None:
    (workspace / "tasks/broken.py").write_text("def (:\n")
    read_tree(workspace).write(tmp_path / "out")
    assert not list((tmp_path / "out").rglob("broken.*.pyc"))


def test_to_write_the_same_again_changes_nothing(workspace: Path, tmp_path: Path) -> None:
    read_tree(workspace).write(tmp_path / "out")
    before = (tmp_path / "out").stat().st_ino
    read_tree(workspace).write(tmp_path / "out")
    assert (tmp_path / "out").stat().st_ino == before
    assert {path.name for path in tmp_path.iterdir()} == {"checkout", "out"}


def loosen(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)


@pytest.mark.parametrize("name", ["tasks/model.py", "tasks/planted.py", "tasks/planted.pyc"])
def test_another_folder_in_its_place_is_refused(workspace: Path, tmp_path: Path, name: str) -> None:
    tree = read_tree(workspace)
    tree.write(tmp_path / "out")
    loosen(tmp_path / "out")
    (tmp_path / "out" / name).write_text("planted")
    with pytest.raises(EvidenceError, match="found other files"):
        tree.write(tmp_path / "out")


def test_a_link_in_its_place_is_refused(workspace: Path, tmp_path: Path) -> None:
    tree = read_tree(workspace)
    tree.write(tmp_path / "elsewhere")
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EvidenceError, match="found other files"):
        tree.write(tmp_path / "out")


def test_a_write_that_fails_leaves_nothing(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(content: bytes, path: Path) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tree_module, "compile_source", fail)
    with pytest.raises(OSError, match="No space left"):
        read_tree(workspace).write(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"checkout"}


def test_the_same_files_in_another_order_are_the_same_tree() -> None:
    files = {"tasks/a.py": b"a", "tasks/b.py": b"b"}
    assert Tree(files).sha256 == Tree(dict(files)).sha256
    assert Tree(files).sha256 != Tree(files | {"tasks/b.py": b"c"}).sha256
