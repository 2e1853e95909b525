"""Time stamps by OpenSSL behind `urlopen`: a stamp counts for the bytes it was asked for alone."""

import io
import os
import subprocess
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from urllib.response import addinfourl

import pytest

from tasks.anchoring.anchor_files import MOST_ANSWER_BYTES
from tasks.anchoring.publishing import refusals
from tasks.anchoring.timestamp import TIMEOUT_SECONDS, stamp, stamped_at
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tests.installations import installation_with_home
from tests.tasks.small_log import SmallLog

CONFIGURATION = """
[tsa]
default_tsa = it
[it]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""
EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"


class FakeAuthority:
    """An authority (RFC 3161) with a root of its own; faults are set from outside."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[urllib.request.Request] = []
        self.answer: bytes | None = None
        self.is_down = False

    def open(self, request: urllib.request.Request, *, timeout: float) -> addinfourl:
        assert timeout == TIMEOUT_SECONDS
        self.requests.append(request)
        if self.is_down:
            raise urllib.error.URLError("no route")
        assert isinstance(request.data, bytes)
        answer = self.answer if self.answer is not None else self.reply(request.data)
        return addinfourl(io.BytesIO(answer), Message(), request.full_url, 200)

    def reply(self, query: bytes) -> bytes:
        """Stamp a query."""
        (self.folder / "query").write_bytes(query)
        self.openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def reply_to_data(self, data: bytes) -> bytes:
        """Stamp data that somebody else asked about, without a nonce."""
        (self.folder / "data").write_bytes(data)
        self.openssl(
            "ts", "-query", "-data", "data", "-sha512", "-cert", "-no_nonce", "-out", "query"
        )
        return self.reply((self.folder / "query").read_bytes())

    def openssl(self, *arguments: str) -> None:
        """Run OpenSSL in the authority's folder."""
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder)

    def make_root(self, name: str) -> None:
        """Make a root certificate that signs itself."""
        self.openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9"),
            *("-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"),
        )


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority's files; making its RSA keys is what takes the time."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "tsa.cnf").write_text(CONFIGURATION)
    (folder / "ext").write_text(EXTENSIONS)
    (folder / "serial").write_text("01\n")

    authority = FakeAuthority(folder)
    authority.make_root("root")
    authority.make_root("stranger")
    authority.openssl(
        *("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test tsa"),
        *("-keyout", "tsa.key", "-out", "tsa.csr"),
    )
    authority.openssl(
        *("x509", "-req", "-in", "tsa.csr", "-CA", "root.pem", "-CAkey", "root.key"),
        *("-CAcreateserial", "-out", "tsa.pem", "-days", "9", "-extfile", "ext"),
    )
    return folder


@pytest.fixture
def authority(certified: Path, monkeypatch: pytest.MonkeyPatch) -> FakeAuthority:
    """An authority that is configured."""
    fake = FakeAuthority(certified)
    monkeypatch.setattr(urllib.request, "urlopen", fake.open)
    monkeypatch.setenv("PORTCULLIS_TSA_URL", "https://tsa.example/")
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(certified / "root.pem"))
    return fake


@pytest.fixture
def three(small: SmallLog) -> SmallLog:
    """A log of three entries."""
    small.add(3)
    return small


def stamp_here(log: SmallLog) -> None:
    stamp(log.ledger, installation_with_home(log.folder))


def time_stamped(log: SmallLog, size: int) -> str:
    return stamped_at(installation_with_home(log.folder), size)


def anchors(log: SmallLog) -> list[str]:
    folder = log.folder / "anchors"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def test_a_stamp_and_the_bytes_it_is_about_are_kept(
    three: SmallLog, authority: FakeAuthority
) -> None:
    stamp_here(three)
    assert anchors(three) == ["3.stamped", "3.tsr"]
    assert (three.folder / "anchors/3.stamped").read_text() == three.note


def test_a_stamp_s_time_is_the_authority_s_in_utc(
    three: SmallLog, authority: FakeAuthority
) -> None:
    stamp_here(three)
    time = datetime.fromisoformat(time_stamped(three, 3))
    assert time.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - time) < timedelta(minutes=5)


