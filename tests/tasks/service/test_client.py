"""A client asks the worker for a release, and keeps what it sends in a folder of its own."""

import base64
import socket
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ServiceError
from tasks.pipeline.runner import StageResult
from tasks.service.client import keep_files, open_worker
from tasks.service.protocol import RemoteError
from tests.tasks.service.prepared_worker import BEGUN, Message, prepared_worker

CASE = "loan"
COMMIT = "c" * 40
RAN: Message = {"tell": "done", "changed": True, "seconds": 2.5, "peak_mib": 80.0}


def encoded(content: bytes) -> str:
    """Return a file's content in the form in which the worker sends it."""
    return base64.b64encode(content).decode()


def reproduce_with(tmp_path: Path, answer: Message) -> StageResult:
    """Have a worker run `explain`, where it answers this; files are kept below `shown`."""
    path = tmp_path / "worker"
    with (
        prepared_worker(path, BEGUN, answer),
        open_worker(path, CASE, COMMIT, tmp_path / "shown", print) as client,
    ):
        return client.reproduce("explain", print)


def test_a_release_begins_with_its_use_case_and_whole_commit(tmp_path: Path) -> None:
    path = tmp_path / "worker"
    with (
        prepared_worker(path, BEGUN) as requests,
        open_worker(path, CASE, COMMIT, tmp_path / "shown", print) as client,
    ):
        assert (client.case, client.shown) == (CASE, tmp_path / "shown")
    assert requests == [{"do": "begin", "case": CASE, "commit": COMMIT}]


def test_a_stage_is_asked_for_by_its_name_alone(tmp_path: Path) -> None:
    path = tmp_path / "worker"
    with (
        prepared_worker(path, BEGUN, RAN) as requests,
        open_worker(path, CASE, COMMIT, tmp_path / "shown", print) as client,
    ):
        client.reproduce("train", print)
    assert requests[1:] == [{"do": "stage", "stage": "train"}]


def test_the_worker_s_figures_of_a_stage_are_its_result(tmp_path: Path) -> None:
    assert reproduce_with(tmp_path, RAN) == StageResult("explain", True, 2.5, 80.0)


def test_a_stage_that_was_left_alone_has_no_figures(tmp_path: Path) -> None:
    result = reproduce_with(tmp_path, {"tell": "done", "changed": False})
    assert result == StageResult("explain", False, None, None)


def test_what_the_worker_shows_of_a_stage_lies_where_that_stage_s_outputs_would(
    tmp_path: Path,
) -> None:
    reproduce_with(tmp_path, RAN | {"files": {"verdict.json": encoded(b"{}")}})
    assert (tmp_path / "shown" / "data" / CASE / "explain" / "verdict.json").read_bytes() == b"{}"


@pytest.mark.parametrize("problem", ["", "dossier not written: no"])
def test_a_dossier_takes_the_place_of_the_one_before(tmp_path: Path, problem: str) -> None:
    folder = tmp_path / "shown" / "data" / CASE / "dossier"
    folder.mkdir(parents=True)
    (folder / "old.html").write_text("of the release before")
    files = {} if problem else {"index.html": encoded(b"new"), "machine/m.json": encoded(b"{}")}
    answer: Message = {"tell": "done", "problem": problem, "files": files}
    path = tmp_path / "worker"
    with (
        prepared_worker(path, BEGUN, answer) as requests,
        open_worker(path, CASE, COMMIT, tmp_path / "shown", print) as client,
    ):
        assert client.renew_dossier(is_registered=False, is_failed=True) == problem
    assert requests[1:] == [{"do": "dossier", "registered": False, "failed": True}]
    kept = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert kept == set(files)


def test_a_socket_that_nobody_made_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceError, match=r"NotFoundError\. Start the service") as failure,
        open_worker(tmp_path / "absent", CASE, COMMIT, tmp_path, print),
    ):
        pytest.fail("there is no worker")
    assert failure.value.exit_code == 4


