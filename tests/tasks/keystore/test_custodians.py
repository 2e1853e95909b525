"""Two people to open a key: who they are, what they open together, and what is refused."""

import json
from base64 import b64decode, b64encode
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tasks.errors import ConfigError, SealError
from tasks.formats.pem import private_pem
from tasks.keystore.custodians import (
    CUSTODIANS,
    LOCAL,
    Custodians,
    Restriction,
    load_custodians,
    local_custodian,
    new_custodian,
    read_private_key,
    unseal_by_two,
)
from tests.full_disk import files_of_at_most
from tests.installations import installation_at

KEY = bytes(range(64))
KEY_ID = b"i" * 16
NAMES = ("ada", "ben", "eve")
PRIVATE = {name: X25519PrivateKey.generate() for name in NAMES}


def public_hex(key: X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def restriction(*names: str) -> Restriction:
    public_keys = {name: public_hex(PRIVATE[name]) for name in names}
    custodians = Custodians(public_keys=public_keys)
    return Restriction(basis="a law", review=date(2028, 1, 1), custodians=custodians)


def pair(first: str, second: str) -> list[tuple[str, X25519PrivateKey]]:
    return [(first, PRIVATE[first]), (second, PRIVATE[second])]


# Sealing


def test_two_custodians_open_a_key_in_either_order() -> None:
    sealed = restriction("ada", "ben").seal(KEY_ID, KEY)
    assert unseal_by_two(KEY_ID, sealed, pair("ada", "ben")) == KEY
    assert unseal_by_two(KEY_ID, sealed, pair("ben", "ada")) == KEY


def test_any_pair_of_several_opens_a_key() -> None:
    sealed = restriction(*NAMES).seal(KEY_ID, KEY)
    for first, second in (("ada", "ben"), ("ada", "eve"), ("ben", "eve")):
        assert unseal_by_two(KEY_ID, sealed, pair(first, second)) == KEY


def test_an_envelope_is_named_for_its_pair_in_the_order_of_names() -> None:
    assert list(json.loads(restriction("ben", "ada").seal(KEY_ID, KEY))) == ["ada + ben"]


def test_the_key_is_not_in_its_envelope() -> None:
    (envelope,) = json.loads(restriction("ada", "ben").seal(KEY_ID, KEY)).values()
    assert KEY[:8] not in b64decode(envelope)


def test_a_key_is_sealed_to_other_bytes_every_time() -> None:
    kept = restriction("ada", "ben")
    assert kept.seal(KEY_ID, KEY) != kept.seal(KEY_ID, KEY)


def test_an_envelope_does_not_stand_for_another_key_id() -> None:
    sealed = restriction("ada", "ben").seal(KEY_ID, KEY)
    with pytest.raises(SealError, match="which do not open it"):
        unseal_by_two(b"j" * 16, sealed, pair("ada", "ben"))


def test_one_custodian_named_twice_opens_nothing() -> None:
    sealed = restriction("ada", "ben").seal(KEY_ID, KEY)
    with pytest.raises(SealError, match="Ask two of: ada, ben"):
        unseal_by_two(KEY_ID, sealed, pair("ada", "ada"))


def test_one_custodian_under_two_names_opens_nothing() -> None:
    sealed = restriction("ada", "ben").seal(KEY_ID, KEY)
    keys = [("ada", PRIVATE["ada"]), ("ben", PRIVATE["ada"])]
    with pytest.raises(SealError, match="which do not open it"):
        unseal_by_two(KEY_ID, sealed, keys)


def test_a_pair_with_somebody_whom_it_was_not_sealed_to_opens_nothing() -> None:
    sealed = restriction("ada", "ben").seal(KEY_ID, KEY)
    with pytest.raises(SealError, match="ada and eve"):
        unseal_by_two(KEY_ID, sealed, pair("ada", "eve"))


def test_an_envelope_under_another_pair_s_name_opens_nothing() -> None:
    envelopes = json.loads(restriction(*NAMES).seal(KEY_ID, KEY))
    moved = json.dumps({"ada + ben": envelopes["ada + eve"]})
    with pytest.raises(SealError):
        unseal_by_two(KEY_ID, moved, pair("ada", "ben"))


@pytest.mark.parametrize("position", [0, 40, -1], ids=["encapsulated key", "inner", "tag"])
def test_an_altered_envelope_is_refused(position: int) -> None:
    envelopes = json.loads(restriction("ada", "ben").seal(KEY_ID, KEY))
    altered = bytearray(b64decode(envelopes["ada + ben"]))
    altered[position] ^= 1
    sealed = json.dumps({"ada + ben": b64encode(altered).decode()})
    with pytest.raises(SealError):
        unseal_by_two(KEY_ID, sealed, pair("ada", "ben"))


@pytest.mark.parametrize("length", [0, 31, 60])
def test_an_envelope_that_was_cut_is_refused(length: int) -> None:
    envelopes = json.loads(restriction("ada", "ben").seal(KEY_ID, KEY))
    cut = b64decode(envelopes["ada + ben"])[:length]
    with pytest.raises(SealError):
        unseal_by_two(
            KEY_ID, json.dumps({"ada + ben": b64encode(cut).decode()}), pair("ada", "ben")
        )


def test_an_envelope_that_is_not_base64_is_refused() -> None:
    with pytest.raises(SealError):
        unseal_by_two(KEY_ID, json.dumps({"ada + ben": "?"}), pair("ada", "ben"))


# Configuration


def write_configuration(workspace: Path, values: object) -> None:
    path = workspace / CUSTODIANS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize(
    "public_keys",
    [
        {},
        {"ada": "ab" * 32},
        {"ada": "ab" * 32, "ben": "ab" * 31},
        {"ada": "ab" * 32, "ben": "AB" * 32},
        {"ada": "ab" * 32, "ben": "no"},
        {"ada": "ab" * 32, "ben + eve": "cd" * 32},
    ],
    ids=["none", "single", "short", "upper case", "no hex", "name of a pair"],
)
def test_a_configuration_without_two_whole_keys_is_refused(
    home: Path, tmp_path: Path, public_keys: dict[str, str]
) -> None:
    write_configuration(tmp_path, {"public_keys": public_keys})
    with pytest.raises(ConfigError, match=r"custodians\.json"):
        load_custodians(installation_at(tmp_path), allow_local=True)


def test_an_unknown_field_of_the_configuration_is_refused(home: Path, tmp_path: Path) -> None:
    keys = {name: public_hex(PRIVATE[name]) for name in NAMES}
    write_configuration(tmp_path, {"public_keys": keys, "unknown": True})
    with pytest.raises(ConfigError):
        load_custodians(installation_at(tmp_path), allow_local=True)


def test_named_custodians_come_before_local_ones(home: Path, tmp_path: Path) -> None:
    keys = {name: public_hex(PRIVATE[name]) for name in NAMES}
    write_configuration(tmp_path, {"public_keys": keys})
    custodians = load_custodians(installation_at(tmp_path), allow_local=True)
    assert custodians.public_keys == keys
    assert not custodians.are_local


def test_local_custodians_say_that_they_are_local(home: Path, tmp_path: Path) -> None:
    custodians = load_custodians(installation_at(tmp_path), allow_local=True)
    assert custodians.are_local
    assert tuple(custodians.public_keys) == LOCAL


def test_local_custodians_are_the_same_for_the_next_process(home: Path, tmp_path: Path) -> None:
    first = load_custodians(installation_at(tmp_path), allow_local=True)
    second = load_custodians(installation_at(tmp_path), allow_local=True)
    assert first == second
    for name in LOCAL:
        key = local_custodian(name, installation_at(tmp_path))
        assert public_hex(key) == first.public_keys[name]


def test_without_custodians_the_refusal_says_how_to_make_some(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hold --new-custodian NAME"):
        load_custodians(installation_at(tmp_path), allow_local=False)


# Key pairs


def test_one_key_under_two_names_is_not_two_people() -> None:
    key = public_hex(PRIVATE["ada"])
    with pytest.raises(ValueError, match="a key of its own"):
        Custodians(public_keys={"ada": key, "ben": key})


def test_a_key_that_shares_no_secret_is_refused_before_an_erasure_needs_it() -> None:
    with pytest.raises(ValueError, match="shares a secret"):
        Custodians(public_keys={"ada": public_hex(PRIVATE["ada"]), "ben": "00" * 32})


def test_a_name_that_no_pair_could_hold_is_refused_before_a_key_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a name without"):
        new_custodian("ada + ben", tmp_path / "a.pem", tmp_path)
    assert not (tmp_path / "a.pem").exists()
    assert not (tmp_path / CUSTODIANS).exists()


@pytest.mark.parametrize("name", ["", " ", "ada\x1b[2J", "\udce4da", "../ada"])
def test_a_name_that_nobody_could_read_or_that_is_a_path_is_refused(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ConfigError, match="without a slash"):
        new_custodian(name, tmp_path / "a.pem", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_the_custodians_as_they_were(tmp_path: Path) -> None:
    new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    before = (tmp_path / CUSTODIANS).read_bytes()

    # The private key has some 120 bytes, the file of two custodians more than 150.
    with files_of_at_most(150), pytest.raises(OSError, match="too large"):
        new_custodian("ben", tmp_path / "ben.pem", tmp_path)
    assert (tmp_path / "ben.pem").exists()
    assert (tmp_path / CUSTODIANS).read_bytes() == before


def test_a_new_custodian_s_public_key_belongs_to_the_private_one(tmp_path: Path) -> None:
    new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    values = json.loads((tmp_path / CUSTODIANS).read_text())
    assert values == {"public_keys": {"ada": public_hex(read_private_key(tmp_path / "ada.pem"))}}


def test_a_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    assert (tmp_path / "ada.pem").stat().st_mode & 0o777 == 0o600


def test_a_new_custodian_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    new_custodian("eve", tmp_path / "eve.pem", tmp_path)
    before = json.loads((tmp_path / CUSTODIANS).read_text())["public_keys"]["eve"]
    new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    public_keys = json.loads((tmp_path / CUSTODIANS).read_text())["public_keys"]
    assert public_keys["eve"] == before
    assert list(public_keys) == ["ada", "eve"]


def test_a_name_outside_ascii_is_written_as_it_is_spelt(tmp_path: Path) -> None:
    new_custodian("Zoë", tmp_path / "zoe.pem", tmp_path)
    assert "Zoë" in (tmp_path / CUSTODIANS).read_text(encoding="utf-8")


def test_a_name_that_has_a_key_is_refused_and_no_private_key_is_left(tmp_path: Path) -> None:
    new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    before = (tmp_path / CUSTODIANS).read_bytes()
    with pytest.raises(ConfigError, match="`ada`, who has a key"):
        new_custodian("ada", tmp_path / "second.pem", tmp_path)
    assert (tmp_path / CUSTODIANS).read_bytes() == before
    assert not (tmp_path / "second.pem").exists()


def test_a_file_in_the_place_of_the_private_key_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "ada.pem").write_text("something else")
    with pytest.raises(ConfigError, match="nothing is written over"):
        new_custodian("ada", tmp_path / "ada.pem", tmp_path)
    assert (tmp_path / "ada.pem").read_text() == "something else"
    assert not (tmp_path / CUSTODIANS).exists()


def test_a_file_without_a_key_is_no_private_key_and_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nothing of the kind")
    with pytest.raises(ConfigError, match="an X25519 private key") as refusal:
        read_private_key(tmp_path / "a.pem")
    assert "nothing of the kind" not in str(refusal.value)


def test_a_private_key_of_another_kind_is_refused_by_its_kind(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(private_pem(Ed25519PrivateKey.generate()))
    with pytest.raises(ConfigError, match="Ed25519PrivateKey"):
        read_private_key(tmp_path / "a.pem")
