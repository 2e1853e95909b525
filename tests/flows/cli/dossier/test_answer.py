"""`answer`: what a person signs, the next dossier shows; what nobody would count is refused."""

import json
from pathlib import Path

import pytest

from flows.cli.dossier import answer, write
from tasks.attestation.dsse import sign
from tasks.attestation.keyring import add_key
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError, EvidenceError
from tasks.notary.notary import open_ledger, open_notary
from tasks.system.installation import Installation
from tests.flows.cli.running import run
from tests.tasks.judged import CASE

ASKED = "ISO-A.9"  # of the business owner, who signs alone


def enrol(installation: Installation, role: str) -> Path:
    path = installation.workspace.parent / "carla.pem"
    statement = add_key(LocalSigner.make(path).public, (role,), "carla")
    with open_notary(installation) as notary:
        notary.append_signed([sign(statement.to_bytes(), notary.signer("root"))])
    return path


def text_file(installation: Installation, content: bytes) -> Path:
    path = installation.workspace.parent / "answer.txt"
    path.write_bytes(content)
    return path


def size_of(installation: Installation) -> int:
    ledger = open_ledger(installation)
    head = ledger.head()
    ledger.close()
    assert head is not None
    return head.size


def test_a_signed_answer_is_shown_with_its_entry(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = enrol(installation, "compliance")
    file = text_file(installation, b"For applications of private people alone.\n")
    code = run(answer, installation, CASE, ASKED, "--file", file, "--key", key, "--json")
    assert code == 0
    entry = json.loads(capsys.readouterr().out)["entry"]

    folder = tmp_path / "dossier"
    assert run(write, installation, CASE, "--output", folder) == 0
    rows = json.loads((folder / "dossier.json").read_text())["pages"]["part-frameworks"]
    row = next(row for row in rows if ASKED in row["labels"])
    assert row["text"].startswith("For applications of private people alone. (carla, ")
    assert [reference["entry"] for reference in row["references"]] == [entry]


REFUSED = {
    "an e-mail address": b"Ask jane.doe@example.org.",
    "nothing": b" \n ",
    "no text": b"\xff\xfe\x00",
    "a control character": b"yes\x1b[2J",
    "a mark that turns the direction": "yes \u202e".encode() + b"no",
    "a document": b"x" * (33 << 10),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_text_that_may_not_be_kept_is_refused(installation: Installation, what: str) -> None:
    key = enrol(installation, "compliance")
    before = size_of(installation)
    file = text_file(installation, REFUSED[what])
    with pytest.raises(ConfigError) as error:
        run(answer, installation, CASE, ASKED, "--file", file, "--key", key)
    assert "jane" not in str(error.value)
    assert size_of(installation) == before


def test_a_requirement_that_there_is_not_is_refused(installation: Installation) -> None:
    key = enrol(installation, "compliance")
    file = text_file(installation, b"Yes.")
    with pytest.raises(ConfigError, match="requirement"):
        run(answer, installation, CASE, "DPIA-99", "--file", file, "--key", key)


def test_a_key_of_nobody_is_refused(installation: Installation) -> None:
    path = installation.workspace.parent / "stranger.pem"
    LocalSigner.make(path)
    file = text_file(installation, b"Yes.")
    with pytest.raises(EvidenceError):
        run(answer, installation, CASE, ASKED, "--file", file, "--key", path)


def test_a_developer_s_key_answers_nothing(installation: Installation) -> None:
    key = enrol(installation, "developer")
    file = text_file(installation, b"Yes.")
    with pytest.raises(EvidenceError):
        run(answer, installation, CASE, ASKED, "--file", file, "--key", key)
