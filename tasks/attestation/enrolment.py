"""What is refused before the root key signs for a key: an entry of the ledger stays for ever."""

from dataclasses import dataclass

from tasks.attestation.identities import WORKER, Identity, fold_name, is_writable_name
from tasks.attestation.keyring import KeyEntry, KeyRing
from tasks.attestation.roles import PERSONAL
from tasks.attestation.signing_keys import PublicKey
from tasks.errors import ConfigError


@dataclass(frozen=True)
class Enrolment:
    """A key that is to get roles, and who holds it."""

    public: PublicKey
    roles: tuple[str, ...]
    holder: str
    logins: tuple[str, ...] = ()
    emails_sha256: tuple[str, ...] = ()

    @property
    def identity(self) -> Identity:
        """What it says about who the holder is."""
        return Identity.of((self.holder, *self.logins), self.emails_sha256)


def check_enrolment(enrolment: Enrolment, keys: KeyRing) -> None:
    """Refuse an enrolment that could not mean what it says.

    Raises:
        ConfigError: The first of these: a role is there twice; a name cannot be written; a person
            has no login, or the worker has one; the key was enrolled before, be it revoked by now;
            the holder is spelt in two ways; a name or an address is somebody else's.
    """
    _check_names(enrolment)
    _check_kind_of_holder(enrolment)

    # 1. A key is enrolled once, for one holder: a second entry would change nothing (`KeyRing`),
    #    and a key that was revoked stays so.
    if (known := keys.entries.get(enrolment.public.keyid)) is not None:
        raise _known_key(known)

    # 2. A person is spelt in one way, and no name and no address is of two people. Otherwise one of
    #    them could approve what the other made.
    if enrolment.holder == WORKER:
        return
    folded = fold_name(enrolment.holder)
    # Revoked keys count as well: whoever gave theirs up is still somebody.
    for entry in keys.entries.values():
        if not entry.is_of_person:
            continue
        if fold_name(entry.holder) == folded:
            _check_spelling(enrolment.holder, entry.holder)
        else:
            _check_stranger(enrolment, entry, keys)


def _check_names(enrolment: Enrolment) -> None:
    roles = enrolment.roles
    if len(set(roles)) < len(roles):
        twice = next(role for role in roles if roles.count(role) > 1)
        raise _refused("--role", "each role once", f"`{twice}` twice", "Name it once.")

    for option, names in (("--holder", (enrolment.holder,)), ("--login", enrolment.logins)):
        if any(not is_writable_name(name) for name in names):
            raise _refused(
                option,
                "1 to 128 letters and digits of ASCII, and ._@+\\-",
                "another character, or none",
                "Letters of other alphabets can look like these: enrol the name as the system "
                "that authenticates people spells it.",
            )


def _check_kind_of_holder(enrolment: Enrolment) -> None:
    personal = sorted(set(enrolment.roles) & set(PERSONAL))

    # Folded before it is compared: `Worker` would be a person to one reader and nobody to another.
    if fold_name(enrolment.holder) != WORKER:
        if personal and not enrolment.logins:
            raise _refused(
                "--login",
                f"the login of {enrolment.holder}, or several",
                f"none, for role `{personal[0]}`",
                "Without it nobody can tell whether they made what they approve.",
            )
        return

    if personal or enrolment.logins or enrolment.emails_sha256:
        raise _refused(
            "--holder",
            "the staff id of a person",
            f"`{WORKER}`, which is nobody",
            "Roles of people, logins and addresses belong to a person.",
        )
    _check_spelling(enrolment.holder, WORKER)


def _check_spelling(holder: str, known: str) -> None:
    if holder != known:
        raise _refused(
            "--holder", f"`{known}`, as it is enrolled", f"`{holder}`", "Spell it the same."
        )


def _check_stranger(enrolment: Enrolment, entry: KeyEntry, keys: KeyRing) -> None:
    stranger = keys.identity_of(entry.holder)
    if not enrolment.identity.shares(stranger):
        return

    names = (enrolment.holder, *enrolment.logins)
    # A name may be shown, for it is in the log in clear. Of an address only a hash is known.
    shared = next((f"`{name}`" for name in names if fold_name(name) in stranger.names), "")
    raise _refused(
        "keys enrol",
        f"names and addresses that only {enrolment.holder} has",
        f"{shared or 'an address'}, which is enrolled for {entry.holder}",
        "One login or address is one person's.",
    )


def _known_key(entry: KeyEntry) -> ConfigError:
    state = "" if entry.until is None else f" and is void from entry {entry.until} on"
    return _refused(
        f"key {entry.public.keyid[:16]}…",
        "a key that was never enrolled",
        f"one that entry {entry.since} enrolled for {entry.holder}{state}",
        "Make a new one with `keys make`; a key that was revoked never signs again.",
    )


def _refused(where: str, expected: str, found: str, remedy: str) -> ConfigError:
    return ConfigError(
        where, expected=expected, found=found, remedy=f"{remedy} Nothing was signed."
    )
