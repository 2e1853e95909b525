"""Commands about evidence: what they refuse before anything is signed, written or removed."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flows.cli.base.own_key import KEY
from flows.cli.base.usage import UsageError
from flows.cli.proof import accept, anchor, approve, audit, bundle, keys, prove, prune, verify
from tasks.attestation.signing_keys import LocalSigner
from tasks.errors import ConfigError, DataError, EvidenceError
from tasks.system.installation import Installation
from tests.cases import write_case
from tests.flows.cli.running import parse, run
from tests.flows.workspace import CASE, case, write_case_files
from tests.installations import installation_at

MODEL = f"sha256:{'0' * 64}"


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A checkout with one use case, in which nothing has run yet."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv(KEY, raising=False)
    write_case_files(tmp_path)
    write_case(tmp_path, CASE, case())
    return installation_at(tmp_path)


def approval(*arguments: str) -> tuple[str, ...]:
    return (CASE, "--model", MODEL, "--reason", "sound", "--expires", "2099-12-31", *arguments)


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (accept, ("lone",)),
        (approve, ("lone", *approval()[1:])),
        (bundle, ("lone", "--output", "b.zip")),
        (prove, ("lone", "--decision", "1", "--output", "p.zip")),
        (verify, ("lone",)),
    ],
)
def test_a_use_case_that_does_not_exist_is_refused_by_its_name(
    installation: Installation, command: ModuleType, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(ConfigError, match="lone"):
        run(command, installation, *arguments)


def key_in(folder: Path) -> str:
    LocalSigner.make(folder / "own.pem")
    return str(folder / "own.pem")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (bundle, (CASE, "--output", "taken")),
        (bundle, (CASE, "--output", "missing/b.zip")),
        (bundle, (CASE, "--output", "b.zip", "--verifier", "taken")),
        (bundle, (CASE, "--output", "b.zip", "--verifier", "b.zip")),
        (prove, (CASE, "--decision", "1", "--output", "taken")),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_the_ledger_is_read(
    installation: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: ModuleType,
    arguments: tuple[str, ...],
) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no such file|a folder that exists|another file"):
        run(command, installation, *arguments)
    assert not (tmp_path / "b.zip").exists()


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (bundle, (CASE, "--output", "b.zip", "--model", MODEL)),
        (verify, (CASE, "--model", MODEL)),
        (anchor, ()),
    ],
)
def test_an_empty_ledger_proves_nothing(
    installation: Installation, command: ModuleType, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(EvidenceError, match="expected entries; found none"):
        run(command, installation, *arguments)


@pytest.mark.parametrize("command", [bundle, verify, approve])
@pytest.mark.parametrize("digest", ["", "sha256:", "the latest", "0" * 63])
def test_a_model_that_is_no_digest_is_not_the_one_in_data(
    installation: Installation, tmp_path: Path, command: ModuleType, digest: str
) -> None:
    arguments = {
        bundle: (CASE, "--output", "b.zip"),
        verify: (CASE,),
        approve: (CASE, "--reason", "sound", "--expires", "2099-12-31", "--key", key_in(tmp_path)),
    }
    with pytest.raises(ConfigError, match="--model: expected the digest of a model"):
        run(command, installation, *arguments[command], "--model", digest)


def test_without_a_model_there_is_none_to_verify(installation: Installation) -> None:
    with pytest.raises(DataError, match=f"release {CASE}"):
        run(verify, installation, CASE)


def test_an_approval_needs_a_key_and_says_how_to_make_one(installation: Installation) -> None:
    with pytest.raises(ConfigError, match="keys make FILE"):
        run(approve, installation, *approval())


def test_a_key_that_is_named_and_absent_is_not_replaced_by_another(
    installation: Installation, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        run(approve, installation, *approval("--key", str(tmp_path / "absent.pem")))


@pytest.mark.parametrize("left_out", ["--model", "--reason", "--expires"])
def test_an_approval_names_its_model_its_reason_and_its_end(
    installation: Installation, left_out: str
) -> None:
    arguments = list(approval())
    start = arguments.index(left_out)
    del arguments[start : start + 2]
    with pytest.raises(UsageError, match=f"approve: expected {left_out}; found nothing"):
        run(approve, installation, *arguments)


def test_the_end_of_an_approval_is_the_end_of_its_last_day() -> None:
    assert approve._end_of("2027-06-30") == "2027-06-30T23:59:59Z"


@pytest.mark.parametrize("day", ["30.06.2027", "2027-02-30", "2027-06-30T12:00", ""])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(ConfigError, match="--expires: expected a date like 2027-06-30"):
        approve._end_of(day)


@pytest.mark.parametrize("action", ["--hold", "--release"])
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_hold_needs_a_reason(installation: Installation, action: str, reason: str) -> None:
    with pytest.raises(ConfigError, match="--reason: expected a reason"):
        run(prune, installation, action, "case-2027-4", "--reason", reason)


def test_a_hold_is_not_released_where_another_is_to_be_placed(installation: Installation) -> None:
    arguments = ("--hold", "case-4", "--release", "case-3", "--reason", "court")
    with pytest.raises(UsageError, match="--hold and --release: expected one of them"):
        run(prune, installation, *arguments)


def test_pruning_removes_nothing_unless_it_is_told_to() -> None:
    assert parse(prune)["yes"] is False
    assert parse(audit)["is_shipping"] is False


def test_nothing_is_accepted_that_no_stage_has_measured(installation: Installation) -> None:
    before = (installation.workspace / "configs" / CASE / "case.yaml").read_bytes()
    with pytest.raises(DataError, match="an output of stage `validate`"):
        run(accept, installation, CASE)
    assert (installation.workspace / "configs" / CASE / "case.yaml").read_bytes() == before


def test_whoever_has_no_model_yet_is_told_how_the_data_alone_is_accepted(
    installation: Installation,
) -> None:
    report = installation.workspace / "data" / CASE / "validate" / "report.json"
    report.parent.mkdir(parents=True)
    report.write_text('{"profile": {}}', encoding="utf-8")
    with pytest.raises(DataError, match="--data-only"):
        run(accept, installation, CASE)


def test_a_model_that_was_not_registered_does_not_become_the_champion(
    installation: Installation,
) -> None:
    data = installation.workspace / "data" / CASE
    reports = {
        "validate/report.json": '{"profile": {}}',
        "train/report.json": '{"performance": {"auc": 0.9, "auc_interval": [0.8, 1.0]}}',
        "train/model/model.txt": "trained after the last registration",
        "register/receipt.json": f'{{"model_sha256": "{"0" * 64}"}}',
    }
    for name, text in reports.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text, encoding="utf-8")
    before = (installation.workspace / "configs" / CASE / "case.yaml").read_bytes()

    with pytest.raises(EvidenceError, match="expected the model that was registered last"):
        run(accept, installation, CASE)
    assert (installation.workspace / "configs" / CASE / "case.yaml").read_bytes() == before


def test_a_key_of_one_s_own_is_made_and_only_its_public_half_is_printed(
    installation: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ann.pem"
    assert run(keys, installation, "make", str(path)) == 0
    output = capsys.readouterr().out
    assert output == LocalSigner.load(path).public.pem
    assert "PRIVATE" not in output


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("rotate", "root"),
        ("rotate", "approval"),
        ("enrol", "ann.pub", "--role", "root", "--holder", "ann"),
        ("enrol", "ann.pub", "--holder", "ann"),
        ("revoke", "abcdef"),
    ],
)
def test_keys_takes_no_action_that_is_incomplete_or_about_the_root(
    installation: Installation, arguments: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError):
        run(keys, installation, *arguments)


@pytest.mark.parametrize("start", ["abcde", "ABCDEF", "zzzzzz", "", "abcdef0"])
def test_a_beginning_that_is_not_exactly_one_key_s_is_refused(start: str) -> None:
    log: Any = LogOf("abcdef1", "abcdef2")
    with pytest.raises(ConfigError, match="exactly one key's id"):
        keys.find_key(start, log)


def test_two_keys_with_the_same_beginning_are_not_told_apart() -> None:
    log: Any = LogOf("abcdef1", "abcdef2")
    with pytest.raises(ConfigError, match="found that of 2 keys"):
        keys.find_key("abcdef", log)
    entry: Any = keys.find_key("abcdef2", log)
    assert entry == "entry of abcdef2"


class LogOf:
    """A log that knows keys by these ids."""

    def __init__(self, *keyids: str) -> None:
        self.keys = self
        self.entries = {keyid: f"entry of {keyid}" for keyid in keyids}
