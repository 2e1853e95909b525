"""The local root key: what it wraps only it unwraps, and a rotation ends the old one."""

import os
from pathlib import Path

import pytest

from tasks.errors import ConfigError, SealError
from tasks.keystore.root_key import NONCE_BYTES, SCRUBBED, LocalRootKey, open_root_key
from tests.installations import installation_at

KEY = bytes(range(32))
CONTEXT = b"bucket 7"
TAG_BYTES = 16


@pytest.fixture
def root_key(home: Path) -> LocalRootKey:
    return LocalRootKey(installation_at(Path()))


def test_keys_come_back_in_their_order(root_key: LocalRootKey) -> None:
    pairs = [(bytes([number]) * 32, b"bucket %d" % number) for number in range(5)]
    wrapped = root_key.wrap(pairs)
    contexts = [context for _, context in pairs]
    assert root_key.unwrap(list(zip(wrapped, contexts, strict=True))) == [key for key, _ in pairs]


def test_nothing_to_wrap_gives_nothing(root_key: LocalRootKey) -> None:
    assert root_key.wrap([]) == []
    assert root_key.unwrap([]) == []


def test_the_same_key_is_wrapped_under_another_nonce_every_time(root_key: LocalRootKey) -> None:
    first, second = root_key.wrap([(KEY, CONTEXT), (KEY, CONTEXT)])
    assert first[:NONCE_BYTES] != second[:NONCE_BYTES]
    assert first[NONCE_BYTES:] != second[NONCE_BYTES:]


def test_a_wrapping_is_nonce_key_and_tag_and_shows_no_key(root_key: LocalRootKey) -> None:
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    assert len(wrapped) == NONCE_BYTES + len(KEY) + TAG_BYTES
    assert KEY not in wrapped


def test_a_wrapping_does_not_open_in_another_context(root_key: LocalRootKey) -> None:
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    with pytest.raises(SealError, match="this installation's root key"):
        root_key.unwrap([(wrapped, b"bucket 8")])


@pytest.mark.parametrize("position", [0, NONCE_BYTES, -1], ids=["nonce", "key", "tag"])
def test_an_altered_wrapping_is_refused(root_key: LocalRootKey, position: int) -> None:
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    altered = bytearray(wrapped)
    altered[position] ^= 1
    with pytest.raises(SealError):
        root_key.unwrap([(bytes(altered), CONTEXT)])


def test_swapped_nonces_are_refused(root_key: LocalRootKey) -> None:
    first, second = root_key.wrap([(KEY, CONTEXT), (KEY, CONTEXT)])
    with pytest.raises(SealError):
        root_key.unwrap([(second[:NONCE_BYTES] + first[NONCE_BYTES:], CONTEXT)])


def test_a_wrapping_that_was_cut_is_refused(root_key: LocalRootKey) -> None:
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    with pytest.raises(SealError):
        root_key.unwrap([(wrapped[:-1], CONTEXT)])


def test_the_next_process_unwraps_what_this_one_has_wrapped(root_key: LocalRootKey) -> None:
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    assert LocalRootKey(installation_at(Path())).unwrap([(wrapped, CONTEXT)]) == [KEY]


