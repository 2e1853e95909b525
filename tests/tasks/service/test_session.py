"""A session does what one client may ask for, in order, and says no more than it has to."""

import base64
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tasks.clearance.check import AcceptedCheck
from tasks.errors import PortcullisError, Refusal, RefusalKind, RefusedError, ServiceError
from tasks.notary.notary import Recorded
from tasks.pipeline.runner import StageResult
from tasks.promotion.moving import TakenStep
from tasks.service import session
from tasks.service.protocol import Conversation
from tasks.service.service_config import ServiceConfig
from tasks.service.workspace import Release
from tasks.settings import Settings
from tasks.system.installation import Installation
from tasks.verifier.served.timeline import ServedPeriod
from tasks.worker.confirming import Confirmation
from tasks.worker.mandate import Mandate, Mode

CASE = "tiny"
COMMIT = "c0" * 20
MODEL = "ab" * 32
UID = 1234
CONFIG_PATH = "/etc/portcullis/worker.toml"
BEGIN = {"do": "begin", "case": CASE, "commit": COMMIT}
CONFIRM = {"do": "confirm"}
BEGUN = {"tell": "done", "mode": "enforced", "actor": "ann"}
SECRET = "jane.doe@example.org"
CONFIRMATION = Confirmation(MODEL, "7", (AcceptedCheck("g", "k", "bob", date(2026, 3, 1)),), 12)


@dataclass
class Client:
    """A client's end of a connection, and what happened at the other end of it."""

    folder: Path
    config: ServiceConfig
    connection: socket.socket
    descriptor: int
    worker_ends: list[socket.socket] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    # What its releases wait for, as they tell it.
    waits_for: list[str] = field(default_factory=list)
    # Called with the number of openings whenever a session gives its use case to others.
    on_given_up: Callable[[int], None] = lambda _: None

    def send(self, *requests: dict[str, Any]) -> None:
        for request in requests:
            self.connection.sendall(json.dumps(request).encode() + b"\n")

    def end_requests(self) -> None:
        self.connection.shutdown(socket.SHUT_WR)

    def hold(self, *requests: dict[str, Any]) -> list[dict[str, Any]]:
        """Send requests and no more, and return all that a session says to them."""
        self.send(*requests)
        self.end_requests()
        assert self.run() == 0
        return self.answers()

    def run(self) -> int:
        return session.main([str(self.descriptor), CONFIG_PATH, str(UID)])

    def answers(self) -> list[dict[str, Any]]:
        for end in self.worker_ends:
            end.close()
        with self.connection.makefile("rb") as stream:
            return [json.loads(line) for line in stream]

    def limit(self, **seconds: float) -> None:
        """Set limits, shorter ones than an administrator may: tests do not wait for a second."""
        limits = self.config.limits.model_copy(update=seconds)
        self.config = self.config.model_copy(update={"limits": limits})

    @contextmanager
    def open_release(
        self,
        case: str,
        commit: str,
        uid: int,
        config: ServiceConfig,
        on_line: Callable[[str], None],
        is_wanted: Callable[[], bool],
    ) -> Iterator[Release]:
        """Stand in for the checkout of a commit."""
        assert config is self.config
        self.events.append(f"open {case} {commit} {uid} {is_wanted()}")
        for line in self.waits_for:
            on_line(line)
        settings = Settings.from_environment({})
        mandate = Mandate(Mode.ENFORCED, "ann", self.folder, launcher=self.folder)
        yield Release(case, mandate, Installation(self.folder, self.folder, settings))
        self.events.append("give up")
        self.on_given_up(self.events.count("give up"))


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A client whose session checks nothing out, and confirms whatever is asked."""
    config = ServiceConfig.model_validate(
        {
            "accounts": {"worker": "worker", "stage": "stage", "clients": "users"},
            "places": {"state": tmp_path / "state", "socket": tmp_path / "worker.sock"},
            "code": {"remote": "file:///models.git"},
        }
    )
    near, far = socket.socketpair()
    far.set_inheritable(True)  # as the daemon hands it to the process of a session
    client = Client(tmp_path, config, near, far.detach())

    # A session's process ends with it, which closes the connection; that of the tests does not.
    def kept(connection: socket.socket, most_bytes: int) -> Conversation:
        client.worker_ends.append(connection)
        return Conversation(connection, most_bytes)

    def read_config(path: Path) -> ServiceConfig:
        assert path == Path(CONFIG_PATH)
        return client.config

    def confirm(case: str, installation: Installation) -> Confirmation:
        assert (case, installation.workspace) == (CASE, tmp_path)
        return CONFIRMATION

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "Conversation", kept)
    # The process of the tests stays one that can be looked into.
    monkeypatch.setattr(session, "hide_from_others", lambda: client.events.append("hide"))
    monkeypatch.setattr(session, "read_service_config", read_config)
    monkeypatch.setattr(session, "open_release", client.open_release)
    monkeypatch.setattr("tasks.worker.confirming.confirm_registration", confirm)
    yield client

    for end in (near, *client.worker_ends):
        end.close()


def digest_of_model(case: str, installation: Installation) -> str:
    assert case == CASE
    assert installation.workspace == Path.cwd()
    return MODEL


def fail_stages(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let every stage end with an error."""

    def reproduce(*_: object, **_options: object) -> StageResult:
        raise error

    monkeypatch.setattr("tasks.pipeline.runner.reproduce", reproduce)


