"""What the worker hands to the launcher, and what it makes of the launcher's answers."""

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tasks.attestation.artefacts import Declared
from tasks.errors import EvidenceError, ServiceError
from tasks.pipeline.channel import CHANNEL_VARIABLE
from tasks.worker.launched_stage import LaunchedStage, launch_stage
from tasks.worker.run_folder import RunFolder
from tests.cases import change_case
from tests.tasks.judged import CASE, judged

ENDED = {"code": 0, "isolation": {"account": "own", "network": "none"}, "odd": 0, "excess": ""}
WAIT_SECONDS = 10.0


@dataclass
class FakeLauncher:
    """What the launcher got with the request of one stage.

    `files` are device and inode of the run folder, the pipe, standard error and the channel.
    """

    request: dict[str, Any] = field(default_factory=dict)
    files: list[tuple[int, int]] = field(default_factory=list)


@contextmanager
def launcher_at(path: Path, answer: bytes, report: bytes = b"") -> Iterator[FakeLauncher]:
    """Run a launcher whose stage writes a report; then it answers, or closes for an empty answer.

    What it got is there once the stage has been waited for.
    """
    launcher = FakeLauncher()

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.settimeout(WAIT_SECONDS)
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                request, descriptors, _, _ = socket.recv_fds(connection, 1 << 16, 4)
                launcher.request = json.loads(request)
                launcher.files = [identity_of(descriptor) for descriptor in descriptors]

                _, pipe, *_ = descriptors
                os.write(pipe, report)
                for descriptor in descriptors:
                    os.close(descriptor)
                if answer:
                    connection.send(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield launcher
        finally:
            thread.join(WAIT_SECONDS)
            assert not thread.is_alive(), "nobody asked the launcher"


def identity_of(descriptor: int) -> tuple[int, int]:
    """Return what says which file a descriptor is of."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    """An open run folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield RunFolder(folder, descriptor, Declared("train", CASE, (), (), {}), folder)
    finally:
        os.close(descriptor)


@pytest.fixture(autouse=True)
def unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner listens to this process."""
    monkeypatch.delenv(CHANNEL_VARIABLE, raising=False)


def ended_with(answer: bytes) -> LaunchedStage:
    """Return a stage of which the launcher has said this; nothing, for an empty answer."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        if answer:
            theirs.send(answer)
    # No test of an answer reads counts: there is no pipe.
    return LaunchedStage(ours, -1)


def answer_of(**change: object) -> bytes:
    """Return the launcher's answer about a stage that ended well, with changes made to it."""
    return json.dumps(ENDED | change).encode()


def run_to_end(launcher: Path, stage: str, run: RunFolder, snapshot: Path) -> int:
    """Have a launcher run a stage; return its exit code."""
    launched = launch_stage(launcher, stage, CASE, run, snapshot)
    code = launched.wait()
    launched.read_report()
    return code


# The answer


@pytest.mark.parametrize("code", [0, 3, 128 + 9])
def test_the_exit_code_is_the_launcher_s(code: int) -> None:
    assert ended_with(answer_of(code=code)).wait() == code


def test_how_a_stage_was_kept_apart_is_known_after_its_end() -> None:
    stage = ended_with(answer_of())
    assert stage.isolation == {}
    stage.wait()
    assert stage.isolation == {"account": "own", "network": "none"}


def test_a_launcher_that_closes_has_not_ended_the_stage() -> None:
    with pytest.raises(ServiceError, match="found nothing"):
        ended_with(b"").wait()


@pytest.mark.parametrize(
    "answer",
    [
        b'{"error": "ValueError"}',
        b"{}",
        b"refused",
        b"[]",
        b'{"code": 0}',
        b'{"code": "well", "isolation": {}}',
        b'{"code": null, "isolation": {}}',
        b'{"code": 0, "isolation": []}',
        b'{"code": 1, "code": 0, "isolation": {}}',
    ],
)
def test_an_answer_of_another_form_is_a_refusal_of_the_launcher(answer: bytes) -> None:
    with pytest.raises(ServiceError, match="found a refusal"):
        ended_with(answer).wait()


def test_a_stage_that_took_more_than_it_may_is_not_signed_for() -> None:
    with pytest.raises(EvidenceError, match=r"limits \(4096 MiB of memory\); found more"):
        ended_with(answer_of(code=128 + 9, excess="4096 MiB of memory")).wait()


def test_outputs_that_are_no_plain_files_are_counted_and_not_named() -> None:
    with pytest.raises(EvidenceError, match="2 of the stage's outputs: expected files") as failure:
        ended_with(answer_of(odd=2)).wait()
    assert "planted" not in str(failure.value)


# The request


def test_a_stage_is_named_with_its_snapshot_and_has_no_network(
    run: RunFolder, tmp_path: Path
) -> None:
    path = tmp_path / "launcher"
    with launcher_at(path, answer_of()) as launcher:
        assert run_to_end(path, "train", run, tmp_path / "trees" / "abc") == 0
    assert launcher.request == {
        "stage": "train",
        "case": CASE,
        "snapshot": "abc",
        "network": False,
    }


@pytest.mark.parametrize(
    ("path", "is_remote"), [("a.csv", False), ("https://bank.example/a.csv", True)]
)
def test_a_stage_that_reads_sources_has_a_network_if_one_lies_elsewhere(
    run: RunFolder, tmp_path: Path, path: str, is_remote: bool
) -> None:
    snapshot = judged(tmp_path / "snapshot")
    change_case(snapshot, CASE, lambda values: values["sources"]["applications"].update(path=path))

    with launcher_at(tmp_path / "launcher", answer_of()) as launcher:
        run_to_end(tmp_path / "launcher", "admit", run, snapshot)
    assert launcher.request["network"] is is_remote


def test_a_stage_that_reads_no_sources_has_no_network_wherever_they_lie(
    run: RunFolder, tmp_path: Path
) -> None:
    snapshot = judged(tmp_path / "snapshot")
    remote = {"path": "https://bank.example/a.csv"}
    change_case(snapshot, CASE, lambda values: values["sources"]["applications"].update(remote))

    with launcher_at(tmp_path / "launcher", answer_of()) as launcher:
        run_to_end(tmp_path / "launcher", "train", run, snapshot)
    assert launcher.request["network"] is False


def test_the_launcher_gets_the_open_run_folder_itself(run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "launcher"
    with launcher_at(path, answer_of()) as launcher:
        run_to_end(path, "train", run, tmp_path)
    assert len(launcher.files) == 4
    assert launcher.files[0] == identity_of(run.descriptor)


def test_the_counts_of_a_stage_are_read_from_the_pipe_that_it_got(
    run: RunFolder, tmp_path: Path
) -> None:
    path = tmp_path / "launcher"
    with launcher_at(path, answer_of(), b'{"unsealed": 7, "shredded": 1}'):
        stage = launch_stage(path, "train", CASE, run, tmp_path)
        stage.wait()
    # The end of the file is reached: no end of the pipe for writing is left open here.
    assert stage.read_report().counts == {"unsealed": 7, "shredded": 1}


def test_progress_goes_to_standard_error_where_no_runner_listens(
    run: RunFolder, tmp_path: Path
) -> None:
    path = tmp_path / "launcher"
    with launcher_at(path, answer_of()) as launcher:
        run_to_end(path, "train", run, tmp_path)
    *_, errors, progress = launcher.files
    assert progress == errors


def test_progress_goes_to_the_runner_that_listens(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "launcher"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as runner:
        runner.bind(str(tmp_path / "runner"))
        runner.listen(1)
        monkeypatch.setenv(CHANNEL_VARIABLE, str(tmp_path / "runner"))
        with launcher_at(path, answer_of()) as launcher:
            run_to_end(path, "train", run, tmp_path)
        connection, _ = runner.accept()

    *_, errors, progress = launcher.files
    assert progress != errors
    with connection:
        # Nobody else keeps the channel open: with the stage's end, the runner hears of it.
        connection.settimeout(WAIT_SECONDS)
        assert connection.recv(1) == b""


def test_without_a_launcher_no_stage_starts(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="answers; found FileNotFoundError"):
        launch_stage(tmp_path / "absent", "train", CASE, run, tmp_path)