def test_another_installation_unwraps_nothing(
    root_key: LocalRootKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(SealError):
        LocalRootKey(installation_at(Path())).unwrap([(wrapped, CONTEXT)])


def test_the_key_file_is_for_its_owner_alone(root_key: LocalRootKey, home: Path) -> None:
    assert (home / "root.key").stat().st_mode & 0o777 == 0o600


def test_a_key_file_that_others_may_read_is_refused(root_key: LocalRootKey, home: Path) -> None:
    (home / "root.key").chmod(0o644)
    with pytest.raises(ConfigError, match=r"chmod 600 root\.key"):
        root_key.refresh()


def test_a_key_file_that_holds_no_key_is_refused_without_quoting_it(
    root_key: LocalRootKey, home: Path
) -> None:
    (home / "root.key").write_text("not hexadecimal")
    with pytest.raises(ConfigError, match="32 bytes in hex") as refusal:
        root_key.refresh()
    assert "hexadecimal" not in str(refusal.value)


def test_while_it_rotates_both_root_keys_unwrap(root_key: LocalRootKey) -> None:
    (old,) = root_key.wrap([(KEY, CONTEXT)])
    root_key.advance()
    (new,) = root_key.wrap([(KEY, CONTEXT)])
    assert root_key.unwrap([(old, CONTEXT), (new, CONTEXT)]) == [KEY, KEY]


def test_after_the_rotation_only_the_new_root_key_unwraps(root_key: LocalRootKey) -> None:
    (old,) = root_key.wrap([(KEY, CONTEXT)])
    root_key.advance()
    (new,) = root_key.wrap([(KEY, CONTEXT)])
    root_key.retire()
    assert root_key.unwrap([(new, CONTEXT)]) == [KEY]
    with pytest.raises(SealError):
        root_key.unwrap([(old, CONTEXT)])


def test_advance_called_twice_makes_a_single_new_key(root_key: LocalRootKey, home: Path) -> None:
    root_key.advance()
    following = (home / "root.next.key").read_text()
    root_key.advance()
    assert (home / "root.next.key").read_text() == following


def test_retire_puts_the_new_key_in_the_place_of_the_old(
    root_key: LocalRootKey, home: Path
) -> None:
    root_key.advance()
    following = (home / "root.next.key").read_text()
    root_key.retire()
    assert (home / "root.key").read_text() == following
    assert not (home / "root.next.key").exists()


def test_retire_overwrites_the_old_key_s_own_file(root_key: LocalRootKey, home: Path) -> None:
    """A second name of the same file shows what was in it when it lost its first name."""
    os.link(home / "root.key", home / "witness")
    root_key.advance()
    root_key.retire()
    assert (home / "witness").read_text() == SCRUBBED


def test_retire_without_a_rotation_destroys_nothing(root_key: LocalRootKey, home: Path) -> None:
    current = (home / "root.key").read_text()
    root_key.retire()
    assert (home / "root.key").read_text() == current


def test_a_process_that_was_open_unwraps_again_after_it_refreshed(root_key: LocalRootKey) -> None:
    other = LocalRootKey(installation_at(Path()))
    root_key.advance()
    (new,) = root_key.wrap([(KEY, CONTEXT)])
    root_key.retire()
    with pytest.raises(SealError):
        other.unwrap([(new, CONTEXT)])
    other.refresh()
    assert other.unwrap([(new, CONTEXT)]) == [KEY]


def test_a_scrubbed_key_wraps_nothing_while_the_new_one_is_there(
    root_key: LocalRootKey, home: Path
) -> None:
    """The power went between overwriting the old key and replacing it."""
    root_key.advance()
    (new,) = root_key.wrap([(KEY, CONTEXT)])
    (home / "root.key").write_text(SCRUBBED)
    reopened = LocalRootKey(installation_at(Path()))
    assert reopened.unwrap([(new, CONTEXT)]) == [KEY]
    assert len(reopened._ciphers) == 1


def test_a_root_key_from_the_environment_wraps_and_leaves_no_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_SECRET_ROOT", "ab" * 32)
    root_key = LocalRootKey(installation_at(Path()))
    (wrapped,) = root_key.wrap([(KEY, CONTEXT)])
    assert root_key.unwrap([(wrapped, CONTEXT)]) == [KEY]
    assert not (home / "root.key").exists()


def test_a_root_key_from_the_environment_cannot_be_rotated(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_SECRET_ROOT", "ab" * 32)
    root_key = LocalRootKey(installation_at(Path()))
    with pytest.raises(ConfigError, match="one that the environment holds"):
        root_key.advance()
    assert not (home / "root.next.key").exists()


def test_without_a_key_service_the_root_key_is_a_local_one(home: Path) -> None:
    root_key = open_root_key(installation_at(Path()))
    assert isinstance(root_key, LocalRootKey)
    assert root_key.is_local


def test_the_address_of_a_key_service_alone_is_not_enough_for_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://localhost:1")
    assert open_root_key(installation_at(Path())).is_local


def test_a_rotation_whose_new_key_was_lost_is_refused_and_does_not_wait_for_ever(
    root_key: LocalRootKey, home: Path
) -> None:
    (home / "root.key").write_text(SCRUBBED)
    with pytest.raises(SealError, match=r"overwritten, and no root\.next\.key.*restore"):
        root_key.refresh()


@pytest.mark.parametrize("content", ["", "abc", "ä" * 64])
def test_a_damaged_next_key_is_refused_by_name(
    root_key: LocalRootKey, home: Path, content: str
) -> None:
    path = home / "root.next.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"root\.next\.key: expected 32 bytes in hex"):
        root_key.refresh()
