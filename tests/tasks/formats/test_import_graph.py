"""The files that importing a module reaches, on a tree of a few lines."""

from pathlib import Path

import pytest

from tasks.formats.import_graph import reached_files

TREE = {
    "tasks/__init__.py": "",
    "tasks/start.py": "import os\nfrom tasks.room import part\nfrom tasks.errors import Error\n",
    "tasks/errors.py": "class Error(Exception): ...\n",
    "tasks/room/__init__.py": "from tasks.room.shown import Shown\n",
    "tasks/room/part.py": "import tasks.start\n",
    "tasks/room/shown.py": "Shown = 1\n",
    "tasks/lonely.py": "",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def reached(workspace: Path, text: str, *, is_lazy_included: bool = False) -> set[str]:
    """Return what a start module of this text reaches, itself and its package left out."""
    (workspace / "tasks" / "start.py").write_text(text)
    files = reached_files(workspace, "tasks.start", is_lazy_included=is_lazy_included)
    return set(files) - {"tasks/__init__.py", "tasks/start.py"}


def test_everything_that_is_reached_is_listed_once_sorted_and_nothing_else(
    workspace: Path,
) -> None:
    files = reached_files(workspace, "tasks.start", is_lazy_included=False)
    assert list(files) == sorted(set(TREE) - {"tasks/lonely.py"})


def test_two_modules_may_import_each_other(workspace: Path) -> None:
    (workspace / "tasks" / "errors.py").write_text("import tasks.start\n")
    assert "tasks/errors.py" in reached_files(workspace, "tasks.start", is_lazy_included=False)


def test_a_name_taken_from_a_package_may_be_a_module_of_it(workspace: Path) -> None:
    assert "tasks/room/part.py" in reached(workspace, "from tasks.room import part\n")


def test_a_package_is_reached_with_every_module_in_it(workspace: Path) -> None:
    files = reached(workspace, "import tasks.room.part\n")
    assert {"tasks/room/__init__.py", "tasks/room/shown.py"} <= files


@pytest.mark.parametrize(
    "text",
    [
        "def lazy():\n    import tasks.errors\n",
        "async def lazy():\n    import tasks.errors\n",
        "class Lazy:\n    def lazy(self):\n        import tasks.errors\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tasks.errors\n",
    ],
)
def test_a_lazy_import_counts_only_where_that_is_asked_for(workspace: Path, text: str) -> None:
    assert reached(workspace, text) == set()
    assert reached(workspace, text, is_lazy_included=True) == {"tasks/errors.py"}


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import tasks.errors\nexcept ImportError:\n    pass\n",
        "if True:\n    import tasks.errors\n",
        "class Eager:\n    import tasks.errors\n",
    ],
)
def test_an_import_in_a_block_that_runs_counts(workspace: Path, text: str) -> None:
    assert reached(workspace, text) == {"tasks/errors.py"}


def test_modules_of_others_and_ones_that_are_absent_are_left_out(workspace: Path) -> None:
    assert reached(workspace, "import json, tasks.absent\nfrom pandas import DataFrame\n") == set()


def test_a_module_that_changed_is_read_anew(workspace: Path) -> None:
    assert reached(workspace, "import tasks.lonely") == {"tasks/lonely.py"}
    assert reached(workspace, "import tasks.errors") == {"tasks/errors.py"}
    (workspace / "tasks" / "errors.py").write_text("import tasks.lonely")
    assert reached(workspace, "import tasks.errors") == {"tasks/errors.py", "tasks/lonely.py"}
