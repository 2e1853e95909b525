"""Why a registration waits: anchors that are behind, ahead of, or beside the log here."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from tasks.anchoring import publishing
from tasks.anchoring.publishing import anchors_holding, identify_anchors, publish, refusals
from tasks.errors import EvidenceError, PortcullisError, ServiceError
from tasks.ledger.checkpoint import COSIGNATURE, key_hash
from tasks.ledger.ledger import Ledger
from tasks.settings import Settings
from tasks.system.installation import Installation
from tests.installations import installation_with_home
from tests.tasks.small_log import SmallLog


class FakeMirror:
    """A mirror in memory: what was pushed last, and what it says it holds."""

    def __init__(self) -> None:
        self.note: str | None = None
        self.failure: PortcullisError | None = None

    def push(self, ledger: Ledger) -> int:
        if self.failure:
            raise self.failure
        self.note = ledger.store.head()
        head = ledger.head()
        return head.size if head else 0

    def newest(self) -> str | None:
        if self.failure:
            raise self.failure
        return self.note


class Anchoring:
    """The anchors behind `publish`, and which of them were asked, in order."""

    def __init__(self) -> None:
        self.mirror = FakeMirror()
        self.asked: list[str] = []
        self.is_witness_away = False

    def open_mirror(self, _settings: Settings) -> FakeMirror:
        self.asked.append("mirror")
        return self.mirror

    def cosign(self, _ledger: Ledger, _installation: Installation) -> None:
        self.asked.append("witness")
        if self.is_witness_away:
            raise ServiceError("witness", expected="an answer", found="none", remedy="Wait.")

    def stamp(self, _ledger: Ledger, _installation: Installation) -> None:
        self.asked.append("authority")


@pytest.fixture
def anchoring(monkeypatch: pytest.MonkeyPatch) -> Anchoring:
    fake = Anchoring()
    monkeypatch.setattr(publishing, "open_mirror", fake.open_mirror)
    monkeypatch.setattr(publishing, "cosign", fake.cosign)
    monkeypatch.setattr(publishing, "stamp", fake.stamp)
    return fake


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return installation_with_home(tmp_path / "home")


@pytest.fixture
def other(tmp_path: Path) -> Iterator[SmallLog]:
    """Another log, of four entries, whose root differs because its entries do."""
    folder = tmp_path / "other"
    folder.mkdir()
    log = SmallLog(folder)
    log.add(4)
    yield log
    log.ledger.close()


def test_an_empty_log_is_not_published(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    assert publish(small.ledger, installation) == 0
    assert anchoring.asked == []


def test_the_mirror_comes_before_what_vouches_for_it(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    assert publish(small.ledger, installation) == 3
    assert anchoring.asked == ["mirror", "witness", "authority"]


def test_a_mirror_that_is_away_holds_up_none_of_the_others(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.failure = ServiceError("mirror", expected="one", found="none", remedy="Wait.")
    anchoring.is_witness_away = True
    with pytest.raises(ServiceError, match="mirror"):
        publish(small.ledger, installation)
    assert anchoring.asked == ["mirror", "witness", "authority"]


def test_a_mirror_that_knows_another_log_stops_the_others(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.failure = EvidenceError("mirror", expected="it", found="two", remedy="Look.")
    with pytest.raises(EvidenceError):
        publish(small.ledger, installation)
    assert anchoring.asked == ["mirror"]


def test_without_anchors_registration_waits_for_nothing(
    small: SmallLog, installation: Installation
) -> None:
    small.add(3)
    assert publish(small.ledger, installation) == 3
    assert refusals(small.ledger, 2, installation) == ()


def test_registration_waits_for_an_empty_mirror(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    (line,) = refusals(small.ledger, 2, installation)
    assert line.startswith("mirror: it is empty")


@pytest.mark.parametrize(("index", "lines"), [(0, 0), (2, 0), (3, 1)])
def test_registration_waits_until_its_entry_is_mirrored(
    small: SmallLog, installation: Installation, anchoring: Anchoring, index: int, lines: int
) -> None:
    small.add(3)
    publish(small.ledger, installation)
    small.add(1)
    assert len(refusals(small.ledger, index, installation)) == lines


def test_a_log_that_is_shorter_than_its_mirror_was_rolled_back(
    small: SmallLog, other: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.note = other.note
    (line,) = refusals(small.ledger, 2, installation)
    assert "it holds 4 entries, more than the log here: this copy was rolled back" in line


def roll_back_with_pin(small: SmallLog) -> None:
    """Restore database and pin of an earlier day together: both are genuine."""
    small.add(3)
    small.ledger.close()
    names = ("ledger.db", "ledger.pin")
    bodies = {name: (small.folder / name).read_bytes() for name in names}
    small.ledger = small.open()
    small.add(2)
    small.ledger.close()
    for name, body in bodies.items():
        (small.folder / name).write_bytes(body)
    small.ledger = small.open()


def test_database_and_pin_rolled_back_together_go_unnoticed_without_an_anchor(
    small: SmallLog, installation: Installation
) -> None:
    roll_back_with_pin(small)
    assert small.ledger.audit().size == 3
    assert refusals(small.ledger, 2, installation) == ()


def test_a_mirror_tells_that_database_and_pin_were_rolled_back_together(
    small: SmallLog, other: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    roll_back_with_pin(small)
    anchoring.mirror.note = other.note
    (line,) = refusals(small.ledger, 2, installation)
    assert "it holds 4 entries, more than the log here: this copy was rolled back" in line


def test_an_empty_log_beside_a_mirror_was_rolled_back(
    small: SmallLog, other: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    anchoring.mirror.note = other.note
    (line,) = refusals(small.ledger, 0, installation)
    assert "rolled back" in line


def test_a_log_of_other_entries_than_its_mirror_s_is_refused(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    encoded_root = small.note.split("\n")[2]
    anchoring.mirror.note = small.note.replace(encoded_root, f"{'A' * 43}=")
    (line,) = refusals(small.ledger, 2, installation)
    assert "not the one that was mirrored at 3 entries" in line


def test_a_mirrored_note_that_is_no_checkpoint_is_a_refusal_and_no_crash(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.note = "nonsense"
    (line,) = refusals(small.ledger, 2, installation)
    assert "checkpoint: expected three lines" in line


@pytest.fixture
def every_anchor(
    installation: Installation, anchoring: Anchoring, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """An installation with mirror, witness and authority; the witness has cosigned nothing yet."""
    name, public = "w", bytes(32)
    key = base64.b64encode(COSIGNATURE + public).decode()
    settings = replace(
        installation.settings,
        witness_url="http://127.0.0.1:1",
        witness_key=f"{name}+{key_hash(name, public, COSIGNATURE).hex()}+{key}",
        tsa_url="http://127.0.0.1:1",
    )
    return replace(installation, settings=settings)


def test_an_anchor_that_knows_another_log_hides_no_refusal_of_the_others(
    small: SmallLog, every_anchor: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.note = "nonsense"
    mirror, witness, stamp = refusals(small.ledger, 2, every_anchor)
    assert "checkpoint: expected three lines" in mirror
    assert witness.startswith("witness: it has cosigned 0 entries, not entry 2")
    assert stamp.startswith("time stamp: no checkpoint with entry 2 is stamped")


def test_a_mirror_that_is_away_hides_no_refusal_of_the_others(
    small: SmallLog, every_anchor: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.failure = ServiceError("mirror", expected="one", found="none", remedy="Wait.")
    witness, stamp, mirror = refusals(small.ledger, 2, every_anchor)
    assert witness.startswith("witness:")
    assert stamp.startswith("time stamp:")
    assert mirror == "mirror: expected one; found none. Wait."


def test_a_mirror_that_is_away_alone_is_no_refusal(
    small: SmallLog, installation: Installation, anchoring: Anchoring
) -> None:
    small.add(3)
    anchoring.mirror.failure = ServiceError("mirror", expected="one", found="none", remedy="Wait.")
    with pytest.raises(ServiceError, match="mirror: expected one"):
        refusals(small.ledger, 2, installation)


def test_a_mirror_that_knows_another_log_is_a_refusal_and_no_crash(
    small: SmallLog,
    installation: Installation,
    anchoring: Anchoring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> str:
        raise EvidenceError("mirror", expected="this log", found="another", remedy="Compare.")

    monkeypatch.setattr(anchoring.mirror, "newest", refuse)
    small.add(3)
    (line,) = refusals(small.ledger, 2, installation)
    assert "expected this log; found another" in line


# What holds an entry, and whose it is


MIRROR = "s3://bank/log"


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation with a mirror and nothing else."""
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR", MIRROR)
    return installation_with_home(tmp_path / "home")


