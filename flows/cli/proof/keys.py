"""`./portcullis keys`: show and change who may sign what.

Every change is an entry of the ledger, signed by its root key. `pin` is here because it asks for
that key, too.
"""

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.base.answering import print_json, print_result
from flows.cli.base.declaring import as_epilog, declare, installation_of, new_app
from flows.cli.base.options import Json, one_of
from flows.cli.proof.pin import set_pin
from tasks.attestation.dsse import sign
from tasks.attestation.enrolment import Enrolment, check_enrolment
from tasks.attestation.identities import addresses_sha256
from tasks.attestation.keyring import KeyEntry, add_key, revoke_key
from tasks.attestation.roles import (
    AUDITOR,
    DEVELOPER,
    ERASER,
    LOG,
    PERSONAL,
    RECORDS,
    ROLES,
    ROOT,
)
from tasks.attestation.signing_keys import LocalSigner, PublicKey, signing_folder
from tasks.attestation.statement import Statement
from tasks.errors import ConfigError, EvidenceError
from tasks.formats.regular_file import describe_unreadable, read_regular_file
from tasks.notary.notary import Notary, open_ledger, open_notary, trusted_root
from tasks.plain_text import one_line
from tasks.system.installation import Installation
from tasks.verifier.log_reader import KEYS_ALONE, Log, checked, read_log

SHORT_KEYID = 16  # characters that messages and file names show
MOST_PEM_BYTES = 4096  # a P-256 key needs 178
PEM = re.compile(r"-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]+\n-----END PUBLIC KEY-----\n")


# A person's key is on that person's machine, and the root key names the log: neither can be made
# anew here.
SERVICE_ROLES = tuple(role for role in ROLES if role not in (ROOT, *PERSONAL))
# Of receipts, records of key stores and prunes, a void one is an error to every reader, and no gap.
NEEDED_BY_ALL = (ERASER, AUDITOR, RECORDS)
GIVEN_ROLES = tuple(role for role in ROLES if role != ROOT)

EXAMPLES = """\
A second person, who may approve models. She makes her
key on her own machine, and keeps ann.pem:
  ./portcullis keys make ann.pem > ann.pub
  ./portcullis keys enrol ann.pub --role approval \\
    --holder ann-7 --login ann --email ann@example.org
  ./portcullis keys list

`./portcullis keys ACTION --help` explains an action.
"""
app = new_app()
app.info.epilog = as_epilog(EXAMPLES)


@declare(app, "list", purpose="Every key, its roles, and over which entries it is valid.")
def list_keys(context: typer.Context, *, is_json: Json = False) -> int:
    """Print a line for each key."""
    entries = _read_log_of_keys(installation_of(context)).keys.entries.values()
    if is_json:
        print_json({"keys": [_values_of(entry) for entry in entries]})
        return 0
    for entry in entries:
        print(one_line(_describe(entry)))
    return 0


@declare(app, "make", purpose="Make a key of your own, for approvals; prints its public half.")
def make(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A new file for the private half; nobody else may have it."
        ),
    ],
    *,
    is_json: Json = False,
) -> int:
    """Make a key and print its public half."""
    public = _make(file).public
    if is_json:
        print_json({"keyId": public.keyid, "publicKey": public.pem})
    else:
        print(public.pem, end="")

    return 0


