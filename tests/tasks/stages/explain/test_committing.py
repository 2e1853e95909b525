"""Every row of the reason table is committed to as it would be alone, missing reasons left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.keystore.keys import Retention, open_keys
from tasks.model import ReasonGroup, ReasonMap
from tasks.stages.explain import committing
from tasks.stages.explain.committing import commitments
from tasks.verifier.explanation_commitments import Explanation, ToldReason, commitment, salt_of
from tests.installations import installation_at

MAP = ReasonMap(
    version="v1",
    language="en",
    least_share=0.1,
    reasons=(
        ReasonGroup(
            code="R1",
            features={"income": "below"},
            text="Your income is low.",
            translations={"de": "Ihr Einkommen ist gering."},
        ),
        ReasonGroup(
            code="R2",
            features={"debt": "above"},
            text="Your debts are high.",
            translations={"de": "Ihre Schulden sind hoch."},
        ),
    ),
)
R1 = ToldReason("R1", -0.5, (("de", "Ihr Einkommen ist gering."), ("en", "Your income is low.")))
R2 = ToldReason("R2", -0.25, (("de", "Ihre Schulden sind hoch."), ("en", "Your debts are high.")))
TOLD = ((R1, R2), (R2,), ())


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
    leaves = commitments(table, keys, "run", "ab" * 32, MAP)
    key_of = keys.for_subjects(dict.fromkeys(table["subject"]), Retention.DECISION_RECORD)

    expected = []
    for subject, number, told in zip(table["subject"], table["row"], TOLD, strict=True):
        salt = salt_of(key_of[subject].nonce_key, "run", int(number))
        expected.append(commitment(salt, Explanation(int(number), told, "ab" * 32, "v1")))
    assert leaves == expected
