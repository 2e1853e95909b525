"""All layers together: of the whole list nothing is let through."""

from pathlib import Path

import pytest

from tests.layers import Way, try_everything

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_with_all_layers_nothing_is_let_through(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = try_everything(tmp_path / "stack", frozenset({1, 2, 3, 4}), signed, monkeypatch)
    assert {outcome.way for outcome in outcomes} == set(Way)
    assert [(item.way, item.name) for item in outcomes if item.is_through] == []