def test_a_socket_that_nobody_listens_on_any_more_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "worker"))
    with (
        pytest.raises(ServiceError, match="found ConnectionRefusedError"),
        open_worker(tmp_path / "worker", CASE, COMMIT, tmp_path, print),
    ):
        pytest.fail("there is no worker")


def test_a_commit_that_may_not_be_released_opens_no_release(tmp_path: Path) -> None:
    path = tmp_path / "worker"
    answer = {"tell": "failed", "message": "commit: on no protected ref", "exit_code": 3}
    with (
        prepared_worker(path, answer),
        pytest.raises(RemoteError, match="on no protected ref") as failure,
        open_worker(path, CASE, COMMIT, tmp_path, print),
    ):
        pytest.fail("there is no release")
    assert failure.value.exit_code == 3


# What is kept of what the worker sends.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / CASE / "explain"


def files_below(folder: Path) -> set[str]:
    """Return the names of all files below a folder, relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_files_are_kept_byte_for_byte_in_folders_of_their_names(
    folder: Path, tmp_path: Path
) -> None:
    keep_files({"page/plot.png": encoded(b"\x89PNG\x00\xff")}, folder)
    assert files_below(tmp_path) == {f"data/{CASE}/explain/page/plot.png"}
    assert (folder / "page" / "plot.png").read_bytes() == b"\x89PNG\x00\xff"


@pytest.mark.parametrize("name", ["../verdict.json", "page/../../x", "", "."])
def test_a_name_that_leads_elsewhere_is_left_out_and_the_others_are_kept(
    folder: Path, tmp_path: Path, name: str
) -> None:
    keep_files({name: encoded(b"planted"), "verdict.json": encoded(b"{}")}, folder)
    assert files_below(tmp_path) == {f"data/{CASE}/explain/verdict.json"}


@pytest.mark.parametrize("name", ["verdict.json/below", "page", "nul\0l"])
def test_a_name_that_cannot_be_is_left_out_and_the_others_are_kept(folder: Path, name: str) -> None:
    files = {"verdict.json": "{}", "page/index.html": "page"}
    keep_files({key: encoded(text.encode()) for key, text in files.items()}, folder)
    keep_files({name: encoded(b"x"), "report.json": encoded(b"{}")}, folder)
    assert files_below(folder) == {"verdict.json", "page/index.html", "report.json"}


def test_what_an_earlier_release_left_is_not_shown_as_this_one_s(tmp_path: Path) -> None:
    folder = tmp_path / "shown" / "data" / CASE / "explain"
    keep_files({"report.json": encoded(b"old"), "page/old.png": encoded(b"old")}, folder)
    reproduce_with(tmp_path, RAN | {"files": {"verdict.json": encoded(b"{}")}})
    assert files_below(folder) == {"verdict.json"}


def test_an_absolute_name_writes_nothing_at_its_path(folder: Path, tmp_path: Path) -> None:
    keep_files({str(tmp_path / "planted"): encoded(b"planted")}, folder)
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("text", ["<html>", "é"], ids=["no base64", "no ASCII"])
def test_a_file_that_is_not_encoded_is_left_out_and_the_others_are_kept(
    folder: Path, text: str
) -> None:
    keep_files({"page.html": text, "verdict.json": encoded(b"{}")}, folder)
    assert files_below(folder) == {"verdict.json"}


@pytest.mark.parametrize("files", [None, [], "verdict.json", 1])
def test_what_is_no_table_of_files_writes_nothing(folder: Path, tmp_path: Path, files: Any) -> None:
    keep_files(files, folder)
    assert list(tmp_path.iterdir()) == []


def test_files_of_what_is_no_stage_are_not_kept(tmp_path: Path) -> None:
    keep_files({"verdict.json": encoded(b"{}")}, tmp_path / "data" / CASE / "hooks")
    assert list(tmp_path.iterdir()) == []
