"""Train one use case's model: split by person, fit, choose the cut-off, score every row out of fold."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tasks.config.cases import Columns, Role
from tasks.errors import ConfigError, DataError
from tasks.model import Input, Scorer
from tasks.model.families import Matrix
from tasks.model.scorer import matrix_of, probability
from tasks.stages.train.cutoffs import choose_cutoff
from tasks.stages.train.fitting import fit
from tasks.stages.train.params import TrainParams
from tasks.stages.train.reweighing import weights_for
from tasks.stages.train.splitting import draws, folds, split

FEWEST_ROWS_PER_LABEL = 10
LEFT_OUT_OF_REFITS = 0.1


@dataclass(frozen=True)
class Trained:
    """A model, and what it says about every row: in one piece for its part, and out of fold for all.

    `refits` have the same inputs, other seeds, and nine tenths of the people that the model learnt from.
    """

    scorer: Scorer
    refits: tuple[Scorer, ...]
    predictions: (
        pd.DataFrame
    )  # subject, part, actual, score, approved, oof_score, oof_approved; one row per input row


def features_of(columns: Columns, params: TrainParams) -> tuple[str, ...]:
    """Return the features that the model may use; what is protected can never be one.

    Raises:
        ConfigError: `left_out`, `monotone` or `mitigate` name columns that do not fit; or no feature is left.
    """
    features, protected = columns.named(Role.FEATURE), columns.named(Role.PROTECTED)
    for field, names, fitting in (
        ("left_out", params.left_out, features),
        ("monotone", params.monotone, features),
        ("mitigate", params.mitigate, protected),
    ):
        if odd := sorted(set(names) - set(fitting)):
            raise ConfigError(
                f"train.{field}",
                expected=f"some of: {', '.join(fitting)}",
                found=", ".join(odd),
                remedy="Mend the names.",
            )
    if (params.mitigation == "reweighing") != bool(params.mitigate):
        raise ConfigError(
            "train.mitigate",
            expected="the protected attributes to reweigh, with `mitigation: reweighing` only",
            found=f"{params.mitigation} with {len(params.mitigate)} attributes",
            remedy="Name them, or drop the list.",
        )
    kept = tuple(name for name in features if name not in params.left_out)
    if not kept:
        raise ConfigError(
            "train.left_out",
            expected="at least one feature left",
            found="none",
            remedy="Leave fewer out.",
        )
    return kept


def train(rows: pd.DataFrame, columns: Columns, params: TrainParams) -> Trained:
    """Train on `rows` (`subject`, `person`, features, protected attributes, target).

    Raises:
        DataError: The target is missing somewhere, has one class only, or a part is too small to learn from.
    """
    labels = _labels(rows[columns.only(Role.TARGET)], params)
    parts = split(rows["person"], params.seed, params.validation_ratio, params.test_ratio)
    inputs = _inputs(rows[parts == "train"], features_of(columns, params))
    matrix = matrix_of(rows, inputs)
    groups = rows[list(params.mitigate)]
    scorer = _fitted(
        matrix, labels, groups, inputs, params, parts == "train", parts == "validation"
    )
    refits = tuple(
        _fitted(
            matrix, labels, groups, inputs, other, (parts == "train") & kept, parts == "validation"
        )
        for other, kept in _refitting(rows["person"], params)
    )
    scores = probability(scorer.booster.margin(matrix))
    oof_scores, oof_approved = np.empty(len(rows)), np.empty(len(rows), dtype=bool)
    fold = folds(rows["person"], params.seed, params.folds)
    for number in range(params.folds):
        here, next_one = fold == number, fold == (number + 1) % params.folds
        if here.any():
            one = _fitted(matrix, labels, groups, inputs, params, ~here & ~next_one, next_one)
            oof_scores[here] = probability(one.booster.margin(matrix[here]))
            oof_approved[here] = oof_scores[here] >= one.cutoff
    predictions = pd.DataFrame(
        {
            "subject": rows["subject"],
            "part": pd.array(parts, dtype="str"),
            "actual": labels.astype(np.int8),
            "score": scores,
            "approved": scores >= scorer.cutoff,
            "oof_score": oof_scores,
            "oof_approved": oof_approved,
        }
    )
    return Trained(scorer, refits, predictions)


def _refitting(
    persons: "pd.Series[int]", params: TrainParams
) -> Iterator[tuple[TrainParams, np.ndarray]]:
    """Yield, for each refit, its parameters and which rows it may learn from."""
    for number in range(1, params.refits + 1):
        kept = draws(persons, params.seed, f"refit {number}") >= LEFT_OUT_OF_REFITS
        yield params.model_copy(update={"seed": params.seed + number}), kept


def _fitted(
    matrix: Matrix,
    labels: Matrix,
    groups: pd.DataFrame,
    inputs: tuple[Input, ...],
    params: TrainParams,
    learn: np.ndarray,
    choose: np.ndarray,
) -> Scorer:
    for name, part in (("training", learn), ("validation", choose)):
        fewest = min(int((labels[part] == 0).sum()), int((labels[part] == 1).sum()))
        if fewest < FEWEST_ROWS_PER_LABEL:
            raise DataError(
                f"{name} rows",
                expected=f"at least {FEWEST_ROWS_PER_LABEL} of each label",
                found=f"{fewest} of one",
                remedy="Bring more data; a model that has not seen both answers cannot tell them apart.",
            )
    weights = np.ones(int(learn.sum()))
    if params.mitigation == "reweighing":
        weights = weights_for(groups[learn], labels[learn])
    names = [one.name for one in inputs]
    booster = fit(matrix[learn], labels[learn], weights, names, params)
    cutoff = choose_cutoff(
        probability(booster.margin(matrix[choose])), labels[choose], params.cutoff
    )
    return Scorer(params.family, inputs, booster, cutoff)


def _inputs(rows: pd.DataFrame, features: tuple[str, ...]) -> tuple[Input, ...]:
    """Return the model's inputs, with medians and categories of the training rows only."""
    inputs: list[Input] = []
    for name in features:
        if pd.api.types.is_numeric_dtype(rows[name]):
            median = rows[name].median()
            inputs.append(Input(name, fill=float(median) if pd.notna(median) else 0.0))
        else:
            inputs += [Input(name, category) for category in sorted(rows[name].dropna().unique())]
    return tuple(inputs)


def _labels(target: "pd.Series[float]", params: TrainParams) -> Matrix:
    if missing := int(target.isna().sum()):
        raise DataError(
            f"target `{target.name}`",
            expected="a label in every row",
            found=f"{missing} rows without",
            remedy="Have the source mended: an unknown outcome is no outcome.",
        )
    labels: Matrix = np.asarray(target == params.favourable, dtype=np.float64)
    if target.nunique() != 2 or labels.min() == labels.max():
        raise DataError(
            f"target `{target.name}`",
            expected=f"two labels, one of them {params.favourable:g}",
            found=f"{target.nunique()} different",
            remedy="Check `train.favourable` and the source.",
        )
    return labels
