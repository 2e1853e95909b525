"""Complete a trained scorer into the model that decides: contract, reasons, composites."""

import numpy as np

from tasks.adverse_action.composing import make_composites
from tasks.adverse_action.params import BackgroundParams
from tasks.adverse_action.people import choose_people
from tasks.learning.training import Trained
from tasks.model import Contract, DecisionModel, ReasonMap
from tasks.model.contract import InputColumn
from tasks.model.families import Inputs
from tasks.model.loading import code_sha256


def complete_model(
    matrix: Inputs,
    judged: tuple[InputColumn, ...],
    trained: Trained,
    reasons: ReasonMap,
    background: BackgroundParams,
) -> DecisionModel:
    """Return the scorer with all that its decisions rest on.

    Before it is judged, so that the digest of `train/model`, which every verdict is about and
    which registration asks the ledger for, covers reasons, composites, contract and code.

    Args:
        matrix: Inputs of every row that the model is judged on, in the order of its predictions.
        judged: What these rows have in each column that the model reads.
        trained: What training gave.
        reasons: The words for each feature.
        background: With whom the declined are compared.

    Raises:
        DataError: Too few people can serve as the background.
    """
    scorer = trained.scorer
    predictions = trained.predictions
    # From the part `train` alone, whom the registered model learnt from, so that nobody whom it is
    # judged on becomes part of it. `draw=0` is the model's own background; `explain` tries others.
    positions = choose_people(
        predictions["score"].to_numpy(),
        predictions["subject"].to_numpy(),
        predictions["part"].to_numpy() == "train",
        scorer.cutoff,
        background,
        draw=0,
    )
    # These people's rows stay here: what goes into the model is made of many of them.
    people = matrix[positions].astype(np.float64)

    return DecisionModel(
        scorer=scorer,
        contract=Contract.about(scorer, judged, code_sha256()),
        reasons=reasons,
        composites=make_composites(people, scorer.inputs, background),
    )
