"""Where the line between yes and no lies, by a declared rule on rows that the model has not seen."""

import numpy as np

from tasks.model.families import Matrix
from tasks.stages.train.params import ApprovalRate, Cost, Cutoff


def choose_cutoff(scores: Matrix, labels: Matrix, rule: Cutoff) -> float:
    """Return the cut-off: rows with `score >= cutoff` are approved.

    Ties between cut-offs go to the one that approves more.
    """
    if isinstance(rule, ApprovalRate):
        return float(np.quantile(scores, 1 - rule.rate, method="lower"))
    candidates = np.unique(scores)
    order = np.sort(scores[labels == 1]), np.sort(scores[labels == 0])
    false_declines = np.searchsorted(order[0], candidates, side="left")
    false_approvals = len(order[1]) - np.searchsorted(order[1], candidates, side="left")
    if isinstance(rule, Cost):
        loss = rule.false_decline * false_declines + rule.false_approval * false_approvals
    else:
        loss = false_declines / max(len(order[0]), 1) + false_approvals / max(len(order[1]), 1)
    return float(candidates[int(np.argmin(loss))])
