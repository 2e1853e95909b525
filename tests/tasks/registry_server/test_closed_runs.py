"""Runs of registered versions are closed, whoever names them and however."""

from typing import Any

import pytest

from tasks.registry_server.calls import CallRefusedError
from tasks.registry_server.closed_runs import (
    ClosedRuns,
    experiments_in_values,
    ids_in_path,
    ids_in_values,
)

RUN = "ab" * 16
OTHER = "cd" * 16
MODEL = f"m-{RUN}"


class Store:
    """Answers as MLflow's registry store, for one version; counts its questions."""

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def search_model_versions(self, text: str, max_results: int) -> list[str]:
        self.asked.append(text)
        assert max_results == 1
        return [text] if text in self.answers else []


@pytest.mark.parametrize("answer", [f"run_id = '{RUN}'", f"source_path LIKE '%{RUN}%'"])
def test_a_run_is_closed_by_its_name_or_by_its_place(answer: str) -> None:
    closed = ClosedRuns(lambda: Store(answer))
    closed.require_open([OTHER])
    with pytest.raises(CallRefusedError) as error:
        closed.require_open([OTHER, RUN])
    assert error.value.kind == "registry.closed_run"


def test_a_closed_run_is_asked_about_once_and_an_open_one_each_time() -> None:
    store = Store(f"run_id = '{RUN}'")
    closed = ClosedRuns(lambda: store)
    for _ in range(3):
        with pytest.raises(CallRefusedError):
            closed.require_open([RUN])
    assert len(store.asked) == 2
    closed.require_open([OTHER])
    closed.require_open([OTHER])
    assert len(store.asked) == 6


def test_a_logged_model_is_asked_about_by_its_place() -> None:
    store = Store(f"source_path LIKE '%{MODEL}%'")
    with pytest.raises(CallRefusedError):
        ClosedRuns(lambda: store).require_open([MODEL])


def test_an_experiment_is_closed_by_what_lies_under_it() -> None:
    closed = ClosedRuns(lambda: Store("source_path LIKE '%/7/%'"))
    closed.require_unregistered(["8"])
    with pytest.raises(CallRefusedError) as error:
        closed.require_unregistered(["8", "7"])
    assert error.value.kind == "registry.closed_experiment"
    for item in ("", "%", "7' OR 1=1 --", "{'a': 1}"):
        with pytest.raises(CallRefusedError, match="no id"):
            closed.require_unregistered([item])
    assert experiments_in_values({"experimentId": "7", "name": "8"}) == ["7"]


@pytest.mark.parametrize("item", ["", "%", "a' OR 1=1 --", RUN.upper(), RUN + "\n", "m-", RUN[1:]])
def test_what_is_no_id_is_refused_and_never_asked_about(item: str) -> None:
    store = Store()
    with pytest.raises(CallRefusedError) as error:
        ClosedRuns(lambda: store).require_open([item])
    assert error.value.kind == "request.id"
    assert store.asked == []


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        (f"1/{RUN}/artifacts/model/x", [RUN]),
        (f"1/models/{MODEL}/artifacts/x", [MODEL]),
        (f"1/{RUN}/artifacts/{OTHER}", [RUN, OTHER]),
        (f"1/traces/tr-{RUN}/artifacts/traces.json", []),
    ],
)
def test_the_ids_of_a_path(path: str, ids: list[str]) -> None:
    assert ids_in_path(path) == ids


@pytest.mark.parametrize("path", ["", "x", "1/loan/model", f"1/{RUN.upper()}/a", "1/tr-1/x"])
def test_nothing_is_written_under_no_run(path: str) -> None:
    with pytest.raises(CallRefusedError) as error:
        ids_in_path(path)
    assert error.value.kind == "registry.no_run"


@pytest.mark.parametrize("key", ["run_id", "runId", "run_uuid", "RUN_UUID", "model_id", "modelId"])
def test_the_ids_of_a_body_in_every_spelling(key: str) -> None:
    assert ids_in_values({key: RUN, "value": OTHER}) == [RUN]


@pytest.mark.parametrize("value", [7, ["a"], {"a": "b"}, True])
def test_an_id_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(CallRefusedError):
        ids_in_values({"run_id": value})
