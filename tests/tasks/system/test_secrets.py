import os
import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigError, ServiceError
from tasks.system.secrets import read_key_file
from tests.installations import installation_at


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))


def test_a_secret_is_made_once_and_only_its_owner_can_read_it() -> None:
    first = installation_at(Path()).secret("pseudonym")
    assert installation_at(Path()).secret("pseudonym") == first
    assert len(first) == 32
    assert stat.S_IMODE((installation_at(Path()).home / "pseudonym.key").stat().st_mode) == 0o600


def test_many_at_once_end_up_with_the_same_secret() -> None:
    with ThreadPoolExecutor(16) as pool:
        assert (
            len(set(pool.map(lambda _: installation_at(Path()).secret("pseudonym"), range(64))))
            == 1
        )
    assert [path.name for path in installation_at(Path()).home.iterdir()] == ["pseudonym.key"]


def test_a_secret_and_its_name_are_on_the_disk_before_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    synced: list[bool] = []

    def note(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", note)
    installation_at(Path()).secret("x")
    assert synced[-2:] == [False, True]


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTCULLIS_SECRET_PSEUDONYM", "ab" * 32)
    assert installation_at(Path()).secret("pseudonym") == bytes.fromhex("ab" * 32)
    assert not (installation_at(Path()).home / "pseudonym.key").exists()


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_malformed_secret_is_refused_without_being_quoted(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_SECRET_PSEUDONYM", text or " ")
    with pytest.raises(ConfigError) as refusal:
        installation_at(Path()).secret("pseudonym")
    assert "zz" not in str(refusal.value)


def test_a_key_file_that_others_can_read_is_refused() -> None:
    installation_at(Path()).secret("pseudonym")
    (installation_at(Path()).home / "pseudonym.key").chmod(0o644)
    with pytest.raises(ConfigError, match="0600"):
        installation_at(Path()).secret("pseudonym")


def make_folder(path: Path) -> None:
    path.mkdir(0o700)


def make_link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def write_other_bytes(path: Path) -> None:
    path.write_bytes(bytes(range(256)))
    path.chmod(0o600)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (make_folder, "a folder"),
        (make_link_to_nowhere, "a link that leads nowhere"),
        (write_other_bytes, "32 bytes in hex"),
    ],
)
@pytest.mark.parametrize("name", ["pseudonym", "root"])
def test_what_is_no_key_file_is_refused_by_name(
    make: Callable[[Path], None], found: str, name: str
) -> None:
    installation = installation_at(Path())
    path = installation.home / f"{name}.key"
    make(path)
    for ask in (installation.secret, installation.existing_secret):
        with pytest.raises(ConfigError, match=found) as refusal:
            ask(name)
        assert str(path) in str(refusal.value)
        assert "newest backup" in str(refusal.value)


def test_a_key_file_that_cannot_be_read_is_a_service_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_down(*_: object, **__: object) -> bytes:
        raise OSError(5, "Input/output error")

    installation = installation_at(Path())
    installation.secret("pseudonym")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", break_down)
        with pytest.raises(ServiceError, match="nothing was lost"):
            installation.secret("pseudonym")


def test_what_is_judged_is_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that others may write to is put in the place of a key file after it was looked at."""
    path = tmp_path / "pseudonym.key"
    path.write_text("ab" * 32)
    path.chmod(0o600)
    exposed = tmp_path / "exposed"
    exposed.write_text("cd" * 32)
    exposed.chmod(0o666)

    def then_swap(look: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def swapping(*arguments: Any, **options: Any) -> os.stat_result:
            status = look(*arguments, **options)
            if os.path.lexists(exposed):
                exposed.replace(path)
            return status

        return swapping

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", then_swap(os.stat))
        patch.setattr(os, "fstat", then_swap(os.fstat))
        assert read_key_file(path) == "ab" * 32

    with pytest.raises(ConfigError, match="a wider mode"):
        read_key_file(path)


def open_descriptors() -> list[str]:
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def make_pipe(path: Path) -> None:
    os.mkfifo(path, 0o600)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    path.chmod(0o600)


@pytest.mark.parametrize("make", [make_folder, make_pipe, make_socket])
def test_what_lies_in_the_place_of_a_key_file_holds_up_nobody(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "pseudonym.key")
    before = open_descriptors()
    with pytest.raises(ConfigError, match="expected a key file; found a folder"):
        read_key_file(tmp_path / "pseudonym.key")
    assert open_descriptors() == before


def test_a_file_that_is_no_key_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "pseudonym.key"
    path.touch(mode=0o600)
    os.truncate(path, 1 << 30)
    assert len(read_key_file(path) or "") < 10_000
