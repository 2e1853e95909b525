"""Make rows that are nobody's out of people's rows, so that they may leave with a model.

Reasons compare a declined applicant with people near the cut-off, and whoever loads the model needs
something to compare with; those people's figures are personal data and stay here. Three steps, each
of which takes something away for good:

1. **Values.** Each figure becomes the mean of a run of at least `k` people whose figures are next
   to one another in rank, rounded where all figures are whole numbers (microaggregation by
   individual ranking, Defays and Anwar 1998); or the one figure that at least `k` of them share. A
   category that fewer than `k` people have becomes none.
2. **Groups.** The people are put into groups of at least `k` who are alike (MDAV, Domingo-Ferrer
   and Torra 2005, doi:10.1007/s10618-005-0007-5).
3. **Rows.** Within a group, each feature's values are sorted, which forgets whose they were, and
   dealt out anew, feature by feature. A row so has values of up to as many people as features.

What stays is what reasons need: each feature's spread, and roughly how features go together.
"""

import numpy as np

from tasks.adverse_action.params import BackgroundParams
from tasks.model import Composites, Input
from tasks.model.families import Matrix
from tasks.model.scorer import single_precision

DEALING = 4_000  # apart from the other streams of numbers that are drawn with the same seed


def make_composites(
    matrix: Matrix, inputs: tuple[Input, ...], params: BackgroundParams
) -> Composites:
    """Return the composites that travel with a model.

    Args:
        matrix: One row for each chosen person, shape (people, inputs), none missing.
        inputs: What the columns are.
        params: The declared rule.
    """
    rows = compose(matrix, inputs, params.smallest_group, params.seed)
    return Composites(
        compared_with=params.people,
        people_behind_each_value=params.smallest_group,
        inputs=tuple(column.name for column in inputs),
        rows=tuple(tuple(float(value) for value in row) for row in rows),
    )


def compose(matrix: Matrix, inputs: tuple[Input, ...], people: int, seed: int) -> Matrix:
    """Return as many composite rows as `matrix` has, each value from at least `people` of them.

    Who had which value is lost: two data sets with the same values in the same groups give the
    same rows. Knowing the seed does not help, for what is dealt out was sorted before.

    Raises:
        ValueError: There are fewer rows than `people`.
    """
    if len(matrix) < people:
        raise ValueError(f"{len(matrix)} rows are fewer than {people}")

    features: dict[str, list[int]] = {}
    for position, column in enumerate(inputs):
        features.setdefault(column.feature, []).append(position)

    # 1. Values, with all inputs of a category together.
    blunt = np.empty_like(matrix)
    for columns in features.values():
        is_category = inputs[columns[0]].category is not None
        coarsen = _coarse_category if is_category else _coarse_figure
        blunt[:, columns] = coarsen(matrix[:, columns], people)

    # 2. and 3. Groups are of the people's own figures; what is dealt out in them is blunted.
    rng = np.random.default_rng([seed, DEALING])
    composites = np.empty_like(matrix)
    for group in group_alike(matrix, people):
        for columns in features.values():
            # All inputs of a category move together, or a row could be in two of its categories.
            cells = np.ix_(group, np.array(columns))
            values = blunt[cells]
            values = values[np.lexsort(values.T)]  # sorted: whose they were is forgotten here
            composites[cells] = values[rng.permutation(len(group))]

    # In the order of their own values, so that no row stands where a person's stood.
    return single_precision(composites[np.lexsort(composites.T)])


def group_alike(matrix: Matrix, people: int) -> list[np.ndarray]:
    """Return groups of rows that are alike, each of at least `people` and fewer than twice as many.

    MDAV: the row furthest from the mean and its nearest make a group; then the row furthest from
    that one and its nearest; and again, until fewer than two groups' worth are left.
    """
    spread = matrix.std(axis=0)
    standard = (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1.0)

    left = np.arange(len(matrix))
    groups: list[np.ndarray] = []

    def take_group_round(centre: Matrix) -> None:
        nonlocal left
        nearest = np.argsort(_distances(standard[left], centre), kind="stable")
        groups.append(left[nearest[:people]])
        left = np.sort(left[nearest[people:]])

    # Two groups' worth at least are left, so that what remains after one is a whole group, too.
    while len(left) >= 2 * people:
        from_mean = _distances(standard[left], standard[left].mean(axis=0))
        furthest = standard[left[np.argmax(from_mean)]]
        take_group_round(furthest)
        if len(left) >= 2 * people:
            opposite = standard[left[np.argmax(_distances(standard[left], furthest))]]
            take_group_round(opposite)

    groups.append(left)
    return groups


def _coarse_figure(values: Matrix, people: int) -> Matrix:
    """Return each figure as its run of neighbours in rank has it, shape (rows, 1) as given.

    That is the mean, but where enough people of a run have one figure, it is theirs: a few people
    with other financing must not give some to everybody who has none. Equal figures stay together,
    in one run; else it would hang on a row's place which of two runs it falls into.
    """
    column = values[:, 0]
    figures, place, counts = np.unique(column, return_inverse=True, return_counts=True)

    runs = np.empty(len(figures), dtype=np.int64)
    run = 0
    in_run = 0
    for position, count in enumerate(counts):
        if in_run >= people and counts[position:].sum() >= people:
            run += 1
            in_run = 0
        runs[position] = run
        in_run += count

    means = np.bincount(runs, figures * counts) / np.bincount(runs, counts)
    if (figures == np.round(figures)).all():
        means = np.round(means)

    shared = np.flatnonzero(counts >= people)  # at most one in a run, which its count completes
    means[runs[shared]] = figures[shared]
    return np.asarray(means[runs][place][:, None])


def _coarse_category(indicators: Matrix, people: int) -> Matrix:
    """Return indicators of a category, all zeros for one that fewer than `people` have."""
    is_common = indicators.sum(axis=0) >= people
    return np.asarray(indicators * is_common)


def _distances(rows: Matrix, centre: Matrix) -> Matrix:
    return np.asarray(((rows - centre) ** 2).sum(axis=1))
