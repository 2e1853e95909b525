"""Commit to every explanation of a run: any one can be proven later without showing another."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tasks.keystore.keys import KeyStore, Retention
from tasks.model import DecisionModel, ReasonMap
from tasks.stages.explain.reasons import reason_table
from tasks.under_way import under_way
from tasks.verifier.explanation_commitments import Explanation, ToldReason, commitment, salt_of

REASONS = 4
KEYED_ROWS = 1 << 19  # whose keys are looked up at once: each time passes over the whole table
SLICE_ROWS = 8_192

# Of each reason's code, its sentences: pairs of language and sentence, sorted by language.
Sentences = Mapping[str, tuple[tuple[str, str], ...]]


def told(record: Mapping[Hashable, Any], words: Sentences) -> tuple[ToldReason, ...]:
    """Return the reasons of one row of the reason table, most adverse first.

    With their sentences in every language of the map: so the run commits to the very words that
    the person may be sent.
    """
    pairs = ((record[f"reason_{n}"], record[f"log_odds_{n}"]) for n in range(1, REASONS + 1))
    return tuple(
        ToldReason(code, float(log_odds), words[code])
        for code, log_odds in pairs
        if isinstance(code, str)  # a missing one is NaN or None, by the type of its column
    )


def sentences_of(reason_map: ReasonMap) -> Sentences:
    """Return each reason's sentence in every language of the map, by its code."""
    sentences = {language: reason_map.sentences(language) for language in reason_map.languages}
    return {
        group.code: tuple(
            (language, sentences[language][group.code]) for language in sorted(sentences)
        )
        for group in reason_map.reasons
    }


def commitments(
    reasons: pd.DataFrame, keys: KeyStore, run: str, model_sha256: str, reason_map: ReasonMap
) -> list[bytes]:
    """Return one commitment per row of the reason table, salted by its subject's own key."""
    words = sentences_of(reason_map)
    leaves = []
    with under_way("committing to explanations", len(reasons), "rows") as work:
        for key_start in range(0, len(reasons), KEYED_ROWS):
            keyed = reasons.iloc[key_start : key_start + KEYED_ROWS]
            # Each person once, in the order of the rows: a set would ask in an order of its own.
            subjects = dict.fromkeys(keyed["subject"])
            key_of = keys.for_subjects(subjects, Retention.DECISION_RECORD)
            # Some at a time: as records, rows take many times the memory of the table.
            for start in range(0, len(keyed), SLICE_ROWS):
                records = keyed.iloc[start : start + SLICE_ROWS].to_dict("records")
                for record in records:
                    number = int(record["row"])
                    reasons_told = told(record, words)
                    explained = Explanation(number, reasons_told, model_sha256, reason_map.version)
                    # The salt is of the person's own key and of this row: without it a few codes
                    # and figures could be tried until a leaf fits, and one salt for all would open
                    # every other leaf with the first proof.
                    salt = salt_of(key_of[record["subject"]].nonce_key, run, number)
                    leaves.append(commitment(salt, explained))
                work.advance(len(records))

    return leaves


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
    # By the function that decided in the run, so that the bytes can be held against the commitment.
    decisions = model.decide(application)
    if not len(decisions.declined):
        return None

    nobody = np.zeros(1)  # how many refits would approve is no part of what is committed
    table = reason_table(application["subject"], decisions, model.reasons, nobody)
    (record,) = table.to_dict("records")
    reasons_told = told(record, sentences_of(model.reasons))
    return Explanation(number, reasons_told, model_sha256, model.reasons.version)
