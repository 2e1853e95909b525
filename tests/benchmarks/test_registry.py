"""The benchmark of the registry asks every server alike, and stops where one does not answer."""

import json
from collections import Counter

import httpx
import pytest

from benchmarks.registry import (
    CACHED_PEER,
    PEER,
    Contender,
    Figures,
    measure,
    measure_versions,
    prepare,
    print_operations,
)

ANSWER = {
    "experiment_id": "1",
    "run": {"info": {"run_id": "a" * 32}},
    "model_version": {"name": "loan", "version": "1"},
}


class FakeServer:
    """Answers as MLflow does, as far as the benchmark looks, and counts what it is asked."""

    def __init__(self, name: str, failing: str = "") -> None:
        self.asked: Counter[str] = Counter()
        self._failing = failing
        client = httpx.Client(transport=httpx.MockTransport(self._answer))
        self.contender = Contender(name, "http://fake", [], lambda _: {}, client=client)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        place = request.url.path.rpartition("mlflow/")[2]
        self.asked[place] += 1
        if self._failing and self._failing in place:
            return httpx.Response(403, text="no")
        return httpx.Response(200, content=json.dumps(ANSWER))


def servers(*names: str) -> list[FakeServer]:
    made = [FakeServer(name) for name in names]
    for server in made:
        prepare(server.contender, b"model")
        server.asked.clear()
    return made


def test_every_server_is_asked_the_same() -> None:
    plain, ours = servers("plain", "layer 1")
    figures = measure([plain.contender, ours.contender], [], rounds=2, calls=3)
    assert plain.asked == ours.asked
    # One round before what counts: the first call of a kind pays for what the others find made.
    assert plain.asked["runs/get"] == 3 * 3
    assert {len(one.seconds) for by_name in figures.values() for one in by_name.values()} == {6}


def test_a_version_is_made_of_a_run_of_its_own_and_alone_is_timed() -> None:
    (plain,) = servers("plain")
    figures = measure_versions([plain.contender], [], b"model", rounds=3)
    assert plain.asked["model-versions/create"] == plain.asked["runs/create"] == 3
    assert len(figures["create model version"]["plain"].seconds) == 3


def test_a_server_that_refuses_ends_the_measurement() -> None:
    server = FakeServer("layer 1", failing="runs/create")
    with pytest.raises(SystemExit, match=r"layer 1, POST .*runs/create: 403"):
        prepare(server.contender, b"model")


def test_ratios_are_those_of_the_medians(capsys: pytest.CaptureFixture[str]) -> None:
    names = [PEER, CACHED_PEER, "layer 1"]
    given = {PEER: [0.4, 0.4, 9.0], CACHED_PEER: [0.02], "layer 1": [0.03, 0.01, 0.02]}
    figures = {"get run": {name: Figures(given[name], 0.1, 0.0) for name in names}}
    print_operations([FakeServer(name).contender for name in names], figures)
    printed = capsys.readouterr().out
    assert "| get run | 400.0 | 20.0 | 20.0 |" in printed
    assert "| get run | 0.05 | 1.00 |" in printed