@declare(app, "enrol", purpose="Give a person's, or another worker's, key a role.")
def enrol(
    context: typer.Context,
    public_path: Annotated[
        Path, typer.Argument(metavar="PUBLIC", help="The file with the public key (PEM).")
    ],
    *,
    role: Annotated[
        list[str],
        typer.Option(
            metavar="ROLE",
            help=f"What the key may sign, of {', '.join(GIVEN_ROLES)}; repeat it for each.",
            **one_of(GIVEN_ROLES),
        ),
    ],
    holder: Annotated[
        str, typer.Option(metavar="NAME", help="Staff id of the person, or `worker`.")
    ],
    login: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="A name under which the person starts runs, so that nobody approves their own; "
            "repeat it for each.",
            show_default=False,
        ),
    ] = None,
    email: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="An address of the person's commits, stored as a hash; repeat it for each.",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Record that a key may sign for these roles."""
    installation = installation_of(context)
    public = _read_public_key(public_path)
    # As hashes: the entry stays for ever, and everybody who has a bundle reads it.
    hashes = (value for address in email or () for value in addresses_sha256(address))
    enrolment = Enrolment(
        public=public,
        roles=tuple(role),
        holder=holder,
        logins=tuple(dict.fromkeys(login or ())),
        emails_sha256=tuple(dict.fromkeys(hashes)),
    )
    _append_enrolment(enrolment, installation)

    if is_json:
        print_json({"keyId": public.keyid, "holder": holder, "roles": list(enrolment.roles)})
        return 0
    roles = ", ".join(name for name in enrolment.roles if name != DEVELOPER)
    print(f"{_short(public)} " + (f"may sign for {roles} from now on" if roles else "is known now"))
    return 0


@declare(app, "rotate", purpose="Make a new key for a role, and void the old key from now on.")
def rotate(
    context: typer.Context,
    role: Annotated[
        str,
        typer.Argument(
            metavar="ROLE",
            help=f"What the key signs for: {', '.join(SERVICE_ROLES)}.",
            **one_of(SERVICE_ROLES),
        ),
    ],
    *,
    is_json: Json = False,
) -> int:
    """Make a new key for a role."""
    old, new, size = _rotate(role, installation_of(context))
    if is_json:
        print_json({"role": role, "oldKeyId": old.keyid, "newKeyId": new.keyid, "entries": size})
        return 0

    print(f"role `{role}`: {_short(old)} signed up to entry {size - 1}; {_short(new)} signs now")
    return 0


@declare(app, "revoke", purpose="Void a key from an entry on, even from a past entry.")
def revoke(
    context: typer.Context,
    keyid: Annotated[
        str,
        typer.Argument(
            metavar="KEYID", help="The key's id, or at least six digits of its beginning."
        ),
    ],
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; stays in the ledger.")],
    valid_to: Annotated[
        int | None,
        typer.Option(
            metavar="ENTRY",
            help="Number of the last entry that it may have signed, if it was stolen earlier "
            "(default: the newest).",
            show_default=False,
        ),
    ] = None,
    is_json: Json = False,
) -> int:
    """Record that a key is void from an entry on."""
    public, until = _revoke(keyid, valid_to, reason, installation_of(context))
    if is_json:
        print_json({"keyId": public.keyid, "voidFrom": until})
        return 0

    print(f"{_short(public)} is void from entry {until} on")
    return 0


@declare(app, "pin", purpose="Remember the ledger's head anew, where `ledger.pin` is missing.")
def pin(
    context: typer.Context,
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why it is missing; stays in the ledger.")
    ],
    first: Annotated[
        bool,
        typer.Option(
            "--first",
            help="This installation shares a ledger and has never read it: trust the root key "
            "that $PORTCULLIS_TRUST_ROOT names.",
        ),
    ] = False,
    is_json: Json = False,
) -> int:
    """Set the missing pin."""
    pinned = set_pin(reason, installation_of(context), is_first=first)
    return _print_done(str(pinned), pinned.to_dict(), is_json=is_json)


@declare(app, "renew-store", purpose="Begin a new key store where the old one is lost for good.")
def renew_key_store(
    context: typer.Context,
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="What became of it; every release shows it.")
    ],
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            help="Record the key store that lies here in a log that does not know it, instead of "
            "making a new one.",
        ),
    ] = False,
    is_json: Json = False,
) -> int:
    """Begin a new key store."""
    # Late: it reads key stores, which the other actions do not.
    from tasks.guard.renewal import renew_store

    renewed = renew_store(reason, installation_of(context), keep=keep)
    return _print_done(str(renewed), renewed.to_dict(), is_json=is_json)


@declare(
    app,
    "renew-journal",
    purpose="Begin a new journal of erasures where the old one is lost for good.",
)
def renew_erasure_journal(
    context: typer.Context,
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="What became of it; stays in the ledger.")
    ],
    is_json: Json = False,
) -> int:
    """Begin a new journal."""
    from tasks.erasure.journal import renew_journal

    folder = renew_journal(reason, installation_of(context))
    line = (
        "began a new journal of erasures: place every hold again, and ask whoever waited; what was "
        f"left of the old one lies in {folder}"
    )
    return _print_done(line, {"isNew": True, "setAside": str(folder)}, is_json=is_json)


def _print_done(line: str, values: dict[str, Any], *, is_json: bool) -> int:
    """Print the line that a person reads; a program gets it beside what it says."""
    print_result((line,), {"done": one_line(line), **values}, is_json=is_json)
    return 0


def _append_enrolment(enrolment: Enrolment, installation: Installation) -> None:
    statement = add_key(
        enrolment.public,
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


def _revoke(
    keyid: str, valid_to: int | None, reason: str, installation: Installation
) -> tuple[PublicKey, int]:
    """Void a key; return it, and the entry from which on it is void."""
    log = _read_log_of_keys(installation)
    entry = find_key(keyid, log)
    # `until` is the first entry for which the key is void, `--valid-to` the last for which it is
    # not.
    until = log.head.size if valid_to is None else valid_to + 1
    # Later than the newest entry, whoever stole the key could still sign up to there.
    if not 0 <= until - 1 < log.head.size:
        raise ConfigError(
            "--valid-to",
            expected=f"an entry of the log, 0 to {log.head.size - 1}",
            found=str(valid_to),
            remedy="`keys list` shows from which entry each key is valid. Nothing was signed.",
        )
    if entry.until is not None and entry.until <= until:
        raise ConfigError(
            f"key {_short(entry.public)}",
            expected="one that is valid there",
            found=f"one that is void from entry {entry.until} on",
            remedy="A revocation is never taken back, nor moved to a later entry.",
        )
    _require_line("--reason", reason)
    _require_survivable(entry, until, log, installation)

    # From the present entry on: what is signed by the key meanwhile would be void as well.
    size = log.head.size if valid_to is None else None
    _append(revoke_key(entry.public.keyid, until, reason), installation, size=size)
    return entry.public, until


def _require_survivable(entry: KeyEntry, until: int, log: Log, installation: Installation) -> None:
    """Refuse a revocation after which nobody could read the log any more.

    Raises:
        ConfigError: The key signs the log's heads, or has signed what every reader needs.
    """
    holders = [holder.public for holder in log.keys.holders(LOG, log.head.size)]
    if holders == [entry.public]:
        raise ConfigError(
            f"key {_short(entry.public)}",
            expected="one without which the log can be read",
            found="the only key that may sign for the log",
            remedy="`./portcullis keys rotate log` makes another, and voids this one. Nothing was "
            "signed.",
        )
    if not set(entry.roles) & set(NEEDED_BY_ALL):
        return

    ledger = open_ledger(installation)
    try:
        void = [
            index
            for index, record, body in ledger.entries(until, log.head.size)
            if body is not None
            and checked(index, record, body).envelope.keyid == entry.public.keyid
        ]
    finally:
        ledger.close()
    if void:
        raise ConfigError(
            f"key {_short(entry.public)}",
            expected="no receipt and no record among what it would void",
            found=f"{len(void)}, the first of them entry {void[0]}",
            remedy=f"The log would be refused by every erasure and release, for ever. Void it from "
            f"now on: `./portcullis keys rotate {entry.roles[0]}`. Nothing was signed.",
        )


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
        # A file that came by mail from Windows is the same key.
        text = data.decode("ascii").replace("\r\n", "\n").strip() + "\n"
    except OSError as error:
        raise _unusable(
            path, "a public key that can be read", describe_unreadable(error)
        ) from error
    except UnicodeDecodeError as error:
        raise _unusable(path, "a public key in PEM", "bytes that are no ASCII") from error

    # Before the form is asked: it would be refused by that, too, without a word that the key is
    # lost.
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


def _rotate(role: str, installation: Installation) -> tuple[PublicKey, PublicKey, int]:
    """Return the old key, the new one, and how many entries the old one may have signed."""
    with open_notary(installation) as notary:
        old = notary.signer(role)
        # By the file and not by the setting: what a key service holds, it has to make anew itself.
        path = signing_folder(installation) / f"{role}.pem"
        if not path.is_file():
            raise ConfigError(
                f"key of role `{role}`",
                expected="a key file",
                found="a key service",
                remedy="Rotate it there (`bao write -f transit/keys/…/rotate`), "
                "then `keys revoke` the old key.",
            )

        # Kept where an earlier rotation was interrupted: the ledger may know it by now.
        draft = path.with_name(f"{role}.new.pem")
        new = LocalSigner.make(draft)
        if (size := _size_of_rotation(old.public, new.public, notary, installation)) is None:
            size = _record_rotation(role, old.public, new, notary)

        # Files last: until the ledger knows the new key, the old file is the one that signs. At no
        # moment is there none, for which another key would be made.
        kept = path.with_name(f"{role}.{old.public.keyid[:SHORT_KEYID]}.old")
        try:
            kept.hardlink_to(path)
        except FileExistsError:
            pass  # of a rotation that was interrupted right here
        except OSError:  # a file system without hard links
            path.replace(kept)
        draft.replace(path)

    return old.public, new.public, size


def _size_of_rotation(
    old: PublicKey, new: PublicKey, notary: Notary, installation: Installation
) -> int | None:
    """Return how many entries a key signed whose rotation is recorded; None where it is not.

    A rotation that was killed between the ledger and the files leaves a key that signs no longer in
    the place of the one that does: of the log's key, no entry is appended any more.
    """
    if notary.ledger.head() is None:
        return None
    entries = read_log(notary.ledger, trusted_root(installation), KEYS_ALONE).keys.entries
    earlier, later = entries.get(old.keyid), entries.get(new.keyid)
    # A key that was revoked meanwhile takes nobody's place.
    is_recorded = earlier is not None and later is not None and later.until is None
    return earlier.until if earlier is not None and is_recorded else None


def _record_rotation(role: str, old: PublicKey, new: LocalSigner, notary: Notary) -> int:
    """Enrol the new key and void the old; return how many entries the old may have signed."""
    notary.begin()
    head = notary.ledger.head()
    size = head.size if head else 0
    root_key = notary.signer(ROOT)

    # Both at once, and over no other entry than these: what another process signed by the old key
    # in between would be void, and stay in the log for ever. The old key is void from the entry
    # after the new key's own: no entry is without a key.
    statements = (
        add_key(new.public, (role,), "worker", reason="rotation"),
        revoke_key(old.keyid, size + 1, "rotated"),
    )
    envelopes = [sign(statement.to_bytes(), root_key) for statement in statements]
    if role == LOG:
        # The new key signs the tree head under which the old key is void.
        notary.append_with(new, envelopes, signed_before=old, size=size)
    else:
        notary.append_signed(envelopes, size=size)
    return size + 1


def _append(statement: Statement, installation: Installation, *, size: int | None = None) -> None:
    with open_notary(installation) as notary:
        notary.begin()
        notary.append_signed([sign(statement.to_bytes(), notary.log_root_key())], size=size)


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
    # Six digits at least: a beginning that is typed by mistake should be no key's.
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


def _values_of(entry: KeyEntry) -> dict[str, Any]:
    return {
        "keyId": entry.public.keyid,
        "roles": list(entry.roles),
        "holder": entry.holder,
        "logins": list(entry.logins),
        "since": entry.since,
        "until": entry.until,
        "reason": entry.reason,
    }


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
