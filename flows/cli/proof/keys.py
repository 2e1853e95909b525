"""`./portcullis keys`: show and change who may sign what.

Every change is an entry of the ledger, signed by its root key. `pin` is here because it asks for
that key, too.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from flows.cli.proof.pin import set_pin
from tasks.attestation.dsse import sign
from tasks.attestation.enrolment import Enrolment, check_enrolment
from tasks.attestation.identities import addresses_sha256
from tasks.attestation.keyring import KeyEntry, add_key, revoke_key
from tasks.attestation.roles import DEVELOPER, LOG, PERSONAL, ROLES, ROOT
from tasks.attestation.signing_keys import LocalSigner, PublicKey, signing_folder
from tasks.attestation.statement import Statement
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.plain_text import one_line
from tasks.system.installation import Installation
from tasks.verifier.log_reader import KEYS_ALONE, Log, read_log

SHORT_KEYID = 16  # characters that messages and file names show
MOST_PEM_BYTES = 4096  # a P-256 key needs 178
PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\n")


EXAMPLES = """\
a second person, who may approve models:
  ./portcullis keys make ann.pem > ann.pub        on her own machine; she keeps ann.pem
  ./portcullis keys enrol ann.pub --role approval --holder ann-7 --login ann --email ann@example.org
  ./portcullis keys list

`./portcullis keys ACTION --help` explains an action
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: an action, and what it needs."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every key, its roles, and over which entries it is valid")
    make = actions.add_parser(
        "make", help="make a key of your own, for approvals; prints its public half"
    )
    make.add_argument(
        "file", type=Path, help="a new file for the private half; nobody else may have it"
    )
    _add_enrol(actions.add_parser("enrol", help="give a person's, or another worker's, key a role"))
    rotate = actions.add_parser(
        "rotate", help="make a new key for a role, and void the old key from now on"
    )
    rotate.add_argument(
        "role",
        choices=[role for role in ROLES if role not in (ROOT, *PERSONAL)],
        help="what the key signs for",
    )
    _add_revoke(
        actions.add_parser("revoke", help="void a key from an entry on, even from a past entry")
    )
    _add_pin(
        actions.add_parser(
            "pin", help="remember the ledger's head anew, where `ledger.pin` is missing"
        )
    )
    _add_renew_store(
        actions.add_parser(
            "renew-store", help="begin a new key store where the old one is lost for good"
        )
    )
    journal = actions.add_parser(
        "renew-journal", help="begin a new journal of erasures where the old one is lost for good"
    )
    journal.add_argument("--reason", required=True, help="what became of it; stays in the ledger")


def _add_enrol(enrol: argparse.ArgumentParser) -> None:
    enrol.add_argument("public", type=Path, help="the file with the public key (PEM)")
    enrol.add_argument(
        "--role",
        action="append",
        required=True,
        choices=[role for role in ROLES if role != ROOT],
        help="what the key may sign; repeat it for each",
    )
    enrol.add_argument("--holder", required=True, help="staff id of the person, or `worker`")
    enrol.add_argument(
        "--login",
        action="append",
        default=[],
        help="a name under which the person starts runs, so that nobody approves their own; "
        "repeat it for each",
    )
    enrol.add_argument(
        "--email",
        action="append",
        default=[],
        help="an address of the person's commits, stored as a hash; repeat it for each",
    )


def _add_revoke(revoke: argparse.ArgumentParser) -> None:
    revoke.add_argument("keyid", help="the key's id, or at least six digits of its beginning")
    revoke.add_argument(
        "--valid-to",
        type=int,
        metavar="ENTRY",
        help="number of the last entry that it may have signed, if it was stolen earlier "
        "(default: the newest)",
    )
    revoke.add_argument("--reason", required=True, help="why; stays in the ledger")


def _add_pin(pin: argparse.ArgumentParser) -> None:
    pin.add_argument("--reason", required=True, help="why it is missing; stays in the ledger")
    pin.add_argument(
        "--first",
        action="store_true",
        help="this installation shares a ledger and has never read it: "
        "trust the root key that $PORTCULLIS_TRUST_ROOT names",
    )


def _add_renew_store(renew: argparse.ArgumentParser) -> None:
    renew.add_argument("--reason", required=True, help="what became of it; every release shows it")
    renew.add_argument(
        "--keep",
        action="store_true",
        help="record the key store that lies here in a log that does not know it, "
        "instead of making a new one",
    )


def main(options: argparse.Namespace, installation: Installation) -> int:
    """Run an action."""
    match options.action:
        case "make":
            print(_make(options.file).public.pem, end="")
        case "list":
            for entry in _read_log_of_keys(installation).keys.entries.values():
                print(one_line(_describe(entry)))
        case "enrol":
            _enrol(options, installation)
        case "rotate":
            _rotate(options.role, installation)
        case "revoke":
            _revoke(options, installation)
        case "renew-store":
            # Late: it reads key stores, which the other actions do not.
            from tasks.guard.renewal import renew_store

            print(one_line(renew_store(options.reason, installation, keep=options.keep)))
        case "renew-journal":
            from tasks.erasure.journal import renew_journal

            print(one_line(renew_journal(options.reason, installation)))
        case "pin":
            print(set_pin(options.reason, installation, is_first=options.first))
    return 0


