"""Commit to every explanation of a run: any one can be proven later without showing another."""

import pandas as pd

from tasks.keystore.keys import KeyStore, Retention
from tasks.verifier.explanation_commitments import Explanation, commitment, salt_of

REASONS = 4


def told(row: "pd.Series") -> list[tuple[str, float]]:
    """Return the reasons of one row of the reason table, most adverse first."""
    pairs = ((row[f"reason_{n}"], row[f"log_odds_{n}"]) for n in range(1, REASONS + 1))
    return [(str(code), float(log_odds)) for code, log_odds in pairs if pd.notna(code)]


def commitments(
    reasons: pd.DataFrame, keys: KeyStore, run: str, model_sha256: str, version: str
) -> list[bytes]:
    """Return one commitment per row of the reason table, salted by its subject's own key."""
    by_subject = keys.for_subjects(dict.fromkeys(reasons["subject"]), Retention.DECISION_RECORD)
    found = []
    for record in reasons.to_dict("records"):
        row = pd.Series(record, dtype=object)
        said = Explanation(int(row["row"]), tuple(told(row)), model_sha256, version)
        found.append(
            commitment(
                salt_of(by_subject[str(row["subject"])].nonce_key, run, int(row["row"])), said
            )
        )
    return found
