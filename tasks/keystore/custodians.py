"""Two people to open a key: what a law or a court keeps is sealed to custodians, not to pipelines.

A restricted key is encrypted (HPKE, RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) once for every pair
of custodians, in two layers: neither of a pair can open it alone, any pair can open it together.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from pydantic import Field, field_validator

from tasks.config.case_paths import CONFIGS
from tasks.config.strict import StrictModel
from tasks.errors import ConfigError, SealError
from tasks.formats.new_file import write_new_file
from tasks.formats.pem import load_x25519_pem, private_pem
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.formats.strict_json import read_json
from tasks.formats.whole_file import write_whole
from tasks.system.installation import Installation

CUSTODIANS = CONFIGS / "custodians" / "custodians.json"
SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
LOCAL = ("custodian-first", "custodian-second")


class Custodians(StrictModel):
    """`configs/custodians/custodians.json`: public keys of those who may open keys in pairs."""

    public_keys: dict[str, str] = Field(
        min_length=2, description="name -> X25519 public key in hex"
    )
    are_local: bool = Field(default=False, exclude=True)

    @field_validator("public_keys")
    @classmethod
    def _are_keys(cls, keys: dict[str, str]) -> dict[str, str]:
        for name, text in keys.items():
            if not re.fullmatch(r"[0-9a-f]{64}", text) or " + " in name:
                # ' + ' stands between the two names of a pair.
                raise ValueError("each is 32 bytes in hex, and no name holds ' + '")

        # Two names of one key are one person, who would open alone what two are asked for.
        if len(set(keys.values())) < len(keys):
            raise ValueError("each name has a key of its own")

        # A point of low order, as all zeros are, shares no secret (RFC 7748, section 6.1): HPKE
        # refuses it, which would be in the middle of an erasure.
        for text in keys.values():
            public = X25519PublicKey.from_public_bytes(bytes.fromhex(text))
            try:
                X25519PrivateKey.generate().exchange(public)
            except ValueError:
                raise ValueError("each is a key that shares a secret") from None
        return keys


@dataclass(frozen=True)
class Restriction:
    """Why a key is kept, until when at the least, and to whom it is sealed."""

    basis: str
    review: date
    custodians: Custodians
    # By a legal hold, which ends when a person releases it; else by a law, which ends by itself.
    held: bool = False

    def seal(self, key_id: bytes, key: bytes) -> str:
        """Return the key sealed to every pair, as JSON: `<first> + <second>` -> base64."""
        sealed = {}
        # Sorted, so that a pair has one name and one order of layers, whichever way the file lists
        # them.
        for first, second in combinations(sorted(self.custodians.public_keys), 2):
            inner = SUITE.encrypt(key, _public(self.custodians, second), _info(key_id, second))
            outer = SUITE.encrypt(inner, _public(self.custodians, first), _info(key_id, first))
            sealed[f"{first} + {second}"] = b64encode(outer).decode()
        # Not the canonical form, but the one that existing key stores hold.
        return json.dumps(sealed, sort_keys=True)


def unseal_by_two(
    key_id: bytes, sealed: str, keys: Sequence[tuple[str, X25519PrivateKey]]
) -> bytes:
    """Return a restricted key that two custodians open together.

    Raises:
        SealError: They are not two of those it was sealed to.
    """
    # In the order of names, as `seal` has put the layers.
    (first, first_key), (second, second_key) = sorted(keys, key=lambda pair: pair[0])
    envelopes: dict[str, str] = json.loads(sealed)
    try:
        envelope = envelopes.get(f"{first} + {second}")
        # A person who is named twice is no pair, whatever keys they bring.
        if envelope is None or first == second:
            raise ValueError("no such pair")

        inner = SUITE.decrypt(b64decode(envelope), first_key, _info(key_id, first))
        return SUITE.decrypt(inner, second_key, _info(key_id, second))
    except (ValueError, InvalidTag) as error:
        names = sorted({name for pair in envelopes for name in pair.split(" + ")})
        raise SealError(
            "restricted key",
            expected="the private keys of two of its custodians",
            found=f"those of {first} and {second}, which do not open it",
            remedy=f"Ask two of: {', '.join(names)}.",
        ) from error


def load_custodians(installation: Installation, *, allow_local: bool) -> Custodians:
    """Return the custodians that people have named; else, where allowed, two local keys.

    Two keys on one machine are not two people: enough to develop with, and said in every receipt.

    Args:
        installation: Whose configuration and, for local keys, whose secrets.
        allow_local: Whether the root key is a local file, too: then there is nothing to lose.

    Raises:
        ConfigError: None are named, and local ones are not allowed.
    """
    path = installation.workspace / CUSTODIANS
    if path.is_file():
        # Late, because a stage that only seals rows needs no reader of configurations.
        from tasks.config.cases import validated

        return validated(Custodians, _read_public(path), str(CUSTODIANS))
    # A key of the installation beside a root key in Transit would undo that: whoever has the
    # machine could open what two people are to open.
    if not allow_local:
        raise ConfigError(
            str(CUSTODIANS),
            expected="the public keys of at least two people",
            found="none",
            remedy=(
                "Each runs `./portcullis hold --new-custodian NAME` and keeps the private key that "
                "it writes."
            ),
        )
    keys = {name: _public_hex(local_custodian(name, installation)) for name in LOCAL}
    return Custodians(public_keys=keys, are_local=True)


def local_custodian(name: str, installation: Installation) -> X25519PrivateKey:
    """Return one of the two private keys that an installation without custodians makes."""
    return X25519PrivateKey.from_private_bytes(installation.secret(name))


def new_custodian(name: str, private_path: Path, workspace: Path) -> None:
    """Make a key pair: the private key into a file for its owner alone, the public one into git.

    Raises:
        ConfigError: There is a custodian of that name, whose keys would be lost with the old key;
            or there is a file at `private_path`: none is ever overwritten.
    """
    if " + " in name:
        raise ConfigError(
            "--new-custodian",
            expected="a name without ' + '",
            found="one with it",
            remedy="It stands between the two names of a pair: take another name.",
        )
    # It is committed, and by default the name of the private key's file.
    if not name.strip() or not name.isprintable() or "/" in name:
        raise ConfigError(
            "--new-custodian",
            expected="a name of characters that are shown, without a slash",
            found="another",
            remedy="Take another name.",
        )

    path = workspace / CUSTODIANS
    known = _read_public_keys(path) if path.is_file() else {}
    if name in known:
        raise ConfigError(
            str(CUSTODIANS),
            expected="a new name",
            found=f"`{name}`, who has a key",
            remedy="Take another name.",
        )

    key = X25519PrivateKey.generate()
    # The private key first: a public one without it would be a custodian who opens nothing, and
    # what is sealed to them could be lost.
    write_new_file(private_path, private_pem(key), mode=0o600)

    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"public_keys": dict(sorted({**known, name: _public_hex(key)}.items()))}
    # Whole or not at all: whoever is in the file already has keys that only it names.
    write_whole(path, f"{json.dumps(values, indent=2, ensure_ascii=False)}\n".encode())


def read_private_key(path: Path) -> X25519PrivateKey:
    """Read a custodian's private key.

    Raises:
        ConfigError: There is no such file, or it holds no private key, or one of another kind.
    """
    try:
        content = read_regular_file(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            str(path),
            expected="an X25519 private key that can be read",
            found=describe_unreadable(error),
            remedy="Give the custodian's.",
        ) from None

    try:
        return load_x25519_pem(content)
    except ValueError as error:
        raise ConfigError(
            str(path),
            expected="an X25519 private key",
            found=f"another ({error})",
            remedy="Give the custodian's.",
        ) from error


def _read_public(path: Path) -> Any:
    return read_json(path, str(CUSTODIANS), remedy="Restore it from git.")


def _read_public_keys(path: Path) -> dict[str, str]:
    """Return the keys that are there, which may still be those of fewer than two people."""
    match _read_public(path):
        case {"public_keys": {**keys}}:
            return {str(name): str(key) for name, key in keys.items()}
        case _:
            raise ConfigError(
                str(CUSTODIANS),
                expected="an object with `public_keys`",
                found="something else",
                remedy="Restore it from git.",
            )


def _public_hex(key: X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


def _public(custodians: Custodians, name: str) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(bytes.fromhex(custodians.public_keys[name]))


def _info(key_id: bytes, name: str) -> bytes:
    # What HPKE binds (RFC 9180, 5.1, `info`): no envelope can stand for another key or custodian.
    return b"portcullis restricted key v1\x00" + key_id + name.encode()
