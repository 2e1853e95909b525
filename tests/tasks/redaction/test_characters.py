"""Lone surrogates: what no encoding takes must cost neither a batch nor a name."""

import pandas as pd
import pytest

from tasks.redaction import find_personal_data, mask_texts, redact_frame
from tasks.redaction.characters import well_formed

HIGH = "\ud83d"  # half of an emoji
ESCAPED = "\udcfc"  # the byte 0xFC, read with `surrogateescape`
SECRET = b"s" * 32


@pytest.mark.parametrize("text", ["", "Ann Lee", "M\u00fcller", "\U0001f600 Ann", "\u200b"])
def test_a_text_that_is_well_formed_stays(text: str) -> None:
    assert well_formed(text) == text


@pytest.mark.parametrize("text", [HIGH, f"a{ESCAPED}b", HIGH * 3, f"\u00fc{HIGH}\U0001f600"])
def test_an_ill_formed_text_keeps_its_length_and_can_be_encoded(text: str) -> None:
    mended = well_formed(text)
    assert len(mended) == len(text)
    mended.encode()
    kept = [(a, b) for a, b in zip(text, mended, strict=True) if not "\ud800" <= a <= "\udfff"]
    assert all(a == b for a, b in kept)


def test_a_lone_surrogate_costs_neither_its_text_nor_the_batch() -> None:
    masked = mask_texts([f"Call JOHN MILLER {HIGH} now", "Ask Robert Miller.", None])
    assert masked == ["Call [PERSON] \ufffd now", "Ask [PERSON].", None]


def test_spans_are_those_of_the_text_as_it_stands() -> None:
    text = f"{HIGH}{HIGH} Call JOHN MILLER at 413 295 1160"
    places = {text[span.start : span.end] for span in find_personal_data([text])[0]}
    assert places == {"JOHN MILLER", "413 295 1160"}


def test_a_frame_with_lone_surrogates_in_every_kind_of_column_is_redacted() -> None:
    frame = pd.DataFrame(
        {
            "name": pd.Series([f"Ann {HIGH} Lee"], dtype=object),
            "born": pd.Series([f"1980-01-02{HIGH}"], dtype=object),
            "ip": pd.Series([f"192.0.2.7{HIGH}"], dtype=object),
            "note": pd.Series([f"{ESCAPED} Ann Lee called about it"], dtype=object),
        }
    )
    kinds = {"name": "name", "born": "date", "ip": "ip"}
    redacted, _ = redact_frame(frame, SECRET, kinds)
    assert redacted["note"][0] == "\ufffd [OWN_NAME] called about it"
    assert len(redacted["name"][0]) == 32
    assert redacted[["born", "ip"]].isna().all(axis=None)