def test_a_query_is_posted_as_one(three: SmallLog, authority: FakeAuthority) -> None:
    stamp_here(three)
    (request,) = authority.requests
    assert request.full_url == "https://tsa.example/"
    assert request.get_header("Content-type") == "application/timestamp-query"


def test_the_checkpoint_itself_is_not_sent(three: SmallLog, authority: FakeAuthority) -> None:
    stamp_here(three)
    query = authority.requests[0].data
    assert isinstance(query, bytes)
    assert three.origin.encode() not in query


def test_a_checkpoint_is_stamped_once(three: SmallLog, authority: FakeAuthority) -> None:
    stamp_here(three)
    stamp_here(three)
    assert len(authority.requests) == 1


def test_a_longer_log_gets_a_stamp_of_its_own(three: SmallLog, authority: FakeAuthority) -> None:
    stamp_here(three)
    three.add(1)
    stamp_here(three)
    assert anchors(three) == ["3.stamped", "3.tsr", "4.stamped", "4.tsr"]
    assert time_stamped(three, 3) <= time_stamped(three, 4)


def test_without_an_authority_nobody_is_asked(
    three: SmallLog, authority: FakeAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTCULLIS_TSA_URL")
    stamp_here(three)
    assert authority.requests == []
    assert anchors(three) == []


def test_a_stamp_of_another_hash_is_refused(three: SmallLog, authority: FakeAuthority) -> None:
    authority.answer = authority.reply_to_data(b"another checkpoint")
    with pytest.raises(EvidenceError, match="a stamp of the checkpoint that verifies"):
        stamp_here(three)
    assert anchors(three) == []


def test_an_answer_without_the_nonce_is_refused(three: SmallLog, authority: FakeAuthority) -> None:
    """Of the right bytes, and perhaps of last year."""
    authority.answer = authority.reply_to_data(three.note.encode())
    with pytest.raises(EvidenceError, match="a stamp of the checkpoint that verifies"):
        stamp_here(three)
    assert anchors(three) == []


def test_an_answer_that_is_played_back_is_refused(
    three: SmallLog, authority: FakeAuthority
) -> None:
    stamp_here(three)
    earlier_stamp = three.folder / "anchors/3.tsr"
    authority.answer = earlier_stamp.read_bytes()
    earlier_stamp.unlink()
    with pytest.raises(EvidenceError, match="a stamp of the checkpoint that verifies"):
        stamp_here(three)
    assert not earlier_stamp.exists()


def test_a_stamp_that_another_root_vouches_for_is_refused(
    three: SmallLog, authority: FakeAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(authority.folder / "stranger.pem"))
    with pytest.raises(EvidenceError, match=r"Check \$PORTCULLIS_TSA_ROOT"):
        stamp_here(three)
    assert anchors(three) == []


def test_one_of_several_roots_is_enough(
    three: SmallLog, authority: FakeAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    names = ("stranger.pem", "root.pem")
    roots.write_text("".join((authority.folder / name).read_text() for name in names))
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(roots))
    stamp_here(three)
    assert time_stamped(three, 3)


@pytest.mark.parametrize("path", ["", "/nowhere/root.pem", os.sep])
def test_an_authority_without_its_root_is_refused(
    three: SmallLog, authority: FakeAuthority, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", path)
    with pytest.raises(ConfigError, match="the authority's root certificate"):
        stamp_here(three)
    assert anchors(three) == []


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"<html>"])
def test_an_authority_that_answers_with_no_stamp_is_down(
    three: SmallLog, authority: FakeAuthority, answer: bytes
) -> None:
    authority.answer = answer
    with pytest.raises(ServiceError, match="time-stamping authority: expected an answer"):
        stamp_here(three)
    assert anchors(three) == []


def test_an_authority_that_cannot_be_reached_is_down_and_asked_again(
    three: SmallLog, authority: FakeAuthority
) -> None:
    authority.is_down = True
    with pytest.raises(ServiceError, match="found URLError"):
        stamp_here(three)
    authority.is_down = False
    stamp_here(three)
    assert time_stamped(three, 3)


