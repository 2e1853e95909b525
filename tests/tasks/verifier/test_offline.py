"""The offline verifier needs the standard library and `cryptography`, and imports nothing else."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from flows.cli.proof.bundle import write_verifier
from tasks.formats.import_graph import reached_files
from tests.tasks.judged import CHECKOUT
from tests.tasks.verifier.offline import make_library, run_offline

PACKAGES = {
    "tasks",
    "tasks/attestation",
    "tasks/attestation/predicates",
    "tasks/attestation/predicates/serving",
    "tasks/gates",
    "tasks/ledger",
    "tasks/formats",
    "tasks/verifier",
    "tasks/verifier/attempts",
    "tasks/verifier/in_force",
    "tasks/verifier/served",
}


def module_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


OWN_MODULES = sorted(
    module_of(path.relative_to(CHECKOUT).as_posix())
    for path in (CHECKOUT / "tasks" / "verifier").rglob("*.py")
)
PACKED_MODULES = sorted(
    module_of(path)
    for path in reached_files(CHECKOUT, "tasks.verifier.__main__", is_lazy_included=False)
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("offline"))


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zipapp") / "portcullis-verify.pyz"
    write_verifier(path, CHECKOUT)
    return path


def import_alone(library: Path, module: str, code: Path) -> subprocess.CompletedProcess[str]:
    return run_offline(library, "-c", f"import {module}", code_path=code)


@pytest.mark.parametrize("module", sorted({*OWN_MODULES, *PACKED_MODULES}))
def test_each_module_imports_alone(library: Path, module: str) -> None:
    done = import_alone(library, module, CHECKOUT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", ["yaml", "pydantic", "psycopg", "pandas"])
def test_the_interpreter_has_nothing_of_ours(library: Path, package: str) -> None:
    done = import_alone(library, package, CHECKOUT)
    assert "ModuleNotFoundError" in done.stderr


def test_everything_in_the_zipapp_imports_from_the_zipapp_alone(
    library: Path, verifier: Path
) -> None:
    with zipfile.ZipFile(verifier) as packed:
        modules = [
            module_of(name)
            for name in packed.namelist()
            if name.endswith(".py") and name != "__main__.py"
        ]
    assert sorted(modules) == PACKED_MODULES
    done = import_alone(library, ", ".join(modules), verifier)
    assert done.returncode == 0, done.stderr


def test_the_zipapp_holds_the_rooms_that_it_needs(verifier: Path) -> None:
    with zipfile.ZipFile(verifier) as packed:
        folders = {name.rpartition("/")[0] for name in packed.namelist()}
    assert folders == {"", *PACKAGES}


def test_every_module_of_the_room_is_in_the_zipapp() -> None:
    assert set(OWN_MODULES) <= set(PACKED_MODULES)


def test_without_a_bundle_it_says_how_it_is_called(library: Path, verifier: Path) -> None:
    done = run_offline(library, str(verifier))
    assert done.returncode == 2
    assert "usage: portcullis-verify" in done.stderr
