"""Train one use case's model: split by person, fit, choose the cut-off, score rows out of fold.

Three kinds of model are fitted. The scorer, which is registered, learns from the training part and
chooses its cut-off on the validation part. A model per fold scores that fold, having learnt from
all others but one, on which it chooses its cut-off: so every row has a score by a model that never
saw its person, and the gates judge all rows instead of a fifth. Refits, with other seeds and
bootstrap samples of the people, show how far explanations and decisions depend on the fit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import exp, factorial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from tasks.config.cases import NUMBERS, Columns, Role
from tasks.engines import Engine
from tasks.errors import ConfigError, DataError
from tasks.learning.cutoffs import choose_cutoff
from tasks.learning.fitting import fit
from tasks.learning.mitigating import mitigate
from tasks.learning.params import TrainParams
from tasks.learning.splitting import draws, folds, split
from tasks.model import Input, Scorer
from tasks.model.families import Inputs, Matrix
from tasks.model.scorer import compact_matrix_of, probability
from tasks.under_way import Work, under_way

FEWEST_ROWS_PER_LABEL = 10
CHALLENGER_ROUNDS = 1000  # iterations: on standardised inputs it converges in a few dozen
MOST_COPIES = 8  # of a person in a bootstrap sample; one more comes once in 900,000 people


@dataclass(frozen=True)
class Trained:
    """A model, and what it says about every row.

    `refits` have the same inputs, other seeds, and learn from bootstrap samples of the people that
    the model learnt from. `predictions` has one row per input row: `subject`, `part`, `actual` (1
    for the favourable label), `score` and `approved` of the model, `oof_score` and `oof_approved`
    of the model that was fitted without the row's fold.

    `challenger_scores` are the out-of-fold scores of a logistic regression on the same folds, shape
    (rows,); None where none was asked for. It learns from the same inputs with the same mitigation:
    whatever the model does better is what its family can do, and a model that does nothing better
    need not be so hard to explain.
    """

    scorer: Scorer
    refits: tuple[Scorer, ...]
    predictions: pd.DataFrame
    challenger_scores: Matrix | None = None


@dataclass(frozen=True)
class FittingData:
    """All rows of a use case as models see them; each fit takes some of the rows.

    `inputs` are those of the matrix: for every fit the medians and categories of the training part.
    It is made once, in single precision: with a million rows it is the most of what a fit needs.
    """

    matrix: Inputs  # shape (rows, inputs), none missing
    labels: Matrix  # 0 or 1, shape (rows,)
    # Numbers of protected groups to reweigh, missing where not known, shape (rows, attributes).
    groups: pd.DataFrame
    inputs: tuple[Input, ...]


@dataclass(frozen=True)
class Prepared:
    """All that training takes of rows; with it, a caller need not hold their features any more.

    `data` is what a worker gets: who the rows are about stays here.
    """

    data: FittingData
    subjects: "pd.Series[str]"
    persons: "pd.Series[int]"
    parts: np.ndarray  # `train`, `validation` or `test`, shape (rows,)

    @property
    def features(self) -> tuple[str, ...]:
        """The features that models read, each once, in order."""
        return tuple(dict.fromkeys(column.feature for column in self.data.inputs))


@dataclass(frozen=True)
class Fit:
    """One model to fit: how, to what, and on which rows its cut-off is chosen.

    `copies`, how often it learns from each row, are whole numbers, or booleans for once or never,
    shape (rows,).
    """

    params: TrainParams
    copies: np.ndarray
    is_chosen_on: np.ndarray


def features_of(columns: Columns, params: TrainParams) -> tuple[str, ...]:
    """Return the features that the model may use; a protected attribute can never be one.

    Raises:
        ConfigError: `left_out`, `monotone` or `mitigate` name columns of another role, or no
            feature is left.
    """
    features = columns.named(Role.FEATURE)
    _check_names("left_out", params.left_out, features)
    # A category is several inputs of 0 and 1, without an order that a score could follow.
    ordered = tuple(name for name in features if columns.root[name].kind in NUMBERS)
    _check_names("monotone", params.monotone, ordered)
    _check_names("mitigate", params.mitigate, columns.named(Role.PROTECTED))
    # A list without a mitigation would look like one and change nothing.
    if (params.mitigation != "none") != bool(params.mitigate):
        raise ConfigError(
            "train.mitigate",
            expected="the protected attributes to mitigate, if `mitigation` is not `none`",
            found=f"{params.mitigation} with {len(params.mitigate)} attributes",
            remedy="Name them, or drop the list.",
        )
    if (params.mitigation == "reduction") != (params.multiplier is not None):
        raise ConfigError(
            "train.multiplier",
            expected="a number with `mitigation: reduction`, and none without",
            found=f"{params.mitigation} with {params.multiplier}",
            remedy="Give one, or drop it.",
        )

    used_features = tuple(name for name in features if name not in params.left_out)
    if not used_features:
        raise ConfigError(
            "train.left_out",
            expected="at least one feature left",
            found="none",
            remedy="Leave fewer out.",
        )
    return used_features


def _check_names(field: str, names: Iterable[str], allowed: tuple[str, ...]) -> None:
    """Check that a field of `train:` names allowed columns only; another one is a ConfigError."""
    if unknown := sorted(set(names) - set(allowed)):
        raise ConfigError(
            f"train.{field}",
            expected=f"some of: {', '.join(allowed)}",
            found=", ".join(unknown),
            remedy="Mend the names.",
        )


def train(
    rows: pd.DataFrame,
    columns: Columns,
    params: TrainParams,
    engine: Engine | None = None,
    *,
    is_challenged: bool = False,
) -> Trained:
    """Train on `rows`, which `prepare` takes, by `train_prepared`.

    Raises:
        DataError, ConfigError: As they say.
    """
    prepared = prepare(rows, columns, params)
    return train_prepared(prepared, params, engine, is_challenged=is_challenged)


def prepare(rows: pd.DataFrame, columns: Columns, params: TrainParams) -> Prepared:
    """Divide `rows` (`subject`, `person`, features, protected attributes, target) and make inputs.

    Raises:
        DataError: The target is missing somewhere or has one class only.
        ConfigError: The parameters do not fit to the columns.
    """
    persons = rows["person"]
    parts = split(persons, params.seed, params.validation_ratio, params.test_ratio)
    data = _training_data(rows, columns, params, parts == "train")
    return Prepared(data, rows["subject"], persons, parts)


def train_prepared(
    prepared: Prepared,
    params: TrainParams,
    engine: Engine | None = None,
    *,
    is_challenged: bool = False,
) -> Trained:
    """Train on rows that were prepared by the same parameters.

    With an `engine` each model is fitted by one of its workers, whole: the same bytes come out, by
    any family. A worker holds all rows' inputs meanwhile. `is_challenged` asks for the challenger's
    scores, too.

    Raises:
        DataError: A part is too small to learn from.
    """
    data = prepared.data
    parts = prepared.parts
    persons = prepared.persons
    is_training = parts == "train"
    is_validation = parts == "validation"
    # Folds over all people, those of `test` among them: they only measure the recipe. The
    # registered model never learns from `test`.
    fold = folds(persons, params.seed, params.folds)

    def fits() -> Iterator[Fit]:
        yield Fit(params, is_training, is_validation)
        for refit_params, copies in _refit_settings(persons, params):
            yield Fit(refit_params, is_training * copies, is_validation)
        yield from _fold_fits(fold, params)

    # One fit for each fold that has a row, and there may be fewer people than folds.
    several = 1 + params.refits + len(np.unique(fold))
    with under_way("fitting models", several, "models") as work:
        scorers = _fit_all(data, fits(), engine, work)
        scorer = next(scorers)
        refits = tuple(islice(scorers, params.refits))

        scores = probability(scorer.booster.margin(data.matrix))
        oof_scores, oof_approved = _score_out_of_fold(data, fold, params, scorers)
    predictions = pd.DataFrame(
        {
            "subject": prepared.subjects,
            "part": pd.array(parts, dtype="str"),
            "actual": data.labels.astype(np.int8),
            "score": scores,
            "approved": scores >= scorer.cutoff,
            "oof_score": oof_scores,
            "oof_approved": oof_approved,
        }
    )
    challenger_scores = _score_challenger(data, fold, params, engine) if is_challenged else None
    return Trained(scorer, refits, predictions, challenger_scores)


def _training_data(
    rows: pd.DataFrame, columns: Columns, params: TrainParams, is_training: np.ndarray
) -> FittingData:
    """Return all rows as models see them; `is_training` marks whom medians come from."""
    labels = labels_of(rows[columns.only(Role.TARGET)], params)
    # Medians and categories come from the training part: the other parts must teach nothing.
    features = features_of(columns, params)
    inputs = inputs_of(rows, features, is_training)
    numbers = {name: _numbered(rows[name]) for name in params.mitigate}
    groups = pd.DataFrame(numbers, index=rows.index)
    return FittingData(compact_matrix_of(rows, inputs), labels, groups, inputs)


def _numbered(groups: "pd.Series[str]") -> Matrix:
    """Return a number for each group, in their order, missing where it is not known."""
    codes, _ = pd.factorize(groups, sort=True)
    return np.where(codes >= 0, codes, np.nan)


def _score_challenger(
    data: FittingData, fold: np.ndarray, params: TrainParams, engine: Engine | None
) -> Matrix:
    """Return the out-of-fold scores of a logistic regression on the same data, shape (rows,)."""
    challenger = params.model_copy(
        update={"family": "logistic", "rounds": CHALLENGER_ROUNDS, "parameters": {}}
    )
    with under_way("fitting the challenger", params.folds, "models") as work:
        scorers = _fit_all(data, _fold_fits(fold, challenger), engine, work)
        scores, _ = _score_out_of_fold(data, fold, challenger, scorers)
    return scores


def _score_out_of_fold(
    data: FittingData,
    fold: np.ndarray,
    params: TrainParams,
    scorers: Iterator[Scorer],
) -> tuple[Matrix, np.ndarray]:
    """Return score and decision per row, shape (rows,), by models that never saw the row's person.

    `scorers` are those of `_fold_fits`, in its order; `fold` is each row's.
    """
    scores = np.empty(len(fold))
    is_approved = np.empty(len(fold), dtype=bool)
    for number in range(params.folds):
        is_scored = fold == number
        if not is_scored.any():
            continue

        scorer = next(scorers)
        scores[is_scored] = probability(scorer.booster.margin(data.matrix[is_scored]))
        is_approved[is_scored] = scores[is_scored] >= scorer.cutoff

    return scores, is_approved


def _fold_fits(fold: np.ndarray, params: TrainParams) -> Iterator[Fit]:
    """Yield, for each fold that has a row, what its model is fitted to.

    It learns from all folds but two and chooses its cut-off on the next one: on rows that it has
    not learnt from, and that it does not decide about.
    """
    for number in range(params.folds):
        is_scored = fold == number
        is_next_fold = fold == (number + 1) % params.folds
        if is_scored.any():
            yield Fit(params, ~is_scored & ~is_next_fold, is_next_fold)


def _fit_all(
    data: FittingData, fits: Iterator[Fit], engine: Engine | None, work: Work
) -> Iterator[Scorer]:
    """Yield a model for each fit, in their order, and count it."""
    if engine is None:
        for wanted in fits:
            scorer = fit_scorer(data, wanted)
            work.advance()
            yield scorer
        return

    # A copy for each row is 0 to 9: eight times smaller on its way than as numpy counts.
    small = (replace(wanted, copies=wanted.copies.astype(np.int8)) for wanted in fits)
    for files in engine.map(fit_files, data, small):
        work.advance()
        yield _scorer_of(files)


def fit_files(data: FittingData, wanted: Fit) -> dict[str, bytes]:
    """Return the files of a model that is fitted in this process, by their names."""
    scorer = fit_scorer(data, wanted)
    with TemporaryDirectory() as folder:
        scorer.save(Path(folder))
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def _scorer_of(files: dict[str, bytes]) -> Scorer:
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            # A worker says the names: one alone, in this folder.
            (Path(folder) / Path(name).name).write_bytes(content)
        return Scorer.load(Path(folder))


def _refit_settings(
    persons: "pd.Series[int]", params: TrainParams
) -> Iterator[tuple[TrainParams, np.ndarray]]:
    """Yield, for each refit, its parameters and how often it learns from each row, shape (rows,).

    A Poisson bootstrap of people: a person's rows occur as often as a Poisson variable of mean 1
    says, which is drawn from the hash of the person's number. So refits differ as models of other
    samples of the same size would; refits of nine tenths of the people differ by a third of that
    (the variance goes with 1/m - 1/n), and made reasons look stable that are not.
    """
    ends = np.cumsum([exp(-1) / factorial(copies) for copies in range(MOST_COPIES + 1)])
    for number in range(1, params.refits + 1):
        drawn = draws(persons, params.seed, f"refit {number}")
        copies = np.searchsorted(ends[:-1], drawn, side="right")
        yield params.model_copy(update={"seed": params.seed + number}), copies


def fit_scorer(data: FittingData, wanted: Fit) -> Scorer:
    """Return a model that learnt from copies of rows, with its cut-off from others.

    Raises:
        DataError: One of the labels has fewer than ten rows on either side.
    """
    labels = data.labels
    params = wanted.params
    is_chosen_on = wanted.is_chosen_on
    learnt = np.repeat(np.arange(len(labels)), wanted.copies.astype(np.int64))
    require_both_labels("training", labels[learnt])
    require_both_labels("validation", labels[is_chosen_on])

    # After the copies are made: rates of groups are those of the rows that are learnt from.
    targets, weights = mitigate(data.groups.iloc[learnt], labels[learnt], params)
    names = [column.name for column in data.inputs]
    booster = fit(data.matrix[learnt], targets, weights, names, params)

    scores = probability(booster.margin(data.matrix[is_chosen_on]))
    cutoff = choose_cutoff(scores, labels[is_chosen_on], params.cutoff)
    return Scorer(params.family, data.inputs, booster, cutoff)


def require_both_labels(part: str, labels: Matrix) -> None:
    """Refuse rows of which one label has too few to learn from, or to choose by.

    Raises:
        DataError: One of the labels has fewer than ten rows.
    """
    rarest = min(int((labels == 0).sum()), int((labels == 1).sum()))
    if rarest < FEWEST_ROWS_PER_LABEL:
        raise DataError(
            f"{part} rows",
            expected=f"at least {FEWEST_ROWS_PER_LABEL} of each label",
            found=f"{rarest} of one",
            remedy="Bring more data; a model that has not seen both answers "
            "cannot tell them apart.",
        )


def inputs_of(
    rows: pd.DataFrame, features: tuple[str, ...], is_learnt: np.ndarray
) -> tuple[Input, ...]:
    """Return the model's inputs: one per numeric feature, one per category of the others.

    Medians and categories are those of the rows that `is_learnt` marks, shape (rows,): they are
    taken a column at a time, and never copied whole. A feature without any number is filled with 0.
    """
    inputs: list[Input] = []
    for name in features:
        values = rows[name][is_learnt]
        if pd.api.types.is_numeric_dtype(values):
            median = values.median()
            inputs.append(Input(name, fill=float(median) if pd.notna(median) else 0.0))
        else:
            # Sorted, so that the order of rows does not decide the order of inputs.
            inputs += [Input(name, category) for category in sorted(values.dropna().unique())]

    return tuple(inputs)


def labels_of(target: "pd.Series[float]", params: TrainParams) -> Matrix:
    """Return 1 where the target has the favourable value and 0 elsewhere, shape (rows,).

    Raises:
        DataError: A target is missing, or there are not exactly two values, one of them favourable.
    """
    if missing_rows := int(target.isna().sum()):
        raise DataError(
            f"target `{target.name}`",
            expected="a label in every row",
            found=f"{missing_rows} rows without",
            remedy="Have the source mended: an unknown outcome is no outcome.",
        )

    # After the missing ones are refused: NaN equals nothing, and would be an unfavourable label.
    labels: Matrix = np.asarray(target == params.favourable, dtype=np.float64)
    if target.nunique() != 2 or labels.min() == labels.max():
        raise DataError(
            f"target `{target.name}`",
            expected=f"two labels, one of them {params.favourable:g}",
            found=f"{target.nunique()} different",
            remedy="Check `train.favourable` and the source.",
        )
    return labels