def stage_answer(client: Client) -> dict[str, Any]:
    """Return what a client is told of a stage; a request after it has to be answered, too."""
    begun, answer, confirmed = client.hold(BEGIN, {"do": "stage", "stage": "train"}, CONFIRM)
    assert begun == BEGUN
    assert confirmed["tell"] == "done"
    return answer


# The beginning


def test_a_release_begins_with_the_case_the_commit_and_the_account_that_the_kernel_names(
    client: Client,
) -> None:
    assert client.hold(BEGIN) == [BEGUN]
    assert client.events == ["hide", f"open {CASE} {COMMIT} {UID} True", "give up"]


def test_what_a_session_starts_does_not_inherit_its_connection(client: Client) -> None:
    client.send(BEGIN)
    client.end_requests()
    assert client.run() == 0
    assert [end.get_inheritable() for end in client.worker_ends] == [False]


@pytest.mark.parametrize(
    "request_before",
    [
        CONFIRM,
        {"do": "begin", "case": CASE},
        {"do": "begin", "case": CASE, "commit": 7},
        BEGIN | {"uid": 0},
    ],
    ids=["another request", "no commit", "a commit that is no text", "more than may be set"],
)
def test_nothing_is_done_before_a_release_has_begun(
    client: Client, request_before: dict[str, Any]
) -> None:
    (answer,) = client.hold(request_before, BEGIN)
    assert (answer["tell"], answer["exit_code"]) == ("failed", 2)
    assert "expected begin, with a use case and a commit" in answer["message"]
    assert client.events == ["hide"]


def test_a_client_that_asks_for_nothing_is_told_nothing(client: Client) -> None:
    assert client.hold() == []
    assert client.events == ["hide"]


def test_a_client_that_does_not_begin_in_time_is_told_so(client: Client) -> None:
    client.limit(request_seconds=0.02)
    assert client.run() == 0
    (answer,) = client.answers()
    assert answer["exit_code"] == 2
    assert answer["message"].startswith("request: expected within 0.02 s; found nothing.")