@pytest.mark.parametrize("status", [0, 2])
def test_an_answer_without_a_stamp_in_it_is_a_refusal(
    three: SmallLog, authority: FakeAuthority, status: int
) -> None:
    """Status 2 is `rejection` (RFC 3161, 2.4.2); 0 should have come with a token."""
    authority.answer = bytes.fromhex("3005 3003 0201") + bytes([status])
    with pytest.raises(ServiceError, match=f"found status {status}, and no stamp"):
        stamp_here(three)
    assert anchors(three) == []


def test_a_root_that_is_no_certificate_is_refused(
    three: SmallLog, authority: FakeAuthority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "roots.pem").write_text("no certificate")
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(tmp_path / "roots.pem"))
    with pytest.raises(ConfigError, match="a file of another form"):
        stamp_here(three)
    assert anchors(three) == []


def test_a_size_without_a_stamp_has_no_time(three: SmallLog, authority: FakeAuthority) -> None:
    stamp_here(three)
    with pytest.raises(EvidenceError, match=r"2\.tsr: expected a time stamp that verifies"):
        time_stamped(three, 2)


def test_a_stamp_whose_checkpoint_is_gone_has_no_time(
    three: SmallLog, authority: FakeAuthority
) -> None:
    stamp_here(three)
    (three.folder / "anchors/3.stamped").unlink()
    with pytest.raises(EvidenceError, match=r"3\.tsr: .*FileNotFoundError"):
        time_stamped(three, 3)


def test_a_stamp_beside_another_checkpoint_has_no_time(
    three: SmallLog, authority: FakeAuthority
) -> None:
    stamp_here(three)
    (three.folder / "anchors/3.stamped").write_text(three.note.replace("\n3\n", "\n4\n"))
    with pytest.raises(EvidenceError, match=r"3\.tsr: .*VerificationError"):
        time_stamped(three, 3)


def test_a_stamp_that_was_cut_short_has_no_time(three: SmallLog, authority: FakeAuthority) -> None:
    stamp_here(three)
    path = three.folder / "anchors/3.tsr"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(EvidenceError, match=r"3\.tsr: expected a time stamp that verifies"):
        time_stamped(three, 3)


def test_a_stamp_in_another_size_s_place_has_no_time(
    three: SmallLog, authority: FakeAuthority
) -> None:
    stamp_here(three)
    three.add(1)
    stamp_here(three)
    (three.folder / "anchors/3.tsr").replace(three.folder / "anchors/4.tsr")
    with pytest.raises(EvidenceError, match=r"4\.tsr: .*VerificationError"):
        time_stamped(three, 4)


def test_an_answer_without_an_end_is_none(three: SmallLog, authority: FakeAuthority) -> None:
    authority.answer = bytes(MOST_ANSWER_BYTES + 1)
    with pytest.raises(ServiceError, match="found AnswerTooLongError"):
        stamp_here(three)
    assert anchors(three) == []


def test_a_stamp_that_could_not_be_kept_whole_is_asked_for_again(
    three: SmallLog, authority: FakeAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def full(draft: Path, target: Path) -> Path:
        if target.suffix == ".tsr":
            raise OSError("no room")
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no room"):
        stamp_here(three)
    monkeypatch.undo()
    monkeypatch.setattr(urllib.request, "urlopen", authority.open)
    monkeypatch.setenv("PORTCULLIS_TSA_URL", "https://tsa.example/")
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(authority.folder / "root.pem"))
    stamp_here(three)
    assert time_stamped(three, 3)


def test_registration_waits_for_a_stamp_where_an_authority_is_configured(
    three: SmallLog, authority: FakeAuthority
) -> None:
    installation = installation_with_home(three.folder)
    (line,) = refusals(three.ledger, 2, installation)
    assert line.startswith("time stamp: no checkpoint with entry 2 is stamped")
    stamp_here(three)
    assert refusals(three.ledger, 2, installation) == ()
    assert refusals(three.ledger, 3, installation) != ()
