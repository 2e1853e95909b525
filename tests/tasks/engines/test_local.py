"""The engines of one machine."""

import pytest

from tasks.engines.local import OneProcess, Processes
from tasks.errors import DataError
from tests.tasks.engines import work


@pytest.mark.parametrize("engine", [OneProcess(), Processes(2)], ids=["one process", "two"])
def test_answers_come_in_order_and_errors_of_ours_are_raised(
    engine: OneProcess | Processes,
) -> None:
    assert list(engine.map(work.multiply, 3, [5, 1, 5, 2])) == [15, 3, 15, 6]
    assert list(engine.map(work.multiply, 3, [])) == []
    with pytest.raises(DataError, match="Mend it"):
        list(engine.map(work.refuse, None, range(5)))


def test_a_statement_says_the_kind_and_how_many_worked() -> None:
    assert OneProcess().describe() == {"kind": "one_process"}
    assert Processes(3).describe() == {"kind": "processes", "workers": "3"}
