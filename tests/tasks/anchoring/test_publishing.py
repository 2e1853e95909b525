"""Publishing to an S3 server with Object Lock, to an honest witness and to OpenSSL's authority."""

import base64
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from tasks.anchoring.mirror import Mirror, open_mirror
from tasks.anchoring.publishing import anchors_holding, publish, refusals
from tasks.anchoring.timestamp import stamp, stamped_at
from tasks.anchoring.witness import Witness, cosign, cosigned_up_to
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError, EvidenceError, ServiceError
from tasks.ledger.checkpoint import COSIGNATURE, cosigned_bytes, key_hash, read_checkpoint
from tasks.ledger.merkle import leaf_hash, root_hash_of, verify_consistency
from tasks.ledger.tiles import Record
from tests.installations import installation_with_home, settings_now
from tests.tasks.small_log import SmallLog


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(
    s3_address: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> tuple[Any, str]:
    """A bucket with Object Lock; configures the mirror."""
    import boto3

    bucket = f"log-{abs(hash(request.node.name)) % 10**8}"
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "k"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("PORTCULLIS_LEDGER_MIRROR", f"s3://{bucket}/ledger"),
        ("PORTCULLIS_LEDGER_MIRROR_DAYS", "30"),
        ("PORTCULLIS_LEDGER_MIRROR_ENDPOINT", s3_address),
    ):
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3_address)
    client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return client, bucket


def the_mirror() -> Mirror:
    """Open the mirror that is configured."""
    mirror = open_mirror(settings_now())
    assert mirror is not None
    return mirror


