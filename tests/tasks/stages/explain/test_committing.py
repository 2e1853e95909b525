"""Every row of the reason table is committed to as it would be alone, missing reasons left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.keystore.keys import Retention, open_keys
from tasks.stages.explain import committing
from tasks.stages.explain.committing import commitments
from tasks.verifier.explanation_commitments import Explanation, ToldReason, commitment, salt_of
from tests.installations import installation_at
from tests.models import REASONS

LOW_INCOME = ToldReason(
    "A", -0.5, (("de", "Das Einkommen ist niedrig"), ("en", "The income is low"))
)
HIGH_DEBTS = ToldReason(
    "B", -0.25, (("de", "Die Schulden sind hoch"), ("en", "The debts are high"))
)
TOLD = ((LOW_INCOME, HIGH_DEBTS), (HIGH_DEBTS,), ())


def reason_table() -> pd.DataFrame:
    columns: dict[str, object] = {"subject": ["a" * 32, "b" * 32, "a" * 32], "row": [3, 4, 8]}
    for position in range(4):
        told = [reasons[position] if position < len(reasons) else None for reasons in TOLD]
        codes = [reason.code if reason else None for reason in told]
        columns[f"reason_{position + 1}"] = pd.array(codes, dtype="str")
        columns[f"log_odds_{position + 1}"] = [
            reason.log_odds if reason else np.nan for reason in told
        ]
    return pd.DataFrame(columns)


@pytest.mark.usefixtures("home")
def test_rows_are_committed_to_one_by_one_however_they_are_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(committing, "KEYED_ROWS", 2)
    monkeypatch.setattr(committing, "SLICE_ROWS", 1)
    table = reason_table()
    keys = open_keys(installation_at(Path()))
    leaves = commitments(table, keys, "run", "ab" * 32, REASONS)
    key_of = keys.for_subjects(dict.fromkeys(table["subject"]), Retention.DECISION_RECORD)

    expected = []
    for subject, number, told in zip(table["subject"], table["row"], TOLD, strict=True):
        salt = salt_of(key_of[subject].nonce_key, "run", int(number))
        explained = Explanation(int(number), told, "ab" * 32, REASONS.version)
        expected.append(commitment(salt, explained))
    assert leaves == expected
