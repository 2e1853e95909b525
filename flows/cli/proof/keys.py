"""`./portcullis keys`: show and change who may sign what.

Every change is an entry of the ledger, signed by its root key.
"""

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

SHORT_KEYID = 16  # characters that messages and file names show
ORIGIN_KEYID = 32  # characters of the root key's id that end a log's name


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
        "--email", default="", help="so that nobody approves their own commit; stored as a hash"
    )
    rotate = actions.add_parser(
        "rotate", help="make a new key for a role, and void the old key from now on"
    )
    rotate.add_argument("role", choices=[role for role in ROLES if role not in (ROOT, *PERSONAL)])
    revoke = actions.add_parser(
        "revoke", help="void a key from an entry on, even from a past entry"
    )
    revoke.add_argument("keyid", help="the key's id, or at least six digits of its beginning")
    revoke.add_argument(
        "--valid-to", type=int, help="the last entry that it may have signed (default: the newest)"
    )
    revoke.add_argument("--reason", required=True)


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Run an action."""
    match options.action:
        case "make":
            print(LocalSigner.make(options.file).public.pem, end="")
        case "list":
            for entry in _read_log_of_keys(installation).keys.entries.values():
                print(_describe(entry))
        case "enrol":
            _enrol(options, installation)
        case "rotate":
            _rotate(options.role, installation)
        case "revoke":
            _revoke(options, installation)
    return 0


def _enrol(options: argparse.Namespace, installation: Installation) -> None:
    public = PublicKey(options.public.read_text(encoding="ascii"))
    email_sha256 = person_sha256(options.email)
    statement = add_key(public, options.role, options.holder, email_sha256=email_sha256)

    _append(statement, installation)
    print(f"{_short(public)} may sign for {', '.join(options.role)} from now on")


def _revoke(options: argparse.Namespace, installation: Installation) -> None:
    log = _read_log_of_keys(installation)
    entry = find_key(options.keyid, log)
    until = log.head.size if options.valid_to is None else options.valid_to + 1

    _append(revoke_key(entry.public.keyid, until, options.reason), installation)
    print(f"{_short(entry.public)} is void from entry {until} on")


def _rotate(role: str, installation: Installation) -> None:
    with open_notary(installation) as notary:
        old = notary.signer(role)
        path = signing_folder(installation) / f"{role}.pem"
        if not path.is_file():
            raise ConfigError(
                f"key of role `{role}`",
                expected="a key file",
                found="a key service",
                remedy="Rotate it there (`bao write -f transit/keys/…/rotate`), "
                "then `keys revoke` the old key.",
            )

        new = LocalSigner.make(path.with_name(f"{role}.new.pem"))
        root_key = notary.signer(ROOT)
        added = add_key(new.public, (role,), "worker", reason="rotation")
        notary.append_signed([sign(added.to_bytes(), root_key)])

        # The old key is void from the entry after the new key's own: no entry is without a key.
        size = notary.ledger.head().size  # type: ignore[union-attr] # it has just grown
        voided = revoke_key(old.public.keyid, size, "rotated")
        envelopes = [sign(voided.to_bytes(), root_key)]
        if role == LOG:
            # The new key signs the tree head under which the old key is void.
            notary.append_with(new, envelopes, signed_before=old.public)
        else:
            notary.append_signed(envelopes)

        # Files last: until the ledger knows the new key, the old file is the one that signs.
        path.replace(path.with_name(f"{role}.{old.public.keyid[:SHORT_KEYID]}.old"))
        path.with_name(f"{role}.new.pem").replace(path)

    print(
        f"role `{role}`: {_short(old.public)} signed up to entry {size - 1}; "
        f"{_short(new.public)} signs now"
    )


def _append(statement: Statement, installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.begin()
        notary.append_signed([sign(statement.to_bytes(), _load_root_key(notary))])


def _load_root_key(notary: Notary) -> Signer:
    root_key = notary.signer(ROOT)
    # The log is named after the root key that began it.
    if not notary.origin().endswith(root_key.public.keyid[:ORIGIN_KEYID]):
        raise EvidenceError(
            "root key",
            expected="the log's own",
            found="another",
            remedy="Run this where the log's root key is kept.",
        )
    return root_key


def _read_log_of_keys(installation: Installation) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), KEYS_ALONE)
    finally:
        ledger.close()


def find_key(start: str, log: Log) -> KeyEntry:
    """Return the key whose id begins with `start`, at least six hexadecimal digits.

    Raises:
        ConfigError: No key's id does, or several keys' ids do.
    """
    is_start = re.fullmatch("[0-9a-f]{6,}", start) is not None
    matching = [
        entry for keyid, entry in log.keys.entries.items() if is_start and keyid.startswith(start)
    ]
    if len(matching) != 1:
        raise ConfigError(
            start,
            expected="the beginning of exactly one key's id, at least 6 digits of it",
            found=f"that of {len(matching)} keys",
            remedy="`keys list` shows every id.",
        )
    return matching[0]


def _describe(entry: KeyEntry) -> str:
    until = "" if entry.until is None else f" to {entry.until - 1} ({entry.reason})"
    roles = ", ".join(entry.roles)
    validity = f"valid from entry {entry.since}{until}"
    return f"{_short(entry.public)}  {roles:12} {entry.holder:10} {validity}"


def _short(key: PublicKey) -> str:
    return f"{key.keyid[:SHORT_KEYID]}…"