def _enrol(options: argparse.Namespace, installation: Installation) -> None:
    public = _read_public_key(options.public)
    hashes = (value for email in options.email for value in addresses_sha256(email))
    enrolment = Enrolment(
        public=public,
        roles=tuple(options.role),
        holder=options.holder,
        logins=tuple(dict.fromkeys(options.login)),
        emails_sha256=tuple(dict.fromkeys(hashes)),
    )
    statement = add_key(
        public,
        enrolment.roles,
        enrolment.holder,
        logins=enrolment.logins,
        emails_sha256=enrolment.emails_sha256,
    )

    with open_notary(installation) as notary:
        notary.begin()
        # The log that the entry is appended to, read again: another worker may enrol somebody, too.
        log = read_log(notary.ledger, trusted_root(installation), KEYS_ALONE)
        check_enrolment(enrolment, log.keys)
        notary.append_signed([sign(statement.to_bytes(), notary.log_root_key())])

    roles = ", ".join(role for role in enrolment.roles if role != DEVELOPER)
    print(f"{_short(public)} " + (f"may sign for {roles} from now on" if roles else "is known now"))


def _revoke(options: argparse.Namespace, installation: Installation) -> None:
    log = _read_log_of_keys(installation)
    entry = find_key(options.keyid, log)
    until = log.head.size if options.valid_to is None else options.valid_to + 1
    # Later than the newest entry, whoever stole the key could still sign up to there.
    if not 0 <= until - 1 < log.head.size:
        raise ConfigError(
            "--valid-to",
            expected=f"an entry of the log, 0 to {log.head.size - 1}",
            found=str(options.valid_to),
            remedy="`keys list` shows from which entry each key is valid. Nothing was signed.",
        )
    if entry.until is not None and entry.until <= until:
        raise ConfigError(
            f"key {_short(entry.public)}",
            expected="one that is valid there",
            found=f"one that is void from entry {entry.until} on",
            remedy="A revocation is never taken back, nor moved to a later entry.",
        )
    _require_line("--reason", options.reason)

    _append(revoke_key(entry.public.keyid, until, options.reason), installation)
    print(f"{_short(entry.public)} is void from entry {until} on")


def _make(path: Path) -> LocalSigner:
    """Make a key in a new file.

    Raises:
        ConfigError: Something is there: the public half of somebody else's key would be printed,
            and enrolled, as one's own.
    """
    if os.path.lexists(path):
        raise ConfigError(
            path.name,
            expected="a file that does not exist yet",
            found="one that does",
            remedy="Name another. `openssl pkey -in FILE -pubout` shows the public half of a key.",
        )
    try:
        return LocalSigner.make(path)
    except OSError as error:
        raise _unusable(path, "a folder that can be written to", type(error).__name__) from error


def _read_public_key(path: Path) -> PublicKey:
    """Read one public key in PEM, and nothing beside it: the whole text is signed and kept."""
    try:
        data = read_regular_file(path, most_bytes=MOST_PEM_BYTES)
        text = data.decode("ascii").replace("\r\n", "\n").strip() + "\n"
    except OSError as error:
        raise _unusable(
            path, "a public key that can be read", describe_unreadable(error)
        ) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "a public key in PEM", "bytes that are no ASCII") from error

    if b"PRIVATE KEY" in data:
        raise _unusable(
            path,
            "a public key",
            "a private one",
            "Whoever saw it can sign with it: make another with `keys make`, which prints the "
            "public half.",
        )
    if PEM.fullmatch(text) is None:
        raise _unusable(path, "one public key in PEM and nothing beside it", "something else")

    public = PublicKey(text)
    try:
        public.scheme  # noqa: B018 - the key is read when it is first asked about
    except EvidenceError as error:
        raise _unusable(path, error.expected, error.found) from error
    return public


def _unusable(
    path: Path, expected: str, found: str, remedy: str = "`keys make` makes one."
) -> ConfigError:
    return ConfigError(
        path.name, expected=expected, found=found, remedy=f"{remedy} Nothing was signed."
    )


def _require_line(option: str, text: str) -> None:
    """Refuse what is no line of text: it is shown on terminals and pages for ever."""
    if not text.strip() or not text.isprintable():
        raise ConfigError(
            option,
            expected="a line of text",
            found="none, or one with control characters",
            remedy="Say why in one line. Nothing was signed.",
        )


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
        notary.append_signed([sign(statement.to_bytes(), notary.log_root_key())])


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
    logins = f" ({', '.join(entry.logins)})" if entry.logins else ""
    validity = f"valid from entry {entry.since}{until}"
    return f"{_listed_id(entry.public)}  {roles:12} {entry.holder + logins:10} {validity}"


def _listed_id(key: PublicKey) -> str:
    # Another program reads the whole of it.
    return _short(key) if sys.stdout.isatty() else key.keyid


def _short(key: PublicKey) -> str:
    return f"{key.keyid[:SHORT_KEYID]}…"
