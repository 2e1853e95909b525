"""Answers come in the order of their partitions, and memory is bounded."""

from collections.abc import Iterator
from typing import Any

from tasks.engines.mapping import in_order


class Later:
    """A future that is done."""

    def __init__(self, value: int) -> None:
        self.value = value

    def result(self) -> int:
        return self.value


def test_answers_come_in_order_and_no_more_is_read_ahead_than_asked() -> None:
    read = []

    def numbers() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    later: Any = Later
    answers: list[int] = []
    ahead = []
    for answer in in_order(later, numbers(), 3):
        answers.append(answer)
        ahead.append(len(read))
    assert answers == list(range(10))
    assert all(so_far <= answer + 3 for answer, so_far in zip(answers, ahead, strict=True))
