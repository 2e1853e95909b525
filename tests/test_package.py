"""The installable package: what it holds, beside whom it can live, and whose code it runs."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from flows.repositories.making import make_repository
from tasks.formats.archives import archive
from tasks.stages.decide.stage import run as decide
from tasks.stages.workspace import StageRun
from tests.installations import installation_at
from tests.tasks.judged import CASE, attested, judged
from tests.tasks.verifier.test_bundle import files, register, root_key

CHECKOUT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
NAME = f"portcullis-{VERSION}"
OFFLINE = ("--no-build-isolation", "--no-index", "--no-deps")

# Where the suite's own libraries lie: the installed package is given them, and no index is asked.
LIBRARIES = [folder for folder in sys.path if folder.endswith("site-packages")]


def run(*command: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, in an environment that does not say where this checkout lies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    return subprocess.run(
        command, cwd=folder, env=kept | environment, capture_output=True, text=True, check=False
    )


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a source folder, by the backend that is installed here."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", *OFFLINE)
    done = run(*pip, "--wheel-dir", folder, source, folder=folder)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(CHECKOUT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("sdist")
    build = (
        "build",
        "--quiet",
        "--sdist",
        "--no-build-isolation",
        "--offline",
        "--python",
        sys.executable,
    )
    done = run(sys.executable, "-m", "uv", *build, "--out-dir", folder, CHECKOUT, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / f"{NAME}.tar.gz"


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script, beside another project with modules called `tasks` and `flows`."""
    venv = tmp_path_factory.mktemp("elsewhere") / "venv"
    python = venv / "bin" / "python"
    uv = (sys.executable, "-m", "uv")
    for command in (
        (*uv, "venv", "--quiet", "--offline", "--python", sys.executable, venv),
        (*uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", python, wheel),
    ):
        done = run(*command, folder=venv.parent)
        assert done.returncode == 0, done.stderr

    (packages,) = venv.glob("lib/python3*/site-packages")
    (packages / "libraries.pth").write_text("\n".join(LIBRARIES) + "\n")
    for name in ("tasks", "flows"):
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text(f"OWNER = 'somebody else, {name}'\n")
    return venv / "bin" / "portcullis"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder that looks like a checkout, whose launcher says how it was started."""
    folder = tmp_path / "checkout"
    for name in ("dvc.yaml", "flows/__main__.py", "tasks/__main__.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    (folder / "portcullis").write_text(
        "import os, sys\nprint('launched', os.getcwd(), *sys.argv[1:])\nsys.exit(3)\n"
    )
    return folder


# What is in it


def test_the_wheel_owns_one_name_and_no_other_projects(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"portcullis", f"{NAME}.dist-info"}


def test_the_wheel_holds_every_file_of_the_code(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "flows", "tasks"],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code = {name for name in listed.stdout.splitlines() if (CHECKOUT / name).is_file()} - {
        "flows/installed.py"
    }
    archived = zipfile.ZipFile(wheel)
    packed = {
        name.removeprefix("portcullis/code/") for name in archived.namelist() if "/code/" in name
    }
    assert packed == code
    assert (
        archived.read("portcullis/__init__.py")
        == (CHECKOUT / "flows" / "installed.py").read_bytes()
    )
    assert {Path(name).suffix for name in code} > {".yaml", ".jinja"}


def test_the_same_source_makes_the_same_wheel_also_from_the_source_distribution(
    wheel: Path, sdist: Path, tmp_path: Path
) -> None:
    # As a person unpacks it: Debian's Python 3.11 knows no filter for archives yet.
    subprocess.run(["tar", "-xzf", sdist, "--one-top-level=source"], cwd=tmp_path, check=True)
    again = build_wheel(tmp_path / "source" / NAME, tmp_path)
    assert again.read_bytes() == wheel.read_bytes()


def test_the_source_distribution_holds_what_git_holds_and_nothing_that_a_checkout_makes(
    sdist: Path,
) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    with tarfile.open(sdist) as packed:
        names = {name.removeprefix(f"{NAME}/") for name in packed.getnames()}
    assert {name for name in listed.stdout.splitlines() if (CHECKOUT / name).is_file()} <= names
    assert not [
        name
        for name in names
        if name.startswith((".portcullis", ".venv", ".dvc/tmp", ".dvc/cache"))
    ]
    assert [name for name in names if name.startswith("data/")] == ["data/.gitignore"]


def test_the_build_backend_is_the_one_of_the_build_lock() -> None:
    (backend,) = PROJECT["build-system"]["requires"]
    lock = (CHECKOUT / "configs" / "build.lock").read_text()
    assert f"{backend} \\\n    --hash=sha256:" in lock


# Beside others


def test_it_leaves_other_modules_of_these_names_alone(program: Path, tmp_path: Path) -> None:
    python = program.with_name("python")
    done = run(
        python, "-c", "import flows, tasks; print(tasks.OWNER, flows.OWNER)", folder=tmp_path
    )
    assert done.stdout == "somebody else, tasks somebody else, flows\n"


def test_its_own_modules_run_where_others_were_imported_before_it(
    program: Path, tmp_path: Path
) -> None:
    early = program.parents[1] / "early"
    early.mkdir()
    (early / "sitecustomize.py").write_text("import flows, tasks\n")
    done = run(program, "verify", "--help", folder=tmp_path, PYTHONPATH=str(early))
    assert done.returncode == 0, done.stderr
    assert "a bundle that somebody sent" in " ".join(done.stdout.split())


# Without a checkout


def test_it_says_its_version(program: Path, tmp_path: Path) -> None:
    done = run(program, "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"portcullis {VERSION}\n")


def test_the_launcher_says_the_same_version_before_anything_is_installed(tmp_path: Path) -> None:
    for name in ("portcullis", "pyproject.toml"):
        (tmp_path / name).write_bytes((CHECKOUT / name).read_bytes())
    done = run(sys.executable, tmp_path / "portcullis", "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"portcullis {VERSION}\n")
    done = run(sys.executable, "-m", "flows", "--version", folder=CHECKOUT)
    assert (done.returncode, done.stdout) == (0, f"portcullis {VERSION}\n")


def test_its_help_lists_the_commands(program: Path, tmp_path: Path) -> None:
    done = run(program, "--help", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: portcullis ")
    purpose = "take a use case from its sources to a gated, registered model"
    assert purpose in " ".join(done.stdout.split())


def test_it_verifies_a_bundle_anywhere_and_leaves_nothing_there(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_TODAY", raising=False)
    signed = judged(tmp_path / "root")
    decide(StageRun("decide", CASE, installation_at(signed)))
    attested(signed)
    register(signed)
    folder = tmp_path / "auditor"
    folder.mkdir()
    bundle = folder / "bundle.zip"
    bundle.write_bytes(archive(files(signed)))
    key = root_key(signed)

    done = run(
        program,
        "verify",
        "bundle.zip",
        "--root",
        key,
        folder=folder,
        PORTCULLIS_HOME=str(folder / "home"),
    )
    assert done.returncode == 0, done.stderr
    assert "every byte verifies, and the model was cleared for registration" in done.stdout
    assert [path.name for path in folder.iterdir()] == ["bundle.zip"]

    stranger = run(program, "verify", "bundle.zip", "--root", "0" * 64, folder=folder)
    assert stranger.returncode == 6
    assert "root key 0000" in stranger.stderr


@pytest.mark.parametrize(
    "arguments", [("release", "loan"), ("verify", "loan"), ("sync",), ("keys", "list")]
)
def test_a_command_that_needs_a_checkout_says_so_in_one_line(
    arguments: tuple[str, ...], program: Path, tmp_path: Path
) -> None:
    done = run(program, *arguments, folder=tmp_path)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith(f"portcullis: {tmp_path}: expected a checkout of Portcullis, ")
    assert "found none. " in line
    assert not list(tmp_path.iterdir())


def test_it_makes_the_repository_that_a_checkout_makes(program: Path, tmp_path: Path) -> None:
    done = run(program, "init", "by_wheel", "--example", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    make_repository(tmp_path / "by_checkout", VERSION, has_example=True)
    compared = run("diff", "-r", "--exclude=.git", "by_wheel", "by_checkout", folder=tmp_path)
    assert (compared.returncode, compared.stdout) == (0, "")
    assert os.access(tmp_path / "by_wheel" / "portcullis", os.X_OK)


# In a checkout


def test_in_a_checkout_it_becomes_that_checkouts_launcher(program: Path, checkout: Path) -> None:
    done = run(program, "release", "loan", folder=checkout)
    assert (done.returncode, done.stdout) == (3, f"launched {checkout} release loan\n")


@pytest.mark.parametrize(
    "arguments", [("--version",), ("--help",), ("verify", "bundle.zip"), ("keys", "make", "k")]
)
def test_what_is_about_files_alone_runs_nothing_that_lies_in_the_folder(
    arguments: tuple[str, ...], program: Path, checkout: Path
) -> None:
    assert "launched" not in run(program, *arguments, folder=checkout).stdout


@pytest.mark.skipif(os.getuid() != 0, reason="takes root to make another account's folder")
@pytest.mark.parametrize("whose", [".", "portcullis"])
def test_another_accounts_checkout_is_not_run_without_being_asked(
    whose: str, program: Path, checkout: Path
) -> None:
    os.chown(checkout / whose, 54321, 54321)
    done = run(program, "release", "loan", folder=checkout)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected a checkout of your own" in line
