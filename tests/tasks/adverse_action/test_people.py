"""Who decisions are compared with: people, not rows, and by the declared rule."""

import numpy as np
import pytest

from tasks.adverse_action.params import BackgroundParams
from tasks.adverse_action.people import choose_people
from tasks.errors import DataError

PEOPLE = 200
SCORES = np.linspace(0, 1, PEOPLE)
SUBJECTS = np.array([f"{i:03d}" for i in range(PEOPLE)])
LEARNT = np.arange(PEOPLE) % 4 > 0


def background(people: str = "near_cutoff", rows: int = 25) -> BackgroundParams:
    return BackgroundParams(people=people, rows=rows, smallest_group=5, seed=1)


def test_near_the_cutoff_are_those_approved_with_the_lowest_scores() -> None:
    chosen = choose_people(SCORES, SUBJECTS, LEARNT, 0.5, background(), draw=0)
    assert len(chosen) == 25
    assert LEARNT[chosen].all()
    assert SCORES[chosen].min() >= 0.5
    nearest = np.flatnonzero(LEARNT & (SCORES >= 0.5))[:50]
    assert set(chosen) <= set(nearest)


def test_all_are_drawn_from_everybody_that_the_model_learnt_from() -> None:
    chosen = choose_people(SCORES, SUBJECTS, LEARNT, 0.5, background("all", 100), draw=0)
    assert LEARNT[chosen].all()
    assert SCORES[chosen].min() < 0.2


def test_a_draw_is_the_same_each_time_and_other_draws_are_others() -> None:
    first, again, other = (
        choose_people(SCORES, SUBJECTS, LEARNT, 0.5, background(), draw=draw) for draw in (0, 0, 1)
    )
    assert first.tolist() == again.tolist() != other.tolist()


def test_who_applied_twice_counts_once_with_the_row_nearest_to_the_cutoff() -> None:
    subjects = np.array([f"{i // 2:03d}" for i in range(PEOPLE)])
    everything = np.ones(PEOPLE, bool)
    chosen = choose_people(SCORES, subjects, everything, 0.5, background(rows=50), draw=0)
    assert len(set(subjects[chosen])) == len(chosen) == 50
    assert (chosen % 2 == 0).all()  # the lower score of the two


def test_too_few_people_are_refused() -> None:
    with pytest.raises(DataError, match="background"):
        choose_people(SCORES, SUBJECTS, LEARNT, 0.95, background(), draw=0)
    doubled = np.array([f"{i // 10:03d}" for i in range(PEOPLE)])  # 20 people, 15 of whom are there
    with pytest.raises(DataError, match="at least 20 people"):
        choose_people(SCORES, doubled, SCORES > 0.25, 0.0, background(), draw=0)