def test_nothing_holds_an_entry_where_nothing_is_configured(
    small: SmallLog, installation: Installation
) -> None:
    small.add(3)
    assert anchors_holding(small.ledger, 2, installation) == {}


@pytest.mark.parametrize(("index", "holding"), [(2, {"mirror": MIRROR}), (3, {})])
def test_a_mirror_holds_what_was_mirrored(
    small: SmallLog,
    mirrored: Installation,
    anchoring: Anchoring,
    index: int,
    holding: dict[str, str],
) -> None:
    small.add(3)
    publish(small.ledger, mirrored)
    small.add(1)
    assert anchors_holding(small.ledger, index, mirrored) == holding


def test_a_mirror_of_another_log_holds_nothing(
    small: SmallLog,
    other: SmallLog,
    mirrored: Installation,
    anchoring: Anchoring,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small.add(5)
    anchoring.mirror.note = other.note
    monkeypatch.setattr(small.ledger, "root_hash", lambda _size: bytes(32))
    assert anchors_holding(small.ledger, 2, mirrored) == {}


def test_a_mirror_at_another_endpoint_is_another(
    monkeypatch: pytest.MonkeyPatch, mirrored: Installation, tmp_path: Path
) -> None:
    monkeypatch.setenv("PORTCULLIS_LEDGER_MIRROR_ENDPOINT", "http://localhost:9000")
    elsewhere = installation_with_home(tmp_path / "home").settings
    assert identify_anchors(mirrored.settings) == {"mirror": MIRROR}
    assert identify_anchors(elsewhere) == {"mirror": f"{MIRROR} at http://localhost:9000"}


def test_an_authority_is_known_by_its_root_certificates(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(b"certificates")
    monkeypatch.setenv("PORTCULLIS_TSA_URL", "http://tsa.example")
    monkeypatch.setenv("PORTCULLIS_TSA_ROOT", str(tmp_path / "root.pem"))
    settings = installation_with_home(tmp_path / "home").settings
    assert identify_anchors(settings) == {"timestamp": sha256(b"certificates").hexdigest()}
