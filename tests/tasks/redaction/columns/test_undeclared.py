"""Columns that nobody declared: what their names say counts where values look harmless."""

from typing import Any

import pandas as pd
import pytest

from tasks.redaction import redact_frame
from tasks.redaction.columns.undeclared import kind_of


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("zip", ["02139", "94110"], "zip"),
        ("zip", [2139, 94110], "zip"),
        ("ZIP Code", [2139.0, None], "zip"),
        ("Postcode", ["SW1A 1AA", "N1 9GU"], "zip"),
        ("policy", ["PL-99-XK2", "PL-98-XK3"], "account"),
        ("policyNumber", [12345, 12346], "account"),
        ("username", ["jsmith42", "annlee"], "account"),
        ("passport", ["C01X00T47", "X1234567"], "account"),
        ("patient_id", [17, 18], "account"),
        ("mrn", [17, 18], "account"),
        ("licence", ["D123", "D222"], "account"),
        ("ref", ["ab1", "ab2"], "account"),
        ("doctor", ["Muller", "Grzeb"], "name"),
        ("doctor", ["Muller", "Grzeb"] * 40, "name"),
        ("Attending Physician", ["Muller", "Grzeb"], "name"),
        ("c17", ["00123", "12345"], "account"),
        ("c17", [4_111_222_333, 4_111_222_334], "account"),
    ],
)
def test_what_identifies_by_its_name_or_form(name: str, values: list[Any], kind: str) -> None:
    found, why = kind_of(name, values)
    assert found == kind
    assert not any(str(value) in why for value in values)
    redacted, _ = redact_frame(pd.DataFrame({name: values}), b"s" * 32)
    assert not set(map(str, values)) & set(map(str, redacted[name].dropna()))


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("claim_amount", [100, 200], "number"),
        ("number_of_children", [1, 2], "number"),
        ("child", [1, 2], "number"),
        ("zip_distance", [1.5, 2.5], "number"),
        ("code", [1.5, 2.5], "number"),
        ("income", [36_350, 41_000], "number"),
        ("change", [-3, 12], "number"),
        ("country_code", ["US", "GB"] * 40, "category"),
        ("patient_type", ["in", "out"] * 40, "category"),
        ("doctor_notes", ["He came in and said that", "all was well with him"], "text"),
        ("x", ["qx1", "zz-9"], "text"),
        ("email", ["a@b.org", "c@d.org"], "email"),
        ("x", [], "text"),
    ],
)
def test_amounts_codes_and_texts_are_what_they_look_like(
    name: str, values: list[Any], kind: str
) -> None:
    assert kind_of(name, values)[0] == kind
