"""Choose the cut-off from which on a score is approved, by a declared rule on unseen rows."""

import numpy as np

from tasks.learning.params import ApprovalRate, Cost, Cutoff
from tasks.model.families import Matrix


def choose_cutoff(scores: Matrix, labels: Matrix, rule: Cutoff) -> float:
    """Return the cut-off: rows with `score >= cutoff` are approved.

    It is always one of the scores. Of cut-offs that serve the rule equally well, the lowest is
    taken, which approves most.

    Args:
        scores: P(favourable label), shape (rows,).
        labels: 0 or 1, shape (rows,).
        rule: What to aim at.
    """
    if isinstance(rule, ApprovalRate):
        # `lower` gives a score that occurs, so that at least the declared share reaches it.
        return float(np.quantile(scores, 1 - rule.rate, method="lower"))

    # Errors of every candidate at once: goods below it are declined, bads from it on are approved.
    candidates = np.unique(scores)
    good_scores = np.sort(scores[labels == 1])
    bad_scores = np.sort(scores[labels == 0])
    false_declines = np.searchsorted(good_scores, candidates, side="left")
    false_approvals = len(bad_scores) - np.searchsorted(bad_scores, candidates, side="left")

    if isinstance(rule, Cost):
        loss = rule.false_decline * false_declines + rule.false_approval * false_approvals
    else:
        # Twice the balanced error; `max` keeps an absent label from dividing by 0.
        decline_rate = false_declines / max(len(good_scores), 1)
        approval_rate = false_approvals / max(len(bad_scores), 1)
        loss = decline_rate + approval_rate

    return float(candidates[int(np.argmin(loss))])
