"""What a model learns from, by the declared mitigation: the labels, and the weights of rows."""

import numpy as np
import pandas as pd

from tasks.learning.params import TrainParams
from tasks.learning.reduction import towards_parity
from tasks.learning.reweighing import weights_for
from tasks.model.families import Matrix


def mitigate(groups: pd.DataFrame, labels: Matrix, params: TrainParams) -> tuple[Matrix, Matrix]:
    """Return labels and weights for training, each of shape (rows,).

    Args:
        groups: The attributes of `params.mitigate`, missing where not known.
        labels: 0 or 1, shape (rows,).
        params: The mitigation, and its multiplier.
    """
    if params.mitigation == "reweighing":
        return labels, weights_for(groups, labels)
    if params.mitigation == "reduction" and params.multiplier is not None:
        return towards_parity(groups, labels, params.multiplier)
    return labels, np.ones(len(labels))
