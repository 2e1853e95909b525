"""What a run sees, that nobody exchanges it unnoticed, and when its outputs appear."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.attestation.artefacts import Declared
from tasks.config.case_paths import refuse_links
from tasks.errors import EvidenceError
from tasks.worker.run_folder import LOCK, PREFIX, open_run_folder
from tests.tasks.worker.conftest import CASE

ROWS = f"data/{CASE}/redact/rows.parquet"
MODEL = f"data/{CASE}/train/model"
SCORER = f"{MODEL}/scorer.json"


def runs_in(workspace: Path) -> list[Path]:
    return sorted((workspace / "data").glob(f"{PREFIX}*"))


# What a run sees.


def test_a_run_sees_its_declared_inputs_and_the_snapshot(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        assert (run.path / ROWS).read_text() == "redact/rows.parquet"
        assert (run.path / SCORER).read_text() == "train/model/scorer.json"
        assert (run.path / "configs" / "case.yaml").read_text() == "strict"


def test_what_a_stage_does_not_declare_is_not_there(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        data = run.path / "data"
        assert {path.name for path in (data / CASE).iterdir()} == {"redact", "train", "explain"}
        assert [path.name for path in (data / CASE / "train").iterdir()] == ["model"]
        assert not (run.path / "sources").exists()


def test_a_stage_that_reads_sources_finds_them_by_relative_paths(
    workspace: Path, snapshot: Path
) -> None:
    (workspace / "data" / "deliveries").mkdir()
    (workspace / "data" / "deliveries" / "b.csv").write_text("b\n")
    (workspace / "data" / CASE / "raw.csv").write_text("c\n")
    (workspace / ".git").mkdir()
    admit = Declared("admit", CASE, (), (), {})
    with open_run_folder(admit, workspace, snapshot) as run:
        assert (run.path / "sources" / "a.csv").read_text() == "a\n"
        assert (run.path / "data" / "deliveries" / "b.csv").read_text() == "b\n"
        assert (run.path / "data" / CASE / "raw.csv").read_text() == "c\n"
        assert not (run.path / ".git").exists()
        assert not (run.path / "data" / CASE / "train").exists()


# That nobody exchanges it unnoticed.


def write_in_place(workspace: Path) -> None:
    """Write other bytes of the same length, and set the time of modification back."""
    path = workspace / ROWS
    before = path.stat()
    path.write_text("redact/rows.PARQUET")
    path.write_text("redact/rows.parquet")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def write_into_a_folder(workspace: Path) -> None:
    path = workspace / SCORER
    path.write_text(path.read_text())


def exchange_file(workspace: Path) -> None:
    path = workspace / ROWS
    path.rename(path.with_name("aside"))
    path.write_text("lax")
    path.with_name("aside").rename(path)


def exchange_folder_of_file(workspace: Path) -> None:
    folder = (workspace / ROWS).parent
    folder.rename(folder.with_name("aside"))
    folder.mkdir()
    (folder / "rows.parquet").write_text("lax")
    shutil.rmtree(folder)
    folder.with_name("aside").rename(folder)


def exchange_input_folder(workspace: Path) -> None:
    folder = workspace / MODEL
    folder.rename(folder.with_name("aside"))
    folder.with_name("aside").rename(folder)


def exchange_case(workspace: Path) -> None:
    folder = workspace / "data" / CASE
    folder.rename(folder.with_name("aside"))
    folder.with_name("aside").rename(folder)


def exchange_link_of_the_run(workspace: Path) -> None:
    """Point the stage at another file, and back."""
    (run,) = runs_in(workspace)
    link = run / ROWS
    target = link.readlink()
    link.unlink()
    link.symlink_to("/etc/hostname")
    link.unlink()
    link.symlink_to(target)


def exchange_configuration_of_the_run(workspace: Path) -> None:
    (run,) = runs_in(workspace)
    folder = run / "configs"
    folder.rename(run / "aside")
    folder.symlink_to(workspace)
    folder.unlink()
    (run / "aside").rename(folder)


def write_configuration_of_the_run(workspace: Path) -> None:
    (run,) = runs_in(workspace)
    path = run / "configs" / "case.yaml"
    path.write_text("lax")
    path.write_text("strict")


def remove_configuration_of_the_run(workspace: Path) -> None:
    (runs_in(workspace)[0] / "configs" / "case.yaml").unlink()


def put_a_folder_into_configuration_of_the_run(workspace: Path) -> None:
    remove_configuration_of_the_run(workspace)
    (runs_in(workspace)[0] / "configs" / "case.yaml").mkdir()


def put_a_file_in_the_place_of_an_input_s_folder(workspace: Path) -> None:
    (workspace / MODEL).parent.rename(workspace / "aside")
    (workspace / MODEL).parent.write_text("a file")


def move_run_folder(workspace: Path) -> None:
    """Put the run folder beside other data for a moment."""
    (run,) = runs_in(workspace)
    elsewhere = workspace / "lax"
    elsewhere.mkdir()
    run.rename(elsewhere / run.name)
    (elsewhere / run.name).rename(run)


def remove_file(workspace: Path) -> None:
    (workspace / ROWS).unlink()


def add_to_a_folder(workspace: Path) -> None:
    (workspace / MODEL / "more.json").write_text("{}")


@pytest.mark.parametrize(
    "attack",
    [
        write_in_place,
        write_into_a_folder,
        exchange_file,
        exchange_folder_of_file,
        exchange_input_folder,
        exchange_case,
        exchange_link_of_the_run,
        exchange_configuration_of_the_run,
        write_configuration_of_the_run,
        remove_configuration_of_the_run,
        put_a_folder_into_configuration_of_the_run,
        put_a_file_in_the_place_of_an_input_s_folder,
        move_run_folder,
        remove_file,
        add_to_a_folder,
    ],
)
def test_an_exchange_is_refused_although_everything_is_back_as_it_was(
    workspace: Path, snapshot: Path, explain: Declared, attack: Callable[[Path], None]
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        before = run.marks()
        attack(workspace)
        with pytest.raises(EvidenceError, match="to stay as it was while the stage ran"):
            run.require_unchanged(before)


@pytest.mark.parametrize("name", ["case.yaml", "more.yaml"])
def test_configuration_that_is_no_copy_when_the_stage_begins_is_refused(
    workspace: Path, snapshot: Path, explain: Declared, name: str
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        (run.path / "configs" / name).write_text("lax")
        with pytest.raises(EvidenceError, match="configs"):
            run.marks()


def test_configuration_is_not_reached_through_a_link(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        refuse_links(Path("configs", "case.yaml"), run.path)


def test_configuration_that_is_exchanged_in_the_snapshot_is_refused(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        before = run.marks()
        path = snapshot / "configs" / "case.yaml"
        path.write_text("lax")
        path.write_text("strict")
        with pytest.raises(EvidenceError, match="snapshot of code and configuration/configs/case"):
            run.require_unchanged(before)


def test_another_data_folder_in_the_place_of_data_is_not_read(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        before = run.marks()
        (workspace / "data").rename(workspace / "aside")
        (workspace / ROWS).parent.mkdir(parents=True)
        (workspace / ROWS).write_text("lax")
        assert (run.path / ROWS).read_text() == "redact/rows.parquet"
        run.require_unchanged(before)


def test_two_runs_beside_each_other_that_read_the_same_do_not_disturb_each_other(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    fairness = replace(explain, stage="fairness", outputs=(f"data/{CASE}/fairness/verdict.json",))
    with open_run_folder(explain, workspace, snapshot) as first:
        before = first.marks()
        with open_run_folder(fairness, workspace, snapshot) as second:
            (second.path / fairness.outputs[0]).write_text("{}")
            second.require_unchanged(second.marks())
            second.take_outputs()
        first.require_unchanged(before)


def test_what_the_stage_itself_writes_is_no_exchange(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot) as run:
        before = run.marks()
        (run.path / "data" / CASE / "explain" / "verdict.json").write_text("{}")
        run.require_unchanged(before)


# When outputs appear.


def test_outputs_appear_when_they_are_taken_and_not_before(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    place = workspace / "data" / CASE / "explain"
    (place / "page").mkdir(parents=True)
    (place / "page" / "old.html").write_text("old")
    with open_run_folder(explain, workspace, snapshot) as run:
        own = run.path / "data" / CASE / "explain"
        (own / "page").mkdir()
        (own / "page" / "new.html").write_text("new")
        (own / "verdict.json").write_text("{}")
        (own / "scratch").write_text("not declared")
        assert sorted(path.name for path in place.iterdir()) == ["page"]
        run.take_outputs()
    assert sorted(path.name for path in place.rglob("*")) == ["new.html", "page", "verdict.json"]
    assert runs_in(workspace) == []


def test_a_run_that_did_not_end_well_leaves_nothing(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with contextlib.suppress(ValueError), open_run_folder(explain, workspace, snapshot) as run:
        (run.path / "data" / CASE / "explain" / "verdict.json").write_text("{}")
        raise ValueError("broken")
    assert runs_in(workspace) == []
    assert list((workspace / "data" / CASE / "explain").iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tasks.attestation.artefacts import Declared
from tasks.worker.run_folder import open_run_folder
declared = Declared("explain", "tiny", (), (), {})
with open_run_folder(declared, Path(sys.argv[1]), Path(sys.argv[2])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_folder_of_a_killed_run_is_removed_and_that_of_a_living_one_is_not(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    with open_run_folder(explain, workspace, snapshot):
        (living,) = runs_in(workspace)
        command = [sys.executable, "-c", KILLED, str(workspace), str(snapshot)]
        subprocess.run(command, check=False)
        assert len(runs_in(workspace)) == 2
        with open_run_folder(explain, workspace, snapshot):
            both = runs_in(workspace)
            assert living in both
            assert len(both) == 2


def test_a_folder_that_was_killed_before_it_had_a_lock_is_removed(
    workspace: Path, snapshot: Path, explain: Declared
) -> None:
    orphan = workspace / "data" / f"{PREFIX}orphan"
    orphan.mkdir()
    with open_run_folder(explain, workspace, snapshot):
        assert not orphan.exists()


def test_a_link_in_the_place_of_an_orphan_leads_nowhere(
    workspace: Path, snapshot: Path, explain: Declared, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / LOCK).write_text("")
    (workspace / "data" / f"{PREFIX}link").symlink_to(precious)
    with open_run_folder(explain, workspace, snapshot):
        assert (precious / LOCK).is_file()