def keys(s3: tuple[Any, str]) -> list[str]:
    client, bucket = s3
    return [each["Key"] for each in client.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_the_mirror_holds_tiles_entries_bodies_and_checkpoints_by_their_names(
    small: SmallLog, s3: tuple[Any, str]
) -> None:
    small.add(300)
    assert the_mirror().push(small.ledger) == 300
    small.add(300)
    assert the_mirror().push(small.ledger) == 600
    names = set(keys(s3))
    assert {
        "ledger/tile/0/000",
        "ledger/tile/0/001",
        "ledger/tile/0/002.p/88",
        "ledger/tile/1/000.p/2",
    } <= names
    assert {"ledger/tile/entries/000", "ledger/checkpoint/0000000000000600"} <= names
    assert the_mirror().newest() == small.ledger.store.head()
    assert sum(name.startswith("ledger/body/") for name in names) == 600


def test_another_implementation_s_reading_of_the_tiles_comes_to_the_root(
    small: SmallLog, s3: tuple[Any, str]
) -> None:
    """By the text of tlog-tiles alone.

    Entry bundles are length-prefixed, leaves are RFC 6962 hashes of them.
    """
    client, bucket = s3
    small.add(300)
    the_mirror().push(small.ledger)
    leaves = []
    for name in ("000", "001.p/44"):
        data = client.get_object(Bucket=bucket, Key=f"ledger/tile/entries/{name}")["Body"].read()
        while data:
            length = int.from_bytes(data[:2])
            leaves.append(leaf_hash(data[2 : 2 + length]))
            data = data[2 + length :]
        tile = client.get_object(Bucket=bucket, Key=f"ledger/tile/0/{name}")["Body"].read()
        assert tile == b"".join(leaves[-(len(tile) // 32) :])
    head = small.ledger.head()
    assert head is not None
    assert root_hash_of(leaves) == head.root_hash


def test_objects_are_locked_and_never_overwritten(small: SmallLog, s3: tuple[Any, str]) -> None:
    client, bucket = s3
    small.add(3)
    the_mirror().push(small.ledger)
    key = "ledger/checkpoint/0000000000000003"
    version = client.list_object_versions(Bucket=bucket, Prefix=key)["Versions"][0]["VersionId"]
    assert client.head_object(Bucket=bucket, Key=key)["ObjectLockMode"] == "COMPLIANCE"
    with pytest.raises(client.exceptions.ClientError):
        client.delete_object(Bucket=bucket, Key=key, VersionId=version)
    assert the_mirror().push(small.ledger) == 3  # again: the same bytes are no fault
    client.put_object(Bucket=bucket, Key=key, Body=b"forged")  # what a lock alone does not stop
    assert the_mirror().newest() == small.ledger.store.head()


def test_a_fork_can_not_be_mirrored_over_the_log(
    small: SmallLog, s3: tuple[Any, str], tmp_path: Path
) -> None:
    from tests.tasks.small_log import SmallLog

    small.add(3)
    the_mirror().push(small.ledger)
    (tmp_path / "fork").mkdir()
    fork = SmallLog(tmp_path / "fork")
    fork.ledger.append(
        [(Record.of(b"x%d" % n, b"x%d" % n), b"x%d" % n) for n in range(3)],
        fork.signer,
        fork.origin,
    )
    with pytest.raises(EvidenceError, match="found something else, written earlier"):
        the_mirror().push(fork.ledger)
    assert (
        "is not the one that was mirrored"
        in refusals(fork.ledger, 0, installation_with_home(tmp_path))[0]
    )
    fork.ledger.close()


def test_registration_waits_for_the_mirror(
    small: SmallLog, s3: tuple[Any, str], tmp_path: Path
) -> None:
    small.add(5)
    assert refusals(small.ledger, 4, installation_with_home(tmp_path)) == (
        "mirror: it is empty; run `./portcullis anchor`",
    )
    publish(small.ledger, installation_with_home(tmp_path))
    assert refusals(small.ledger, 4, installation_with_home(tmp_path)) == ()
    small.add(1)
    assert (
        "it holds 5 entries, not entry 5"
        in refusals(small.ledger, 5, installation_with_home(tmp_path))[0]
    )


def test_a_mirror_that_is_down_or_half_configured(
    small: SmallLog, s3: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(1)
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ServiceError, match="mirror"):
        the_mirror().push(small.ledger)
    monkeypatch.delenv("PORTCULLIS_LEDGER_MIRROR_DAYS")
    with pytest.raises(ConfigError, match="no default"):
        open_mirror(settings_now())
    assert Mirror.__doc__


class WitnessServer(HTTPServer):
    """What a witness remembers of one log, and how it behaves."""

    seen: tuple[int, bytes]
    mute: bool
    signer: LocalSigner
    who: Witness


class Cosigner(BaseHTTPRequestHandler):
    """A witness as C2SP's tlog-witness describes it, with a memory of one log."""

    server: WitnessServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        request, _, note = body.partition("\n\n")
        first, *proof = request.split("\n")
        head, old = read_checkpoint(note)[0], int(first.removeprefix("old "))
        size, root = self.server.seen
        steps = [base64.b64decode(step) for step in proof]
        if old != size:
            return self.answer(409, str(size))
        if size and not verify_consistency(size, head.size, root, head.root_hash, steps):
            return self.answer(422, "")
        self.server.seen = (head.size, head.root_hash)
        signer, time = self.server.signer, 1_800_000_000
        signature = time.to_bytes(8) + signer.sign(cosigned_bytes(head, time))
        line = base64.b64encode(
            key_hash("w.example", signer.public.raw, COSIGNATURE) + signature
        ).decode()
        return self.answer(200, "" if self.server.mute else f"— w.example {line}\n")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *arguments: str) -> None:
        pass


@pytest.fixture
def witness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WitnessServer]:
    server = WitnessServer(("127.0.0.1", 0), Cosigner)
    server.seen, server.mute, server.signer = (
        (0, b""),
        False,
        LocalSigner.make(tmp_path / "witness.pem"),
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    raw = server.signer.public.raw
    key_id = key_hash("w.example", raw, COSIGNATURE).hex()
    key = f"w.example+{key_id}+{base64.b64encode(COSIGNATURE + raw).decode()}"
    monkeypatch.setenv("PORTCULLIS_WITNESS_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PORTCULLIS_WITNESS_KEY", key)
    server.who = Witness.parse(key)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_witness_cosigns_what_continues(
    small: SmallLog, witness: WitnessServer, tmp_path: Path
) -> None:
    for more in (3, 300, 1):
        small.add(more)
        cosign(small.ledger, installation_with_home(tmp_path))
        cosign(small.ledger, installation_with_home(tmp_path))
        assert cosigned_up_to(small.ledger, tmp_path, witness.who) == small.size
    assert refusals(small.ledger, 303, installation_with_home(tmp_path)) == ()
    small.add()
    assert (
        "it has cosigned 304 entries, not entry 304"
        in refusals(small.ledger, 304, installation_with_home(tmp_path))[0]
    )


def test_a_witness_that_saw_more_than_we_remember(
    small: SmallLog, witness: WitnessServer, tmp_path: Path
) -> None:
    small.add(3)
    cosign(small.ledger, installation_with_home(tmp_path))
    shutil.rmtree(tmp_path / "anchors")
    small.add(2)
    cosign(small.ledger, installation_with_home(tmp_path))
    assert cosigned_up_to(small.ledger, tmp_path, witness.who) == 5


def test_a_fork_is_not_cosigned_and_a_rolled_back_log_is_found_out(
    small: SmallLog, witness: WitnessServer, tmp_path: Path
) -> None:
    from tests.tasks.small_log import SmallLog

    small.add(5)
    cosign(small.ledger, installation_with_home(tmp_path))
    (tmp_path / "fork").mkdir()
    fork = SmallLog(tmp_path / "fork")
    fork.ledger.append(
        [(Record.of(b"x%d" % n, b"x%d" % n), b"x") for n in range(7)], fork.signer, fork.origin
    )
    with pytest.raises(EvidenceError, match="does not continue"):
        cosign(fork.ledger, installation_with_home(tmp_path))
    assert (
        "expected the log that it cosigned at 5 entries"
        in refusals(fork.ledger, 3, installation_with_home(tmp_path))[0]
    )
    fork.ledger.close()


def test_a_witness_that_does_not_sign_or_is_down(
    small: SmallLog, witness: WitnessServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(1)
    witness.mute = True
    with pytest.raises(EvidenceError, match="none that verifies"):
        cosign(small.ledger, installation_with_home(tmp_path))
    monkeypatch.setenv("PORTCULLIS_WITNESS_URL", "http://127.0.0.1:9")
    with pytest.raises(ServiceError, match="witness"):
        cosign(small.ledger, installation_with_home(tmp_path))


@pytest.mark.parametrize(
    "key",
    ["", "a+b", "w.example+00000000+BAAA", "w.example+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/"],
)
def test_what_is_no_witness_s_key(key: str) -> None:
    with pytest.raises(ConfigError, match="WITNESS_KEY"):
        Witness.parse(key)


class Authority(HTTPServer):
    """Whether a time-stamping authority answers as it should, and where its files lie."""

    honest: bool
    folder: Path


TSA = """
[tsa]
default_tsa = it
[it]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
ess_cert_id_alg = sha256
"""


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """A time-stamping authority by OpenSSL, with a root of its own."""
    folder = tmp_path / "tsa"
    folder.mkdir()
    (folder / "serial").write_text("01\n")
    (folder / "tsa.cnf").write_text(TSA.format(folder=folder))
    (folder / "ext").write_text(
        "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"
    )

    def openssl(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["openssl", *arguments], check=True, capture_output=True, cwd=folder, **options
        )

    new = ("req", "-newkey", "rsa:2048", "-nodes")
    openssl(
        *new,
        "-x509",
        "-keyout",
        "root.key",
        "-out",
        "root.pem",
        "-subj",
        "/CN=test root",
        "-days",
        "9",
    )
    openssl(*new, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=test tsa")
    sign = "x509 -req -in tsa.csr -CA root.pem -CAkey root.key -CAcreateserial -out tsa.pem"
    openssl(*sign.split(), "-days", "9", "-extfile", "ext")

    class Stamper(BaseHTTPRequestHandler):
        server: Authority

        def do_POST(self) -> None:
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            openssl(
                "ts",
                "-reply",
                "-config",
                "tsa.cnf",
                "-section",
                "it",
                "-queryfile",
                "query",
                "-out",
                "reply",
            )
            data = (folder / "reply").read_bytes() if self.server.honest else b"nonsense"
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: str) -> None:
            pass

    server = Authority(("127.0.0.1", 0), Stamper)
    server.honest, server.folder = True, folder
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PORTCULLIS_TSA_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(folder / "root.pem"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_checkpoint_is_stamped_and_openssl_agrees(
    small: SmallLog, authority: Authority, tmp_path: Path
) -> None:
    small.add(3)
    stamp(small.ledger, installation_with_home(tmp_path))
    assert stamped_at(installation_with_home(tmp_path), 3).startswith("20")
    anchors = tmp_path / "anchors"
    response = ("-in", anchors / "3.tsr", "-CAfile", authority.folder / "root.pem")
    done = subprocess.run(
        ["openssl", "ts", "-verify", *response, "-data", anchors / "3.stamped"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Verification: OK" in done.stdout + done.stderr
    (anchors / "3.stamped").write_text("another checkpoint")
    with pytest.raises(EvidenceError, match="a time stamp that verifies"):
        stamped_at(installation_with_home(tmp_path), 3)


def test_an_authority_that_talks_nonsense_or_is_not_trusted(
    small: SmallLog, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.add(3)
    authority.honest = False
    with pytest.raises(ServiceError, match="time-stamping"):
        stamp(small.ledger, installation_with_home(tmp_path))
    authority.honest = True
    other = tmp_path / "other.pem"
    new = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-x509", "-subj", "/CN=x"]
    subprocess.run(
        [*new, "-keyout", tmp_path / "k", "-out", other], check=True, capture_output=True
    )
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(other))
    with pytest.raises(EvidenceError, match="a stamp of the checkpoint that verifies"):
        stamp(small.ledger, installation_with_home(tmp_path))
    monkeypatch.delenv("PORTCULLIS_TSA_ROOT")
    with pytest.raises(ConfigError, match="root certificate"):
        stamp(small.ledger, installation_with_home(tmp_path))


@pytest.mark.parametrize(("index", "is_held"), [(2, True), (3, False)])
def test_a_time_stamp_holds_what_was_stamped(
    small: SmallLog, authority: Authority, tmp_path: Path, index: int, is_held: bool
) -> None:
    small.add(3)
    installation = installation_with_home(tmp_path)
    stamp(small.ledger, installation)
    small.add(1)
    assert bool(anchors_holding(small.ledger, index, installation)) is is_held


@pytest.mark.parametrize("suffix", ["tsr", "stamped"])
def test_a_time_stamp_that_was_edited_holds_nothing(
    small: SmallLog, authority: Authority, tmp_path: Path, suffix: str
) -> None:
    small.add(3)
    installation = installation_with_home(tmp_path)
    stamp(small.ledger, installation)
    (tmp_path / "anchors" / f"3.{suffix}").write_text("something else")
    assert anchors_holding(small.ledger, 2, installation) == {}
