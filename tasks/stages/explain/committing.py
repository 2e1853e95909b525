"""Commit to every explanation of a run: any one can be proven later without showing another."""

import numpy as np
import pandas as pd

from tasks.keystore.keys import KeyStore, Retention
from tasks.model import DecisionModel, ReasonMap
from tasks.stages.explain.reasons import reason_table
from tasks.under_way import counted
from tasks.verifier.explanation_commitments import Explanation, ToldReason, commitment, salt_of

REASONS = 4


def told(row: "pd.Series", reason_map: ReasonMap) -> tuple[ToldReason, ...]:
    """Return the reasons of one row of the reason table, most adverse first.

    With their sentences in every language of the map: so the run commits to the very words that
    the person may be sent.
    """
    sentences = {language: reason_map.sentences(language) for language in reason_map.languages}
    pairs = ((row[f"reason_{n}"], row[f"log_odds_{n}"]) for n in range(1, REASONS + 1))
    return tuple(
        ToldReason(
            str(code),
            float(log_odds),
            tuple((language, sentences[language][str(code)]) for language in sorted(sentences)),
        )
        for code, log_odds in pairs
        if pd.notna(code)
    )


def commitments(
    reasons: pd.DataFrame, keys: KeyStore, run: str, model_sha256: str, reason_map: ReasonMap
) -> list[bytes]:
    """Return one commitment per row of the reason table, salted by its subject's own key."""
    by_subject = keys.for_subjects(dict.fromkeys(reasons["subject"]), Retention.DECISION_RECORD)
    found = []
    for record in counted("committing to explanations", reasons.to_dict("records"), "rows"):
        row = pd.Series(record, dtype=object)
        number = int(row["row"])
        said = Explanation(number, told(row, reason_map), model_sha256, reason_map.version)
        salt = salt_of(by_subject[str(row["subject"])].nonce_key, run, number)
        found.append(commitment(salt, said))
    return found


def explain_again(
    application: pd.DataFrame, number: int, model: DecisionModel, model_sha256: str
) -> Explanation | None:
    """Return why one application is declined, decided anew and alone; None where it is approved.

    Args:
        application: Its row, of redact's columns.
        number: Which row of the run it was.
        model: As it was loaded now.
        model_sha256: Of its bytes now.
    """
    decisions = model.decide(application)
    if not len(decisions.declined):
        return None
    nobody = np.zeros(1)  # how many refits would approve is no part of what is committed
    table = reason_table(application["subject"], decisions, model.reasons, nobody)
    record = pd.Series(table.to_dict("records")[0], dtype=object)
    return Explanation(number, told(record, model.reasons), model_sha256, model.reasons.version)
