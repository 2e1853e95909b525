"""The launcher's own parts.

What it keeps of an environment, when it installs, and what it refuses before it begins.
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The launcher as a module, for a checkout that is an empty folder."""
    loader = importlib.machinery.SourceFileLoader("launcher", str(CHECKOUT / "portcullis"))
    spec = importlib.util.spec_from_loader("launcher", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    return module


def test_what_steers_python_is_not_passed_on(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "PYTHONPATH",
        "PYTHONSAFEPATH",
        "PYTHONOPTIMIZE",
        "PYTHONWARNINGS",
        "PYTHONHOME",
        "PYTHONSTARTUP",
    ):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = launcher.settled()
    python = {name for name in environment if name.startswith("PYTHON")}
    assert python == {"PYTHONDONTWRITEBYTECODE", "PYTHONUTF8", "PYTHONIOENCODING"}
    assert environment["PATH"].startswith(str(launcher.VENV / "bin"))


def test_an_account_without_a_home_gets_one_and_caches_that_it_may_write_to(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Nobody:
        pw_dir = "/nonexistent"

    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: Nobody)
    assert launcher.user_folders(tmp_path) == {"HOME": str(tmp_path)}
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert launcher.user_folders(tmp_path)["XDG_CACHE_HOME"] == str(tmp_path / "cache")


@pytest.mark.parametrize("path", ["/srv/100%", "/srv/what?", "/srv/a:b", "/srv/a\nb"])
def test_a_path_that_would_be_misread_later_is_refused(
    launcher: ModuleType, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        launcher.check_path(Path(path))
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "expected a path without" in line


def test_a_path_with_anything_else_is_not(launcher: ModuleType) -> None:
    launcher.check_path(Path("/srv/an 'odd' #1 & größer, (place) = $HOME;\\"))


def test_a_folder_for_keys_that_cannot_be_made_is_refused(
    launcher: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as end:
        launcher.own_folder(tmp_path / "file" / "home")
    assert end.value.code == 2
    assert "expected a folder of your own" in capsys.readouterr().err


def test_what_pip_is_told_uv_is_told_too(launcher: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\nextra-index-url =\n  https://a.example\n"
        "  https://b.example\ncert = /etc/ssl/bank.pem\nproxy = http://proxy.example:3128\n"
        "[install]\nuser = true\nfind-links =\n  /srv/wheels\n  /opt/wheels\n"
    )
    environment = {
        "PIP_CONFIG_FILE": str(tmp_path / "pip.conf"),
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    settings = launcher.uv_settings([sys.executable, "-m", "pip"], environment)
    assert (
        settings.items()
        >= {
            "UV_DEFAULT_INDEX": "https://mirror.example/simple",
            "UV_INDEX": "https://a.example https://b.example",
            "UV_FIND_LINKS": "/srv/wheels,/opt/wheels",
            "SSL_CERT_FILE": "/etc/ssl/bank.pem",
            "ALL_PROXY": "http://proxy.example:3128",
        }.items()
    )
    assert not any("USER" in name for name in settings)


def test_of_a_value_in_several_files_of_pip_the_one_that_pip_takes_counts(
    launcher: ModuleType,
) -> None:
    pip = (
        "import sys\n"
        "print('/etc/ssl/bank.pem' if sys.argv[2:] == ['get', 'global.cert'] else"
        " \"global.cert='/etc/ssl/bank.pem'\\nglobal.cert='/etc/ssl/machine.pem'\")\n"
    )
    settings = launcher.uv_settings([sys.executable, "-c", pip], {"PATH": os.environ["PATH"]})
    assert settings == {"SSL_CERT_FILE": "/etc/ssl/bank.pem"}


def test_an_installation_counts_only_whole_of_these_locks_and_in_this_place(
    launcher: ModuleType,
) -> None:
    assert not launcher.is_installed("run")
    launcher.PYTHON.parent.mkdir(parents=True)
    launcher.PYTHON.write_text("")
    launcher.stamp_of("run").write_text(launcher.stamp_text("run"))
    assert launcher.is_installed("run")
    assert not launcher.is_installed("test")
    launcher.stamp_of("run").write_text(launcher.stamp_text("run") + "-moved")
    assert not launcher.is_installed("run")


@pytest.fixture
def made(launcher: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Each command that makes a virtual environment; one with its stamp lies there already."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        if "venv" in command:
            commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    launcher.PYTHON.parent.mkdir(parents=True)
    launcher.PYTHON.write_text("")
    monkeypatch.setattr(launcher.subprocess, "run", run)
    launcher.stamp_of("run").write_text(launcher.stamp_text("run"))
    return commands


def test_a_virtual_environment_that_was_moved_is_made_anew_and_one_that_was_not_is_kept(
    launcher: ModuleType, made: list[list[str]]
) -> None:
    launcher.make_venv()
    assert made == []
    launcher.stamp_of("run").write_text("0\n/where/it/was/.venv")
    launcher.make_venv()
    assert made == [[sys.executable, "-m", "venv", "--clear", str(launcher.VENV)]]


def test_a_virtual_environment_of_other_locks_is_made_anew_for_what_they_dropped_stays_importable(
    launcher: ModuleType, made: list[list[str]]
) -> None:
    launcher.stamp_of("test").write_text(f"{'0' * 64}\n{launcher.VENV.resolve()}")
    launcher.make_venv()
    assert made == [[sys.executable, "-m", "venv", "--clear", str(launcher.VENV)]]


def test_a_link_to_a_virtual_environment_of_other_locks_empties_nothing(
    launcher: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    launcher.VENV.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SystemExit) as end:
        launcher.make_venv()
    assert end.value.code == 2
    assert "found a link to one of other locks" in capsys.readouterr().err


def test_a_python_without_venv_says_what_to_install(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = subprocess.CompletedProcess(
        [], 1, "The virtual environment was not created: ensurepip is not available", ""
    )
    monkeypatch.setattr(launcher.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(SystemExit) as end:
        launcher.make_venv()
    assert end.value.code == 2
    assert (
        "ensurepip is not available. On Debian and Ubuntu: apt install python3-venv"
        in capsys.readouterr().err
    )


def test_a_tab_in_a_shell_installs_nothing_and_says_nothing(
    launcher: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def install(*_: object) -> None:
        raise AssertionError("a person waits for a completion")

    monkeypatch.setenv("_PORTCULLIS_COMPLETE", "complete_bash")
    monkeypatch.setattr(launcher, "install", install)
    monkeypatch.setattr(sys, "argv", ["portcullis"])
    launcher.main()
    assert capsys.readouterr() == ("", "")
