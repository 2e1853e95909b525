"""Where a release runs: in this checkout, or with the worker behind `$PORTCULLIS_WORKER`."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from flows.steps import where
from flows.steps.where import Here, WithWorker, head_of, open_place, place_of
from tasks.clearance.check import AcceptedCheck
from tasks.errors import ConfigError
from tasks.path import PATH
from tasks.pipeline.runner import StageResult
from tasks.service.client import open_worker
from tasks.worker.confirming import Confirmation
from tests.installations import installation_at
from tests.tasks.judged import CASE
from tests.tasks.service.prepared_worker import BEGUN, Message, prepared_worker

COMMIT = "c" * 40
MODEL = "a" * 64
CONFIRMED: Message = {
    "tell": "done",
    "model_sha256": MODEL,
    "version": 3,
    "accepted": [{"person": "ann", "expires": "2099-01-31"}],
    "law_entry": 12,
}


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home of this test's own, no worker, and no place that another test has opened."""
    monkeypatch.setenv("PORTCULLIS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PORTCULLIS_WORKER", raising=False)
    monkeypatch.setattr(where, "_places", {})


@contextmanager
def place_with(
    tmp_path: Path, answer: Message, *lines: str
) -> Iterator[tuple[WithWorker, list[Message]]]:
    """Yield a place whose worker gives one answer after lines, and the requests it was sent."""
    path = tmp_path / "worker"
    with (
        prepared_worker(path, BEGUN, answer, lines=lines) as requests,
        open_worker(path, CASE, COMMIT, tmp_path / "shown", print) as client,
    ):
        yield WithWorker(client), requests


# With the worker


def test_what_the_worker_shows_lies_in_the_client_s_folder(tmp_path: Path) -> None:
    with place_with(tmp_path, BEGUN) as (place, _):
        assert place.shown == tmp_path / "shown"
        place.reproduce("train", print)


def test_a_stage_runs_with_the_worker_and_its_lines_are_passed_on(tmp_path: Path) -> None:
    with place_with(tmp_path, {"tell": "done", "changed": True}) as (place, requests):
        assert place.reproduce("train", print) == StageResult("train", True, None, None)
    assert requests[1] == {"do": "stage", "stage": "train"}


@pytest.mark.parametrize(("is_lacking", "model"), [(True, MODEL), (False, "")])
def test_the_model_that_waits_is_named_if_an_approval_is_all_that_it_lacks(
    tmp_path: Path, is_lacking: bool, model: str
) -> None:
    answer = {"tell": "done", "model_sha256": MODEL, "lacks_only_approval": is_lacking}
    with place_with(tmp_path, answer) as (place, requests):
        assert place.lacks_only_approval() == model
    assert requests[1] == {"do": "lacks_approval"}


def test_a_signed_approval_is_handed_to_the_worker_as_it_is(tmp_path: Path) -> None:
    with place_with(tmp_path, BEGUN) as (place, requests):
        place.record_consent('{"payload": "…"}')
    assert requests[1] == {"do": "approve", "envelope": '{"payload": "…"}'}


def test_what_the_worker_tells_while_it_looks_is_no_part_of_its_answer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with place_with(tmp_path, CONFIRMED, "looking into the registry") as (place, _):
        capfd.readouterr()
        assert place.confirm().version == "3"
        assert capfd.readouterr().out == ""


def test_what_the_worker_confirms_is_the_registration(tmp_path: Path) -> None:
    with place_with(tmp_path, CONFIRMED) as (place, requests):
        confirmation = place.confirm()
    assert requests[1] == {"do": "confirm"}
    accepted = (AcceptedCheck("", "", "ann", date(2099, 1, 31)),)
    assert confirmation == Confirmation(MODEL, "3", accepted, 12)


def test_a_registration_by_no_entry_in_force_has_none(tmp_path: Path) -> None:
    with place_with(tmp_path, CONFIRMED | {"law_entry": None}) as (place, _):
        assert place.confirm().law_entry is None


# Here


