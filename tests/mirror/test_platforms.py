"""README, launcher, project file and locks agree with the one table of supported platforms.

Whether the locks can be installed on all of them is asked of the package index, by
`.ci/platforms.py`.
"""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CLAIMED: dict[str, Any] = json.loads((ROOT / "configs" / "platforms.json").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    path: (ROOT / path).read_text()
    for path in (
        "requirements.lock",
        "tests/requirements.lock",
        "configs/build.lock",
        "configs/installer.lock",
        "configs/models.lock",
    )
}
HERE: dict[str, Any] = {
    "system": "Linux",
    "machine": "x86_64",
    "glibc": "2.36",
    "implementation": "CPython",
    "python": "3.11",
    "missing": [],
}
GLIBC = {"libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1"}
# Of numba's three pools of threads it takes one that loads.
OPTIONAL = {"libtbb.so.12", "libgomp.so.1.0.0"}


def loaded(name: str, path: Path) -> ModuleType:
    """Import a program whose name is no module's."""
    loader = SourceFileLoader(name, str(path))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def launcher() -> ModuleType:
    return loaded("portcullis_launcher", ROOT / "portcullis")


@pytest.fixture(scope="module")
def check() -> ModuleType:
    return loaded("portcullis_platforms", ROOT / ".ci" / "platforms.py")


# One table


def test_the_readme_claims_what_the_table_claims() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    machines = " or ".join(CLAIMED["machines"])
    assert f"{CLAIMED['system']} with glibc {CLAIMED['glibc']} or newer on {machines}" in readme
    assert (
        f"{CLAIMED['implementation']} {CLAIMED['pythons'][0]} to {CLAIMED['pythons'][-1]}" in readme
    )


@pytest.mark.parametrize("library", CLAIMED["libraries"])
def test_the_documentation_names_every_library_and_its_package(library: str) -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    assert f"`{library}`" in page
    assert CLAIMED["libraries"][library] in page


def test_the_project_file_asks_for_the_claimed_pythons() -> None:
    minors = [int(python.removeprefix("3.")) for python in CLAIMED["pythons"]]
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert PROJECT["project"]["requires-python"] == f">=3.{minors[0]},<3.{minors[-1] + 1}"
    assert PROJECT["tool"]["ruff"]["target-version"] == f"py3{minors[0]}"
    assert PROJECT["tool"]["mypy"]["python_version"] == f"3.{minors[0]}"


# The launcher


@pytest.mark.parametrize("python", CLAIMED["pythons"])
@pytest.mark.parametrize("machine", CLAIMED["machines"])
@pytest.mark.parametrize("glibc", ["2.34", "2.36", "2.100", "3.0"])
def test_the_launcher_takes_what_is_claimed(
    launcher: ModuleType, python: str, machine: str, glibc: str
) -> None:
    launcher.check_platform(CLAIMED, {**HERE, "python": python, "machine": machine, "glibc": glibc})


