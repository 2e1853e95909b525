"""What an isolated process imports: the package beside `isolated.py`, and installed packages."""

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tasks.code_identity.tree import bytecode_path, compile_source
from tasks.isolated import FLAGS, GARBAGE_THRESHOLDS, IRI_SYNTAX, STAGE

CHECKOUT = Path(__file__).parents[2]
PLANTED = "import os; os.write(2, b'PLANTED'); raise SystemExit(9)\n"
# Stands in for the worker and for a stage's process: it imports what both of them do.
MODULE = "import sys, pathlib, yaml, tasks.code\nprint('ran', tasks.code.NAME, *sys.argv[1:])\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with `isolated.py`, a module for the worker, and one for a stage's process."""
    checkout = tmp_path / "checkout"
    stages = checkout / "tasks" / "stages"
    stages.mkdir(parents=True)
    (checkout / "tasks" / "isolated.py").write_bytes(
        (CHECKOUT / "tasks" / "isolated.py").read_bytes()
    )
    for folder in (checkout / "tasks", stages):
        (folder / "__init__.py").write_text("")
    (checkout / "tasks" / "code.py").write_text("NAME = 'the source'\n")
    (checkout / "tasks" / "__main__.py").write_text(MODULE)
    (stages / "process.py").write_text(MODULE)
    return checkout


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment, whose packages are those of the suite's."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin" / "python"


def run(checkout: Path, python: Path, module: str, **environment: str) -> str:
    """Run a module isolated in a checkout, which notebooks may import from; return its output."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = python.parents[1] / "lib" / version / "site-packages"
    (packages / "portcullis.pth").write_text(f"{checkout}\n")
    (packages / "yaml.py").write_text("")
    # A stage's code is started from the worker's copy, in which nothing else lies.
    code = checkout
    if module == STAGE:
        code = checkout.with_name("snapshot")
        shutil.copytree(checkout / "tasks", code / "tasks")
    program = str(code / "tasks" / "isolated.py")
    done = subprocess.run(
        [str(python), *FLAGS, program, module, "argument"],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PLANTED" not in done.stderr
    return done.stdout + done.stderr


BOTH = pytest.mark.parametrize("module", ["tasks", STAGE])


@BOTH
def test_a_module_runs_with_its_arguments_and_finds_installed_packages(
    checkout: Path, interpreter: Path, module: str
) -> None:
    assert run(checkout, interpreter, module) == "ran the source argument\n"


@BOTH
@pytest.mark.parametrize(
    "name", ["yaml.py", "pathlib.py", "sitecustomize.py", "usercustomize.py", "tasks.py"]
)
def test_a_module_at_the_checkout_s_top_is_not_imported(
    checkout: Path, interpreter: Path, module: str, name: str
) -> None:
    (checkout / name).write_text(PLANTED)
    assert run(checkout, interpreter, module) == "ran the source argument\n"


@BOTH
@pytest.mark.parametrize("name", ["yaml", "sitecustomize"])
def test_a_package_at_the_checkout_s_top_is_not_imported(
    checkout: Path, interpreter: Path, module: str, name: str
) -> None:
    (checkout / name).mkdir()
    (checkout / name / "__init__.py").write_text(PLANTED)
    assert run(checkout, interpreter, module) == "ran the source argument\n"


@BOTH
@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONUSERBASE", "PYTHONHOME"])
def test_folders_that_the_environment_names_are_not_looked_in(
    checkout: Path, interpreter: Path, module: str, variable: str, tmp_path: Path
) -> None:
    for name in ("yaml.py", "sitecustomize.py", "usercustomize.py"):
        (tmp_path / name).write_text(PLANTED)
    environment = {variable: str(tmp_path)}
    assert run(checkout, interpreter, module, **environment) == "ran the source argument\n"


@BOTH
@pytest.mark.parametrize("variable", ["PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONBREAKPOINT"])
def test_programs_that_the_environment_names_are_not_run(
    checkout: Path, interpreter: Path, module: str, variable: str, tmp_path: Path
) -> None:
    program = tmp_path / "startup.py"
    program.write_text(PLANTED)
    environment = {variable: str(program)}
    assert run(checkout, interpreter, module, **environment) == "ran the source argument\n"


@pytest.mark.parametrize("module", ["tasks", STAGE])
@pytest.mark.parametrize(
    ("environment", "policy"), [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active")]
)
def test_threads_that_wait_sleep_unless_somebody_wants_otherwise(
    checkout: Path, interpreter: Path, module: str, environment: dict[str, str], policy: str
) -> None:
    printed = "import gc, os\nNAME = os.environ['OMP_WAIT_POLICY'], gc.get_threshold()\n"
    (checkout / "tasks" / "code.py").write_text(printed)
    shown = run(checkout, interpreter, module, **environment)
    assert shown == f"ran {(policy, GARBAGE_THRESHOLDS)} argument\n"


def forge_bytecode(checkout: Path) -> None:
    """Plant bytecode that any interpreter takes for that of `tasks/code.py`."""
    content = (
        importlib.util.MAGIC_NUMBER
        + compile_source(PLANTED.encode(), checkout / "tasks" / "code.py")[4:]
    )
    path = checkout / bytecode_path("tasks/code.py")
    path.parent.mkdir()
    path.write_bytes(content)


def test_forged_bytecode_is_taken_by_an_ordinary_interpreter(checkout: Path) -> None:
    """What the next test guards against is real."""
    forge_bytecode(checkout)
    done = subprocess.run(
        [sys.executable, "-c", "import tasks.code"],
        cwd=checkout,
        env={"PYTHONSAFEPATH": "", "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "PLANTED" in done.stderr


def test_forged_bytecode_beside_a_source_is_not_taken_by_the_worker(
    checkout: Path, interpreter: Path
) -> None:
    forge_bytecode(checkout)
    assert run(checkout, interpreter, "tasks") == "ran the source argument\n"


def test_the_worker_leaves_no_bytecode(checkout: Path, interpreter: Path) -> None:
    run(checkout, interpreter, "tasks")
    assert list(checkout.rglob("*.pyc")) == []


# Whether the grammar was built is asked before and after an address is checked.
GRAMMAR = """
import sys
from tasks.isolated import defer_iri_grammar
defer_iri_grammar()
from jsonschema import FormatChecker
print("lark" in sys.modules)
for address in ("https://é.example/a", "no address"):
    print(FormatChecker().conforms(address, "iri"))
print("lark" in sys.modules)
"""


def test_the_grammar_of_addresses_is_built_when_one_is_checked() -> None:
    command = [sys.executable, "-X", "utf8", "-c", GRAMMAR]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True", "False", "True"]


@BOTH
def test_worker_and_stage_do_not_build_it_when_they_import(
    checkout: Path, interpreter: Path, module: str
) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = interpreter.parents[1] / "lib" / version / "site-packages" / IRI_SYNTAX
    package.mkdir(exist_ok=True)
    (package / "__init__.py").write_text(PLANTED)
    for file in ("__main__.py", "stages/process.py"):
        (checkout / "tasks" / file).write_text(f"import {IRI_SYNTAX} as grammar; print('kept')")
    assert run(checkout, interpreter, module) == "kept\n"
