"""`./portcullis keys`: who may sign what. Every change is an entry of the ledger, signed by its root key."""

import argparse
import re
from pathlib import Path

from tasks.attestation.dsse import sign
from tasks.attestation.keyring import KeyEntry, add_key, revoke_key
from tasks.attestation.roles import LOG, PERSONAL, ROLES, ROOT
from tasks.attestation.run_context import person_sha256
from tasks.attestation.signing_keys import LocalSigner, PublicKey, Signer, signing_folder
from tasks.attestation.statement import Statement
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import Notary, open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import KEYS_ALONE, Log, read_log


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="every key, its roles, and over which entries it is valid")
    make = actions.add_parser(
        "make", help="make a key of your own, for approvals; prints its public half"
    )
    make.add_argument("file", type=Path)
    enrol = actions.add_parser("enrol", help="give a person's, or another worker's, key a role")
    enrol.add_argument("public", type=Path, help="the public key, PEM")
    enrol.add_argument(
        "--role", action="append", required=True, choices=[role for role in ROLES if role != ROOT]
    )
    enrol.add_argument("--holder", required=True, help="staff id of the person, or `worker`")
    enrol.add_argument(
        "--email", default="", help="so that nobody approves what he committed; stored hashed"
    )
    rotate = actions.add_parser(
        "rotate", help="make a new key for a role and void the old one from here on"
    )
    rotate.add_argument("role", choices=[role for role in ROLES if role not in (ROOT, *PERSONAL)])
    revoke = actions.add_parser("revoke", help="void a key from an entry on, even one long past")
    revoke.add_argument("keyid", help="its beginning will do")
    revoke.add_argument(
        "--valid-to", type=int, help="the last entry that it may have signed (default: the newest)"
    )
    revoke.add_argument("--reason", required=True)


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Run one of them."""
    if options.action == "make":
        print(LocalSigner.make(options.file).public.pem, end="")
    elif options.action == "list":
        for entry in _log(installation).keys.entries.values():
            print(_line(entry))
    elif options.action == "enrol":
        public = PublicKey(options.public.read_text(encoding="ascii"))
        email_sha256 = person_sha256(options.email)
        _say(add_key(public, options.role, options.holder, email_sha256=email_sha256), installation)
        print(f"{public.keyid[:16]}… may sign for {', '.join(options.role)} from now on")
    elif options.action == "rotate":
        _rotate(options.role, installation)
    else:
        entry = _named(options.keyid, installation)
        size = _log(installation).head.size
        until = size if options.valid_to is None else options.valid_to + 1
        _say(revoke_key(entry.public.keyid, until, options.reason), installation)
        print(f"{entry.public.keyid[:16]}… is void from entry {until} on")
    return 0


def _rotate(role: str, installation: Installation) -> None:
    with open_notary(installation) as notary:
        old = notary.signer(role)
        path = signing_folder(installation) / f"{role}.pem"
        if not path.is_file():
            raise ConfigError(
                f"key of role `{role}`", expected="a key file", found="a key service",
                remedy="Rotate it there (`bao write -f transit/keys/…/rotate`), then `keys revoke` the old one.",
            )  # fmt: skip
        fresh = LocalSigner.make(path.with_name(f"{role}.new.pem"))
        root_key = notary.signer(ROOT)
        statements = [add_key(fresh.public, (role,), "worker", reason="rotation")]
        notary.append_signed([sign(each.to_bytes(), root_key) for each in statements])
        size = notary.ledger.head().size  # type: ignore[union-attr] # it has just grown
        revoked = [sign(revoke_key(old.public.keyid, size, "rotated").to_bytes(), root_key)]
        if role == LOG:  # the new key signs the head that voids the old one
            notary.append_with(fresh, revoked, signed_before=old.public)
        else:
            notary.append_signed(revoked)
        path.replace(path.with_name(f"{role}.{old.public.keyid[:16]}.old"))
        path.with_name(f"{role}.new.pem").replace(path)
    print(
        f"role `{role}`: {old.public.keyid[:16]}… signed up to entry {size - 1}; {fresh.public.keyid[:16]}… signs now"
    )


def _say(statement: Statement, installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.begin()
        notary.append_signed([sign(statement.to_bytes(), _root(notary))])


def _root(notary: Notary) -> Signer:
    root_key = notary.signer(ROOT)
    if not notary.origin().endswith(root_key.public.keyid[:32]):
        raise EvidenceError(
            "root key",
            expected="the log's own",
            found="another",
            remedy="Run this where the log's root key is kept.",
        )
    return root_key


def _log(installation: Installation) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), KEYS_ALONE)
    finally:
        ledger.close()


def _named(start: str, installation: Installation) -> KeyEntry:
    found = [
        entry
        for keyid, entry in _log(installation).keys.entries.items()
        if re.fullmatch("[0-9a-f]{6,}", start) and keyid.startswith(start)
    ]
    if len(found) != 1:
        raise ConfigError(
            start,
            expected="the beginning of one key's id",
            found=str(len(found)),
            remedy="See `keys list`.",
        )
    return found[0]


def _line(entry: KeyEntry) -> str:
    until = "" if entry.until is None else f" to {entry.until - 1} ({entry.reason})"
    roles = ", ".join(entry.roles)
    return f"{entry.public.keyid[:16]}…  {roles:12} {entry.holder:10} valid from entry {entry.since}{until}"
