"""`./portcullis keys`: who is enrolled, and what is refused before the root key signs."""

import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from flows.cli.proof import keys
from tasks.attestation.keyring import KeyRing
from tasks.attestation.predicates.records import LegalHold
from tasks.attestation.signing_keys import LocalSigner, signing_folder
from tasks.clearance.retention import hold
from tasks.errors import ConfigError, EvidenceError
from tasks.ledger.ledger import Ledger
from tasks.notary.notary import open_ledger, open_notary, trusted_root
from tasks.system.installation import Installation
from tasks.verifier.log_reader import EVERYTHING, KEYS_ALONE, Log, Selection, read_log
from tests.flows.cli import running
from tests.installations import installation_at

ANN = ("--role", "approval", "--holder", "ann-7", "--login", "ann", "--email", "ann+git@bank")


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation whose log has begun."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    installation = installation_at(tmp_path)
    with open_notary(installation) as notary:
        notary.begin()
    return installation


@pytest.fixture
def public_path(tmp_path: Path) -> Path:
    """The public half of ann's key, as she hands it in."""
    path = tmp_path / "ann.pub"
    path.write_text(LocalSigner.make(tmp_path / "ann.pem").public.pem)
    return path


def run(installation: Installation, *arguments: str | Path) -> int:
    return running.run(keys, installation, *arguments)


def read(installation: Installation, selection: Selection = KEYS_ALONE) -> Log:
    ledger = open_ledger(installation)
    try:
        return read_log(ledger, trusted_root(installation), selection)
    finally:
        ledger.close()


def ring_of(installation: Installation) -> KeyRing:
    return read(installation).keys


@pytest.mark.parametrize("role", ["log", "gate"])
@pytest.mark.parametrize("is_linked", [False, True])
def test_a_rotation_that_was_killed_after_it_was_recorded_is_finished_by_the_next(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, role: str, is_linked: bool
) -> None:
    with open_notary(installation) as notary:
        notary.enrolled("gate")

    name = "replace" if is_linked else "hardlink_to"
    undisturbed = getattr(Path, name)

    def kill(path: Path, target: Path) -> None:
        if path.parent.name == "signing":
            raise KeyboardInterrupt
        undisturbed(path, target)

    with monkeypatch.context() as killing:
        killing.setattr(Path, name, kill)
        with pytest.raises(KeyboardInterrupt):
            run(installation, "rotate", role)
    size = read(installation).head.size

    assert run(installation, "rotate", role) == 0
    assert read(installation).head.size == size
    with open_notary(installation) as notary:
        notary.record(hold("case-4", "", "court"))
        signing = notary.signer(role).public.keyid
    entry = ring_of(installation).entries[signing]
    assert (entry.roles, entry.until) == ((role,), None)
    folder = signing_folder(installation)
    assert not (folder / f"{role}.new.pem").exists()
    assert len(list(folder.glob(f"{role}.*.old"))) == 1


def refuse(installation: Installation, words: str, *arguments: str | Path) -> None:
    """Run an action that is refused in one line, with nothing signed."""
    size = read(installation).head.size
    with pytest.raises(ConfigError) as refused:
        run(installation, *arguments)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.exit_code == 2
    assert read(installation).head.size == size