def test_a_commit_that_may_not_be_released_is_refused_and_the_session_ends(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Refusal(RefusalKind.COMMIT_NOT_RELEASABLE, "commit c0: not signed")

    def open_nothing(*_: object) -> Release:
        raise RefusedError("commit", (refusal,), remedy="Have it reviewed.")

    monkeypatch.setattr(session, "open_release", open_nothing)
    assert client.hold(BEGIN, CONFIRM) == [{"tell": "refused", "refusals": [refusal.to_dict()]}]


def test_what_a_release_waits_for_is_told_before_it_begins(client: Client) -> None:
    client.waits_for.append("another release runs")
    assert client.hold(BEGIN) == [{"tell": "line", "text": "another release runs"}, BEGUN]


# Requests


@pytest.mark.parametrize(
    "unknown",
    [
        {"do": "publish"},
        {"do": "stage", "stage": "deploy"},
        {"do": "stage", "stage": "train", "limit": 0},
        {"do": "confirm", "case": "other"},
        {"do": "approve", "envelope": {}},
        {"do": "approve", "envelope": "{}", "person": "ann"},
        {"do": "lacks_approval", "model": MODEL},
        {"do": "promote"},
        {"do": "promote", "alias": "champion"},
        {"do": "promote", "alias": "champion", "version": 2},
        {"do": "promote", "alias": "champion", "version": "", "actor": "ann"},
        {"do": "dossier"},
        {"do": "dossier", "registered": 1, "failed": False},
        {"do": "dossier", "registered": True, "failed": False, "folder": "/etc"},
        {"do": "roll_forward", "alias": "champion", "version": ""},
        {"do": "approve_promotion", "envelope": "{}", "model": MODEL},
        {},
    ],
    ids=lambda request: json.dumps(request),
)
def test_an_unknown_request_fails_and_the_next_one_is_answered(
    client: Client, unknown: dict[str, Any]
) -> None:
    _, failed, confirmed = client.hold(BEGIN, unknown, CONFIRM)
    assert (failed["tell"], failed["exit_code"]) == ("failed", 2)
    assert failed["message"].startswith("request: expected a request that the worker knows")
    assert confirmed["tell"] == "done"


@pytest.mark.parametrize("text", [b"nonsense\n", b"[]\n", b'{"do": "conf'])
def test_what_is_no_message_ends_a_session_and_is_not_quoted(client: Client, text: bytes) -> None:
    client.send(BEGIN)
    client.connection.sendall(text)
    client.end_requests()
    assert client.run() == 0
    _, failed = client.answers()
    assert failed["exit_code"] == 2
    assert "tasks/service/protocol.py; found something else" in failed["message"]


def test_a_confirmation_says_which_version_and_who_accepted_what(client: Client) -> None:
    _, answer = client.hold(BEGIN, CONFIRM)
    assert answer == {
        "tell": "done",
        "model_sha256": MODEL,
        "version": "7",
        "law_entry": 12,
        "accepted": [{"person": "bob", "expires": "2026-03-01"}],
    }


def test_an_approval_is_recorded_about_the_model_of_the_workspace(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_in: list[tuple[bytes, str, str]] = []

    def record(data: bytes, case: str, model: str, installation: Installation) -> Recorded:
        assert installation.workspace == client.folder
        handed_in.append((data, case, model))
        return Recorded(41, "d" * 64, "bank.example/ledger")

    monkeypatch.setattr("tasks.worker.approving.model_here", digest_of_model)
    monkeypatch.setattr("tasks.worker.approving.record_consent", record)
    _, answer = client.hold(BEGIN, {"do": "approve", "envelope": "größe"})
    assert answer == {"tell": "done", "index": 41, "origin": "bank.example/ledger"}
    assert handed_in == [("größe".encode(), CASE, MODEL)]


@pytest.mark.parametrize("is_lacking", [True, False])
def test_whether_an_approval_is_all_that_lacks_is_said_of_the_model_of_the_workspace(
    client: Client, monkeypatch: pytest.MonkeyPatch, is_lacking: bool
) -> None:
    def clear(case: str, model: str, installation: Installation) -> bool:
        assert (case, model, installation.workspace) == (CASE, MODEL, client.folder)
        return is_lacking

    monkeypatch.setattr("tasks.worker.approving.model_here", digest_of_model)
    monkeypatch.setattr("tasks.worker.approving.lacks_only_approval", clear)
    _, answer = client.hold(BEGIN, {"do": "lacks_approval"})
    assert answer == {"tell": "done", "model_sha256": MODEL, "lacks_only_approval": is_lacking}


def test_an_approval_that_a_model_serves_is_handed_on_as_it_came(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_in: list[tuple[object, ...]] = []

    def record(data: bytes, case: str, installation: Installation) -> Recorded:
        handed_in.append((data, case, installation.workspace))
        return Recorded(41, "d" * 64, "bank.example/ledger")

    monkeypatch.setattr("tasks.promotion.approving.record_promotion_approval", record)
    _, answer = client.hold(BEGIN, {"do": "approve_promotion", "envelope": "größe"})
    assert answer == {"tell": "done", "index": 41, "origin": "bank.example/ledger"}
    assert handed_in == [("größe".encode(), CASE, client.folder)]


@pytest.mark.parametrize("problem", ["", "dossier not written: no"])
def test_a_dossier_is_renewed_and_sent(
    client: Client, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    asked: list[tuple[bool, bool]] = []

    def renew(
        case: str, installation: Installation, *, is_registered: bool, is_failed: bool
    ) -> str:
        folder = installation.workspace / "data" / case / "dossier"
        (folder / "machine").mkdir(parents=True)
        (folder / "index.html").write_text("page")
        (folder / "machine" / "model.json").write_text("{}")
        asked.append((is_registered, is_failed))
        return problem

    monkeypatch.setattr("tasks.dossier.releasing.renew_release_dossier", renew)
    _, answer = client.hold(BEGIN, {"do": "dossier", "registered": True, "failed": False})
    assert asked == [(True, False)]
    assert answer["problem"] == problem
    wanted = {"index.html": b"page", "machine/model.json": b"{}"}
    sent = {name: base64.b64decode(text) for name, text in answer["files"].items()}
    assert sent == ({} if problem else wanted)


@pytest.mark.parametrize(("step", "taken_by"), [("promote", "promote"), ("roll_back", "roll_back")])
def test_a_step_of_a_serving_alias_is_taken_by_the_worker(
    client: Client, monkeypatch: pytest.MonkeyPatch, step: str, taken_by: str
) -> None:
    asked: list[tuple[object, ...]] = []
    period = ServedPeriod("loan", "champion", 2, MODEL, step, 5, "2026-01-01T00:00:00Z", "ann", 4,
                          "cd" * 32, "bob")  # fmt: skip

    def take(case: str, alias: str, installation: Installation, *, version: str) -> TakenStep:
        asked.append((case, alias, installation.workspace, version))
        return TakenStep(period, ("as good",), is_new=True)

    monkeypatch.setattr(f"tasks.promotion.moving.{taken_by}", take)
    _, answer = client.hold(BEGIN, {"do": step, "alias": "champion", "version": "2"})
    assert asked == [(CASE, "champion", client.folder, "2")]
    assert answer["lines"][0] == "as good"
    assert answer["step"]["serves"] == period.to_dict()


# Stages


@pytest.mark.parametrize(
    ("stage", "has_upstream"), [("train", False), ("decide", False), ("register", True)]
)
def test_the_stage_that_opens_the_registry_alone_runs_what_stands_before_it(
    client: Client, monkeypatch: pytest.MonkeyPatch, stage: str, has_upstream: bool
) -> None:
    def reproduce(
        name: str, case: str, *, with_upstream: bool, on_line: Callable[[str], None]
    ) -> StageResult:
        client.events.append(f"{name} {case} {with_upstream}")
        on_line("half of it")
        return StageResult(name, True, 1.5, 200.0)

    monkeypatch.setattr("tasks.pipeline.runner.reproduce", reproduce)
    _, line, answer = client.hold(BEGIN, {"do": "stage", "stage": stage})
    assert f"{stage} {CASE} {has_upstream}" in client.events
    assert line == {"tell": "line", "text": "half of it"}
    assert answer == {
        "tell": "done",
        "changed": True,
        "seconds": 1.5,
        "peak_mib": 200.0,
        "cpu_seconds": None,
        "rows": None,
        "files": {},
    }


@pytest.fixture
def outputs(client: Client, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stage that has run."""

    def reproduce(stage: str, *_: object, **_options: object) -> StageResult:
        return StageResult(stage, False, None, None)

    monkeypatch.setattr("tasks.pipeline.runner.reproduce", reproduce)
    folder = client.folder / "data" / CASE / "train"
    (folder / "page" / "plots").mkdir(parents=True)
    (folder / "verdict.json").write_bytes(b"verdict")
    (folder / "page" / "index.html").write_bytes(b"page")
    (folder / "page" / "plots" / "roc.png").write_bytes(b"\x00plot")
    return folder


def files_told(client: Client) -> dict[str, bytes]:
    files = stage_answer(client)["files"]
    return {name: base64.b64decode(text) for name, text in files.items()}


def test_verdict_and_page_are_shown_to_the_client(client: Client, outputs: Path) -> None:
    assert files_told(client) == {
        "verdict.json": b"verdict",
        "page/index.html": b"page",
        "page/plots/roc.png": b"\x00plot",
    }


@pytest.mark.parametrize("name", ["rows.parquet", "sources.json", "model/verdict.json"])
def test_no_other_output_of_a_stage_leaves_the_workspace(
    client: Client, outputs: Path, name: str
) -> None:
    (outputs / name).parent.mkdir(exist_ok=True)
    (outputs / name).write_text(SECRET)
    assert name not in files_told(client)


@pytest.mark.parametrize(
    ("most_bytes", "names"),
    [
        (16, {"verdict.json", "page/index.html", "page/plots/roc.png"}),
        (15, {"verdict.json", "page/index.html"}),
        (11, {"verdict.json", "page/index.html"}),
        (10, {"verdict.json"}),
        (6, set()),
    ],
)
def test_files_come_in_their_order_up_to_a_bound_of_their_sizes(
    client: Client,
    outputs: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_bytes: int,
    names: set[str],
) -> None:
    monkeypatch.setattr(session, "MOST_PAGE_BYTES", most_bytes)
    assert set(files_told(client)) == names


# What goes wrong


def test_refusals_are_told_as_they_are(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = Refusal(RefusalKind.CHECK_FAILED, "train: AUC 0.5", gate="train", check="train.auc")
    fail_stages(monkeypatch, RefusedError("train", (refusal,), remedy="Mend it."))
    assert stage_answer(client) == {"tell": "refused", "refusals": [refusal.to_dict()]}


@pytest.mark.parametrize(("kind", "exit_code"), [(PortcullisError, 2), (ServiceError, 4)])
def test_an_error_of_ours_is_told_with_its_message_and_its_exit_code(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[PortcullisError],
    exit_code: int,
) -> None:
    error = kind("registry", expected="an answer", found="none", remedy="Start it.")
    fail_stages(monkeypatch, error)
    assert stage_answer(client) == {
        "tell": "failed",
        "message": str(error),
        "exit_code": exit_code,
    }


@pytest.mark.parametrize(
    "error",
    [PermissionError(13, SECRET, SECRET), ValueError(SECRET)],
    ids=["of the system", "a value"],
)
def test_of_an_error_of_others_no_text_is_told_and_the_log_has_its_place(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    fail_stages(monkeypatch, error)
    answer = stage_answer(client)
    kind = type(error).__name__
    assert answer["exit_code"] == 1
    assert answer["message"] == f"worker: {kind}; look into the service's log"
    assert f"worker: {kind} at {__file__}:" in caplog.text
    assert SECRET not in json.dumps(answer) + caplog.text


def test_an_error_that_nobody_foresaw_ends_the_session_and_is_not_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_stages(monkeypatch, RuntimeError(SECRET))
    client.send(BEGIN, {"do": "stage", "stage": "train"}, CONFIRM)
    client.end_requests()
    with pytest.raises(RuntimeError):
        client.run()
    assert client.answers() == [BEGUN]


# Silence, and clients that go


def test_a_silent_client_gives_the_case_up_and_begins_again_when_it_asks(client: Client) -> None:
    def ask_again(_: int) -> None:
        client.on_given_up = lambda _: None
        client.send(CONFIRM)
        client.end_requests()

    client.limit(idle_seconds=0.02)
    client.on_given_up = ask_again
    client.send(BEGIN)
    assert client.run() == 0

    opening = f"open {CASE} {COMMIT} {UID} True"
    assert client.events == ["hide", opening, "give up", opening, "give up"]
    begun, confirmed = client.answers()  # that it began again is nothing to be told
    assert begun == BEGUN
    assert confirmed["version"] == "7"


def test_a_client_that_goes_while_others_have_the_case_does_not_take_it_again(
    client: Client,
) -> None:
    client.limit(idle_seconds=0.02)
    client.on_given_up = lambda _: client.end_requests()
    client.send(BEGIN)
    assert client.run() == 0
    assert client.events.count("give up") == 1
    assert client.answers() == [BEGUN]


def test_a_session_ends_after_a_long_silence(client: Client) -> None:
    client.limit(idle_seconds=0.02, silent_seconds=0.03)
    client.send(BEGIN)
    assert client.run() == 0
    _, failed = client.answers()
    assert failed["exit_code"] == 2
    assert failed["message"].startswith("request: expected within 0.03 s; found nothing.")


def test_a_client_that_has_gone_ends_the_session_with_1(client: Client) -> None:
    client.send(BEGIN, CONFIRM)
    client.connection.close()
    assert client.run() == 1
    assert client.events == ["hide", f"open {CASE} {COMMIT} {UID} False"]


def test_a_stage_that_has_begun_ends_although_its_client_has_gone_and_nothing_more_is_begun(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reproduce(
        name: str, case: str, *, with_upstream: bool, on_line: Callable[[str], None]
    ) -> StageResult:
        client.events.append("stage begins")
        client.connection.close()
        on_line("nobody reads this")
        client.events.append("stage ends")
        return StageResult(name, True, 1.0, 1.0)

    monkeypatch.setattr("tasks.pipeline.runner.reproduce", reproduce)
    client.send(BEGIN, {"do": "stage", "stage": "train"}, {"do": "stage", "stage": "decide"})
    assert client.run() == 1
    assert client.events[2:] == ["stage begins", "stage ends"]


def test_a_client_that_goes_while_it_waits_for_its_turn_ends_the_session_with_1(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_in_vain(*_: object) -> Release:
        client.connection.close()
        raise ConnectionResetError

    monkeypatch.setattr(session, "open_release", wait_in_vain)
    client.send(BEGIN)
    assert client.run() == 1
