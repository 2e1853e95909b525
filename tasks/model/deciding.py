"""The one function that decides: score, decision and reasons.

The stage `explain` calls it about every row that is judged, and whoever loads the registered model
calls it about theirs. There is no second one, so that the two cannot differ.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel

from .composites import Composites
from .contract import Contract
from .errors import BrokenModelError, InputError
from .families import Matrix
from .reasons import MOST_REASONS, NamedReasons, ReasonMap, name_reasons
from .scorer import Scorer, probability
from .shapley import Explainer

if TYPE_CHECKING:
    import pandas as pd

APPROVED = "approved"
DECLINED = "declined"

Part = TypeVar("Part", bound=BaseModel)


@dataclass(frozen=True)
class Decisions:
    """What a model decided about rows, and why."""

    scores: Matrix  # shape (rows,): probabilities of the favourable label
    approved: np.ndarray  # booleans, shape (rows,)
    declined: np.ndarray  # shape (declined,): positions of the declined rows
    reasons: NamedReasons  # of the declined rows


@dataclass(frozen=True)
class DecisionModel:
    """A scorer with all that its decisions rest on; a folder of texts, which holds no code."""

    scorer: Scorer
    contract: Contract
    reasons: ReasonMap
    composites: Composites

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together.

        Raises:
            BrokenModelError: The composites have other inputs, or a feature has no reason.
        """
        scorer = self.scorer
        if self.composites.inputs != tuple(column.name for column in scorer.inputs):
            raise _torn("composites with the model's inputs", "some with others")
        if any(len(row) != len(scorer.inputs) for row in self.composites.rows):
            raise _torn("a value for every input in the composites", "fewer or more")
        # In the same order, for the matrix is made by position.
        if tuple(column.name for column in self.contract.columns) != scorer.features:
            raise _torn("a contract about the model's features", "one about others")
        if uncovered := self.reasons.uncovered(scorer.features):
            raise _torn("exactly one reason for every feature", f"not so: {', '.join(uncovered)}")
        if unfit := self.reasons.unfit(scorer.inputs):
            raise _torn("words about values that a feature can have", f"not: {', '.join(unfit)}")

    @cached_property
    def explainer(self) -> Explainer:
        """What computes contributions, against the composites.

        Raises:
            BrokenModelError: The model is of a kind that cannot be explained.
        """
        return Explainer(self.scorer.booster, self.composites.matrix)

    def decide(self, rows: Any) -> Decisions:
        """Decide about `rows`, and say why each declined one is declined.

        Raises:
            InputError: The rows do not keep to the model's contract.
        """
        accepted = self.contract.accept(rows)
        # Of what the contract has accepted alone, never of the caller's rows.
        matrix = self.scorer.matrix(accepted)
        scores = probability(self.scorer.booster.margin(matrix))
        approved = scores >= self.scorer.cutoff

        declined = np.flatnonzero(~approved)
        named = name_reasons(
            self.explainer,
            self.scorer.inputs,
            self.reasons,
            matrix[declined],
            self.scorer.is_known(accepted)[declined],
        )
        return Decisions(scores, approved, declined, named)

    def answer(self, rows: Any, language: str | None = None) -> "pd.DataFrame":
        """Return decisions as a table: a row for each of `rows`, in their order.

        Columns: `score`; `decision`, "approved" or "declined"; `reason_1` to `reason_4`, codes of
        the reason map, most adverse first, and `reason_1_text` to `reason_4_text`, their words.
        Reasons are None for the approved, and beyond those that count and are true.

        Args:
            rows: The applications.
            language: Of the words; one of the reason map's, by default its first.

        Raises:
            InputError: The rows do not keep to the model's contract, or the reason map has no words
                in this language.
        """
        import pandas as pd

        sentences = self._sentences(language or self.reasons.language)

        decisions = self.decide(rows)
        index = rows.index if isinstance(rows, pd.DataFrame) else None
        answers = pd.DataFrame({"score": decisions.scores}, index=index)
        words = np.where(decisions.approved, APPROVED, DECLINED).astype(object)
        answers["decision"] = pd.array(words, dtype="str")

        # The last of the words, None, is what the index -1 stands for. Objects, for JSON has a
        # null, and no NaN, which pandas puts for a missing text of its own type.
        codes = np.array([group.code for group in self.reasons.reasons] + [None], dtype=object)
        texts = np.array([*sentences.values(), None], dtype=object)
        for position in range(MOST_REASONS):
            index_of = np.full(len(answers), -1)
            index_of[decisions.declined] = decisions.reasons.top[:, position]
            reason = f"reason_{position + 1}"
            answers[reason] = pd.Series(codes[index_of], index=answers.index, dtype=object)
            answers[f"{reason}_text"] = pd.Series(
                texts[index_of], index=answers.index, dtype=object
            )
        return answers

    def _sentences(self, language: str) -> dict[str, str]:
        if language not in self.reasons.languages:
            raise InputError(
                "language",
                expected=f"one of {', '.join(self.reasons.languages)}",
                found="another",
                remedy="Ask for one of these, or have the reason map translated.",
            )
        return self.reasons.sentences(language)

    def save(self, folder: Path) -> None:
        """Write the scorer's files, `contract.json`, `reasons.json` and `composites.json`."""
        self.scorer.save(folder)
        for name, part in self._parts().items():
            text = part.model_dump_json(indent=1)
            (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "DecisionModel":
        """Read what `save` wrote; imports the family's library only.

        Raises:
            BrokenModelError: The folder does not hold a whole model.
        """
        return cls(
            scorer=Scorer.load(folder),
            contract=_read(folder, "contract", Contract),
            reasons=_read(folder, "reasons", ReasonMap),
            composites=_read(folder, "composites", Composites),
        )

    def _parts(self) -> dict[str, BaseModel]:
        return {
            "contract": self.contract,
            "reasons": self.reasons,
            "composites": self.composites,
        }


def _read(folder: Path, name: str, part: type[Part]) -> Part:
    try:
        text = (folder / f"{name}.json").read_text(encoding="utf-8")
        return part.model_validate_json(text)
    except (OSError, ValueError) as error:
        raise BrokenModelError(
            f"{name}.json of the model",
            expected="what `train` wrote",
            found=type(error).__name__,
            remedy="Run `dvc checkout`, or train it again.",
        ) from error


def _torn(expected: str, found: str) -> BrokenModelError:
    return BrokenModelError(
        "the model's parts", expected=expected, found=found, remedy="Train it again."
    )