def test_a_person_is_enrolled_with_logins_and_addresses(
    installation: Installation, public_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(installation, "enrol", public_path, *ANN, "--login", "ann@bank") == 0
    assert "may sign for approval from now on" in capsys.readouterr().out
    identity = ring_of(installation).identity_of("ann-7")
    assert identity.names == {"ann-7", "ann", "ann@bank"}
    assert len(identity.emails_sha256) == 2

    run(installation, "list")
    listed = capsys.readouterr().out
    assert "ann-7 (ann, ann@bank)" in listed
    # Another program reads it: no id is cut.
    ids = [line.split()[0] for line in listed.splitlines()]
    assert set(ids) == set(read(installation).keys.entries)


def test_a_developer_is_enrolled_to_be_known_and_signs_nothing(
    installation: Installation, public_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(installation, "enrol", public_path, "--role", "developer", *ANN[2:])
    assert "is known now" in capsys.readouterr().out


def test_a_key_is_enrolled_once(installation: Installation, public_path: Path) -> None:
    run(installation, "enrol", public_path, *ANN)
    refuse(installation, "a key that was never enrolled", "enrol", public_path, *ANN)


def test_a_revoked_key_is_not_enrolled_again(
    installation: Installation, public_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(installation, "enrol", public_path, *ANN)
    run(installation, "revoke", capsys.readouterr().out[:16], "--reason", "stolen")
    refuse(installation, "is void from entry", "enrol", public_path, *ANN)


def test_a_person_without_a_login_is_not_enrolled(
    installation: Installation, public_path: Path
) -> None:
    refuse(installation, "--login: expected the login", "enrol", public_path, *ANN[:4])


def test_a_key_with_windows_line_ends_is_the_same_key(
    installation: Installation, public_path: Path
) -> None:
    pem = public_path.read_bytes()
    public_path.write_bytes(pem.replace(b"\n", b"\r\n"))
    run(installation, "enrol", public_path, *ANN)
    (entry,) = ring_of(installation).keys_of("ann-7")
    assert entry.public.pem.encode() == pem


def test_a_private_key_is_refused_and_not_quoted(
    installation: Installation, tmp_path: Path, public_path: Path
) -> None:
    path = tmp_path / "ann.pem"
    secret = path.read_text().splitlines()[1]
    with pytest.raises(ConfigError, match="found a private one") as refused:
        run(installation, "enrol", path, *ANN)
    assert secret not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "one public key in PEM"),
        (b"ssh-ed25519 AAAA ann", "one public key in PEM"),
        (b"\xff\xfe", "bytes that are no ASCII"),
        (b"A" * 5000, "more than 4,096 bytes"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "a public key in PEM"),
    ],
)
def test_a_file_that_is_no_public_key_is_refused(
    installation: Installation, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "x.pub"
    path.write_bytes(content)
    refuse(installation, words, "enrol", path, *ANN)


def test_a_pipe_in_the_place_of_a_public_key_holds_nobody_up(
    installation: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "x.pub"
    os.mkfifo(path)
    refuse(installation, "no regular file", "enrol", path, *ANN)


@pytest.mark.parametrize("more", ["{pem}ann@bank: +49 30 1234\n", "Ann\n{pem}", "{pem}{pem}"])
def test_nothing_stands_beside_the_key_that_is_signed_and_kept(
    installation: Installation, public_path: Path, more: str
) -> None:
    public_path.write_text(more.format(pem=public_path.read_text()))
    refuse(installation, "nothing beside it", "enrol", public_path, *ANN)


def test_a_key_on_another_curve_is_refused(installation: Installation, tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    path = tmp_path / "x.pub"
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    refuse(installation, "an Ed25519 or P-256 key", "enrol", path, *ANN)


@pytest.mark.parametrize("name", ["absent.pub", "."])
def test_a_file_that_cannot_be_read_is_refused(
    installation: Installation, tmp_path: Path, name: str
) -> None:
    refuse(installation, "a public key that can be read", "enrol", tmp_path / name, *ANN)


def test_a_key_is_made_in_a_new_file_only(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    foreign = LocalSigner.make(tmp_path / "bob.pem")
    with pytest.raises(ConfigError, match="a file that does not exist yet"):
        run(installation, "make", tmp_path / "bob.pem")
    (tmp_path / "link.pem").symlink_to(tmp_path / "absent.pem")
    with pytest.raises(ConfigError, match="a file that does not exist yet"):
        run(installation, "make", tmp_path / "link.pem")
    assert foreign.public.pem not in capsys.readouterr().out


def test_a_key_is_not_made_where_nothing_can_be_written(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="a folder that can be written to"):
        run(installation, "make", tmp_path / "file" / "ann.pem")


@pytest.mark.parametrize("valid_to", ["-1", "-2", "3", "99"])
def test_a_key_is_revoked_at_an_entry_of_the_log(
    installation: Installation, public_path: Path, valid_to: str
) -> None:
    run(installation, "enrol", public_path, *ANN)
    (entry,) = ring_of(installation).keys_of("ann-7")
    asked = ("revoke", entry.public.keyid, "--reason", "stolen", f"--valid-to={valid_to}")
    refuse(installation, "--valid-to: expected an entry of the log, 0 to 2", *asked)


def test_a_revocation_is_not_moved_to_a_later_entry(
    installation: Installation, public_path: Path
) -> None:
    run(installation, "enrol", public_path, *ANN)
    (entry,) = ring_of(installation).keys_of("ann-7")
    asked = ("revoke", entry.public.keyid, "--reason", "stolen")
    run(installation, *asked, "--valid-to", "2")
    refuse(installation, "one that is void from entry 3 on", *asked)
    run(installation, *asked, "--valid-to", "1")
    (entry,) = ring_of(installation).keys_of("ann-7")
    assert entry.until == 2


def test_the_only_key_of_the_log_is_rotated_and_not_revoked(installation: Installation) -> None:
    with open_notary(installation) as notary:
        notary.record(hold("case-4", "", "court"))
        old = notary.signer("log").public.keyid
    asked = ("revoke", old, "--reason", "stolen")

    refuse(installation, "the only key that may sign for the log", *asked)
    refuse(installation, "the only key that may sign for the log", *asked, "--valid-to", "1")

    # Another has its place by then, and the log is read by it.
    assert run(installation, "rotate", "log") == 0
    assert run(installation, *asked, "--valid-to", "1") == 0
    with open_notary(installation) as notary:
        notary.record(hold("case-5", "", "court"))
    assert ring_of(installation).entries[old].until == 2


def test_what_every_reader_needs_is_not_voided_afterwards(installation: Installation) -> None:
    with open_notary(installation) as notary:
        index = notary.record(hold("case-4", "", "court")).index
        keyid = notary.signer("records").public.keyid
    asked = ("revoke", keyid, "--reason", "stolen")

    refuse(installation, f"1, the first of them entry {index}", *asked, "--valid-to", "1")

    # From now on it is: nothing of what it has signed is void by that.
    assert run(installation, *asked) == 0
    assert run(installation, "rotate", "records") == 0
    with open_notary(installation) as notary:
        notary.record(hold("case-5", "", "court"))


@pytest.mark.parametrize("role", ["log", "records"])
def test_a_rotation_voids_nothing_that_is_signed_meanwhile(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    with open_notary(installation) as notary:
        notary.record(hold("case-4", "", "court"))
    append = Ledger.append
    others: list[int] = []

    def append_after_another(*arguments: Any, **named: Any) -> int:
        if not others:
            others.append(0)
            with open_notary(installation) as notary:
                others[0] = notary.record(hold("case-5", "", "court")).index
        return append(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", append_after_another)
        with pytest.raises(EvidenceError, match="another process appends, too"):
            run(installation, "rotate", role)

    assert run(installation, "rotate", role) == 0
    holds = read(installation, EVERYTHING).required_statements(LegalHold)
    assert others[0] in {signed.index for signed in holds}


def test_a_key_that_nobody_knows_is_not_revoked(installation: Installation) -> None:
    refuse(installation, "exactly one key's id", "revoke", "abcdef", "--reason", "stolen")


@pytest.mark.parametrize("reason", ["", " ", "a\x1b[31mb", "a\nb"])
def test_a_revocation_says_why_in_a_line(
    installation: Installation, public_path: Path, reason: str
) -> None:
    run(installation, "enrol", public_path, *ANN)
    (entry,) = ring_of(installation).keys_of("ann-7")
    refuse(installation, "--reason", "revoke", entry.public.keyid, "--reason", reason)