@pytest.fixture
def reproduced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The stages that DVC was asked for, and whether with everything before them."""
    stages: list[tuple[str, bool]] = []

    def reproduce(
        stage: str, case: str, *, with_upstream: bool, on_line: Callable[[str], None]
    ) -> StageResult:
        del case, on_line
        stages.append((stage, with_upstream))
        return StageResult(stage, False, None, None)

    monkeypatch.setattr(where, "reproduce", reproduce)
    monkeypatch.setattr(where, "prepare_to_confirm", lambda: None)
    return stages


@pytest.mark.parametrize("stage", [stage.name for stage in PATH])
def test_only_what_opens_the_registry_checks_everything_before_it(
    tmp_path: Path, reproduced: list[tuple[str, bool]], stage: str
) -> None:
    Here(CASE, installation_at(tmp_path)).reproduce(stage, print)
    assert reproduced == [(stage, stage == "register")]


STALE_ITSELF = f"register@{CASE}: changed deps"


@pytest.mark.parametrize(
    ("stages", "stale", "age_seconds", "has_upstream"),
    [
        (("admit", "packages"), (), 1, False),
        (("admit", "packages"), (STALE_ITSELF,), 1, False),
        (("admit", "packages"), (STALE_ITSELF, f"train@{CASE}: changed deps"), 1, True),
        (("admit", "packages"), (f"register_x@{CASE}: changed deps",), 1, True),
        (("admit", "packages"), (), 301, True),
        (("admit",), (), 1, True),
        (("packages",), (), 1, True),
    ],
)
def test_what_always_runs_does_not_run_twice_within_minutes_unless_anything_is_stale(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reproduced: list[tuple[str, bool]],
    stages: tuple[str, ...],
    stale: tuple[str, ...],
    age_seconds: float,
    has_upstream: bool,
) -> None:
    clock = [0.0]
    monkeypatch.setattr(where, "monotonic", lambda: clock[0])
    monkeypatch.setattr(where, "list_stale", lambda *_: stale)
    place = Here(CASE, installation_at(tmp_path))
    for stage in stages:
        place.reproduce(stage, print)
    clock[0] = age_seconds
    place.reproduce("register", print)
    assert reproduced[-1] == ("register", has_upstream)


@pytest.mark.parametrize(("is_lacking", "model"), [(True, MODEL), (False, "")])
def test_the_model_that_lies_here_is_named_if_an_approval_is_all_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_lacking: bool, model: str
) -> None:
    monkeypatch.setattr(where, "model_here", lambda *_: MODEL)
    monkeypatch.setattr(where, "lacks_only_approval", lambda *_: is_lacking)
    assert Here(CASE, installation_at(tmp_path)).lacks_only_approval() == model


def test_what_was_signed_is_recorded_for_the_model_that_lies_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[tuple[bytes, str, str]] = []
    monkeypatch.setattr(where, "model_here", lambda *_: MODEL)
    monkeypatch.setattr(where, "record_consent", lambda *values: recorded.append(values[:3]))

    Here(CASE, installation_at(tmp_path)).record_consent("{}")
    assert recorded == [(b"{}", CASE, MODEL)]


def test_a_registration_is_confirmed_by_this_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = installation_at(tmp_path)
    monkeypatch.setattr(
        where, "confirm_registration", lambda case, home: Confirmation(case, str(home.home), ())
    )
    assert Here(CASE, here).confirm() == Confirmation(CASE, str(here.home), ())


# Which of the two


def test_without_a_socket_a_release_runs_in_this_checkout(tmp_path: Path) -> None:
    lines: list[str] = []
    with open_place(CASE, installation_at(tmp_path), lines.append) as place:
        assert isinstance(place, Here)
        assert place.shown == tmp_path
        assert place_of(CASE) is place
    assert lines == []


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    workspace = tmp_path / "checkout"
    workspace.mkdir()
    identity = ["-c", "user.name=t", "-c", "user.email=t@bank"]
    for command in (
        ["init", "-q"],
        [*identity, "commit", "-q", "--allow-empty", "-m", "Begin"],
    ):
        subprocess.run(["git", "-C", workspace, *command], check=True, capture_output=True)
    return workspace


def test_with_a_socket_a_release_of_the_commit_runs_with_the_worker(
    committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_path = tmp_path / "worker"
    monkeypatch.setenv("PORTCULLIS_WORKER", str(socket_path))
    here = installation_at(committed)
    lines: list[str] = []

    with (
        prepared_worker(socket_path, BEGUN) as requests,
        open_place(CASE, here, lines.append) as place,
    ):
        assert isinstance(place, WithWorker)
        assert place.shown == tmp_path / "home" / "shown"
        assert place_of(CASE) is place

    commit = head_of(committed)
    assert requests == [{"do": "begin", "case": CASE, "commit": commit}]
    assert lines == [
        f"{CASE}: the worker releases commit {commit[:12]}; what is not committed is not seen"
    ]


def test_a_head_is_a_whole_commit_id(committed: Path) -> None:
    shown = subprocess.run(
        ["git", "-C", committed, "log", "-1", "--format=%H"], check=True, capture_output=True
    )
    assert head_of(committed) == shown.stdout.decode().strip()


def test_a_checkout_without_a_commit_has_nothing_to_release(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True, capture_output=True)
    with pytest.raises(ConfigError, match="a checkout with a commit"):
        head_of(tmp_path)


def test_a_machine_without_git_has_nothing_to_release(
    committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="a checkout with a commit"):
        head_of(committed)


@pytest.mark.parametrize(
    ("is_current", "is_failed", "is_written"),
    [(True, False, False), (False, False, True), (True, True, True)],
)
def test_a_dossier_is_written_again_where_it_is_stale_or_a_gate_broke_down(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_current: bool,
    is_failed: bool,
    is_written: bool,
) -> None:
    written: list[str] = []
    monkeypatch.setattr("tasks.dossier.releasing.is_dossier_current", lambda *_, **__: is_current)
    monkeypatch.setattr(
        "tasks.dossier.releasing.write_release_dossier",
        lambda _case, stage, *_: written.append(stage),
    )
    here = Here(CASE, installation_at(tmp_path))
    assert here.renew_dossier(is_registered=False, is_failed=is_failed) == ""
    assert bool(written) is is_written