def test_the_launcher_takes_this_machine(launcher: ModuleType) -> None:
    launcher.check_platform(CLAIMED, launcher.this_platform(CLAIMED["libraries"]))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "macOS": (
        {"system": "Darwin", "machine": "arm64", "glibc": ""},
        "found Darwin with no glibc on arm64",
    ),
    "Windows": (
        {"system": "Windows", "machine": "AMD64", "glibc": ""},
        "found Windows with no glibc on AMD64",
    ),
    "musl": ({"glibc": ""}, "found Linux with no glibc on x86_64"),
    "RHEL 8": ({"glibc": "2.28"}, "found Linux with glibc 2.28 on x86_64"),
    "just too old": ({"glibc": "2.33"}, "found Linux with glibc 2.33 on x86_64"),
    "short number": ({"glibc": "2.4"}, "found Linux with glibc 2.4 on x86_64"),
    "another machine": ({"machine": "riscv64"}, "found Linux with glibc 2.36 on riscv64"),
    "32 bits": ({"machine": "aarch64 with a 32-bit Python"}, "on aarch64 with a 32-bit Python"),
    "old Python": ({"python": "3.10"}, "found CPython 3.10"),
    "very old Python": ({"python": "3.1"}, "found CPython 3.1"),
    "new Python": ({"python": "3.15"}, "found CPython 3.15"),
    "another Python": ({"implementation": "PyPy"}, "found PyPy 3.11"),
    "no global lock": (
        {"implementation": "free-threaded CPython"},
        "found free-threaded CPython 3.11",
    ),
    "no libraries": (
        {"missing": ["libatomic.so.1", "libgomp.so.1"]},
        "found no libatomic.so.1, no libgomp.so.1. "
        "Install what holds them; on Debian and Ubuntu: apt install libatomic1 libgomp1.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_launcher_refuses_all_else_in_one_line_before_it_installs(
    case: str,
    launcher: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here, found = REFUSED[case]
    monkeypatch.setattr(launcher, "this_platform", lambda _: {**HERE, **here})
    monkeypatch.setattr(launcher, "install", lambda *_: pytest.fail("it went on to install"))
    with pytest.raises(SystemExit) as stopped:
        launcher.main()
    assert stopped.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("portcullis: ")
    assert "expected" in line
    assert found in line


def test_the_machine_is_told_before_its_python(
    launcher: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        launcher.check_platform(
            CLAIMED, {**HERE, "system": "Darwin", "python": "3.9", "missing": ["libgomp.so.1"]}
        )
    assert "expected Linux with glibc" in capsys.readouterr().err


def test_an_old_python_of_another_system_can_read_the_launcher() -> None:
    """Its syntax is that of 3.8, it evaluates no annotation, and it imports POSIX modules late."""
    tree = ast.parse((ROOT / "portcullis").read_text(), feature_version=(3, 8))
    nodes = list(ast.walk(tree))
    assert not [node for node in nodes if isinstance(node, ast.AnnAssign)]
    assert not [node for node in nodes if isinstance(node, ast.arg) and node.annotation]
    assert not [node for node in nodes if isinstance(node, ast.FunctionDef) and node.returns]

    imported = {
        alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names
    assert not imported & {"fcntl", "pwd", "grp", "resource", "termios", "tomllib"}


# The locks


@pytest.mark.parametrize("path", LOCKS)
def test_a_lock_allows_wheels_alone_and_has_a_hash_for_each(path: str) -> None:
    lock = LOCKS[path]
    assert "--only-binary :all:" in lock.splitlines()
    pinned = re.findall(r"(?m)^[a-z0-9](?:.*\\\n)*.*", lock)
    assert pinned
    assert [
        line
        for line in pinned
        if not re.match(r"[a-z0-9.-]+==", line) or "--hash=sha256:" not in line
    ] == []


def test_what_exists_as_source_alone_is_pinned_and_built_by_the_build_lock(
    launcher: ModuleType,
) -> None:
    built = {
        name for lock in LOCKS.values() for name in re.findall(r"(?m)^--no-binary (\S+)", lock)
    }
    pinned = {
        name
        for path in ("requirements.lock", "tests/requirements.lock")
        for name in names_of(LOCKS[path])
    }
    assert built <= pinned
    assert "setuptools" in names_of(LOCKS["configs/build.lock"])
    assert ROOT / "configs" / "build.lock" == launcher.BUILD


def test_the_launcher_builds_by_the_build_lock_and_installs_again_when_it_changes(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []

    def record(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(launcher, "VENV", tmp_path)
    monkeypatch.setattr(launcher.subprocess, "run", record)
    launcher.fill_venv("test", {})
    uv = next(command for command in commands if command[0].endswith("/uv"))
    assert uv[uv.index("--build-constraints") + 1] == str(ROOT / "configs" / "build.lock")
    assert "--require-hashes" in uv

    before = launcher.stamp_text("run")
    other = tmp_path / "build.lock"
    other.write_text("another")
    monkeypatch.setattr(launcher, "BUILD", other)
    assert launcher.stamp_text("run") != before


def names_of(lock: str) -> set[str]:
    """Return the packages that a lock pins."""
    return set(re.findall(r"(?m)^([a-z0-9.-]+)==", lock))


def test_the_installed_wheels_need_no_other_library_of_the_system() -> None:
    """A minimal container lacks some.

    The launcher looks for those of the table before it installs.
    """
    packages = Path(sys.prefix).resolve() / "lib"
    files = [str(path) for path in packages.rglob("*.so*") if path.is_file()]
    listed = subprocess.run(["ldd", *files], capture_output=True, text=True, check=False).stdout
    needed = {
        name
        for name, place in re.findall(r"(?m)^\s+(\S+) => (.+?)(?: \(0x[0-9a-f]+\))?$", listed)
        if not place.startswith(str(packages))
    }
    shipped = {
        Path(file).name for file in files
    }  # ldd does not look beside a library; the library beside it does
    assert len(files) > 100
    assert needed - shipped - GLIBC - OPTIONAL == set(CLAIMED["libraries"])


# The check against the index


def test_every_claimed_machine_is_checked_with_every_python_on_the_oldest_glibc(
    check: ModuleType,
) -> None:
    combinations = check.claimed_combinations(CLAIMED)
    assert {(combination.platform, combination.python) for combination in combinations} == {
        (f"{machine}-manylinux_2_34", python)
        for machine in CLAIMED["machines"]
        for python in CLAIMED["pythons"]
    }


LOCK = (
    "first==1 \\\n    --hash=sha256:"
    + "a" * 64
    + "\n    # via x\nsecond==2 \\\n    --hash=sha256:"
    + "b" * 64
    + "\n"
)


def wheel(name: str, digest: str) -> dict[str, Any]:
    return {
        "name": name,
        "wheels": [{"url": f"{name}-1-py3-none-any.whl", "hashes": {"sha256": digest * 64}}],
    }


def test_a_file_that_the_lock_does_not_know_counts_as_missing(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a wheel that was uploaded later, or a package that the lock should have listed.

    A dry run would take it.
    """
    offered = [wheel("first", "a"), wheel("second", "c"), wheel("third", "d")]
    monkeypatch.setattr(check, "resolve", lambda *_, **__: offered)
    assert check.lacking_of_lock("uv", LOCK, check.Combination("p", "3.11", "")) == [
        "second",
        "third",
    ]


def test_all_missing_packages_are_named_not_the_first_alone(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(uv: str, lock: str, combination: object, *, closed: bool) -> list[dict[str, Any]]:
        for name in ("first", "second"):
            if f"{name}==" in lock:
                raise check.MissingError(name, "no wheel")
        return []

    monkeypatch.setattr(check, "resolve", resolve)
    assert check.lacking_of_lock("uv", LOCK, check.Combination("p", "3.11", "")) == [
        "first",
        "second",
    ]


NO_SOLUTION = "error: No solution found when resolving dependencies"
SAID = {
    "no wheel": (
        f"{NO_SOLUTION}\n  cause: Because numba{{python_full_version >= '3.12' or "
        "sys_platform != 'darwin'}==0.68.1 has no usable wheels and you require",
        "numba",
    ),
    "metadata": (
        f"{NO_SOLUTION}\n  cause: Because only altair<=6.3.0 is available",
        f"{NO_SOLUTION} cause: Because only altair<=6.3.0 is available",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_a_refusal_of_uv_is_read_as_a_missing_package(
    case: str, check: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr, package = SAID[case]
    monkeypatch.setattr(check, "run", lambda *_: subprocess.CompletedProcess([], 1, "", stderr))
    with pytest.raises(check.MissingError) as missing:
        check.resolve("uv", LOCK, check.Combination("p", "3.11", ""), closed=True)
    assert missing.value.package == package


@pytest.mark.parametrize(
    "stderr",
    [
        "error: Request failed after 3 retries\n"
        "  cause: Failed to fetch: `https://index.example/simple/first/`",
        "error: No solution found\n"
        "  hint: Packages were unavailable because the network was disabled.",
    ],
)
def test_no_index_is_not_checked_and_fails(
    stderr: str,
    check: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(check, "installed_uv", lambda _: "uv")
    monkeypatch.setattr(check, "run", lambda *_: subprocess.CompletedProcess([], 1, "", stderr))
    assert check.main() == 2
    printed = capsys.readouterr().out
    assert printed.startswith("platforms: not checked: no index: ")
    assert "index.example" not in printed


def test_a_false_claim_fails(
    check: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stderr = "error: No solution found\n  cause: Because regopy==1.5.2 has no usable wheels"
    monkeypatch.setattr(check, "installed_uv", lambda _: "uv")
    monkeypatch.setattr(check, "run", lambda *_: subprocess.CompletedProcess([], 1, "", stderr))
    assert check.main() == 1
    assert "MISSING regopy" in capsys.readouterr().out
