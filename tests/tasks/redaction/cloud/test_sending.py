"""What leaves, and where in the text lies what comes back."""

from collections.abc import Sequence
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.redaction.cloud.sending import SecondOpinion, to_send
from tasks.redaction.spans import Span, mask, merge
from tasks.redaction.tally import Tally
from tasks.redaction.texts import WITHHELD, Person, TextChunk, TextRedactor
from tests.tasks.redaction.people import LINKER
from tests.tasks.redaction.test_redacting import WordFinder

EMOJI = "👩‍👩‍👧 "  # five code points, eight UTF-16 units, 18 bytes, and a blank
COMBINING = "Zoe\u0308"  # ë of two code points


class WordDetector:
    """Finds words in what it is sent, and keeps that."""

    name = "words in nowhere"

    def __init__(self, *words: str, sends: Literal["masked", "whole"] = "masked") -> None:
        self.words = words
        self.sends: Literal["masked", "whole"] = sends
        self.sent: list[str] = []

    def billed_units(self, text: str) -> int:
        return 1 if text else 0

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        self.sent += texts
        return [
            [
                Span(text.index(word), text.index(word) + len(word), "PERSON")
                for word in self.words
                if word in text
            ]
            for text in texts
        ]


def everything(*_: object) -> bool:
    """Want every span masked."""
    return True


def ask(detector: WordDetector, text: str, *spans: Span) -> tuple[Span, ...]:
    (united,), _ = SecondOpinion([detector], everything).add([text], [spans])
    return united


def test_what_was_found_here_does_not_leave() -> None:
    detector = WordDetector("Miller")
    text = f"{EMOJI}Bob met Miller at bob@example.org"
    email = Span(text.index("bob@"), len(text), "EMAIL_ADDRESS")
    name = Span(text.index("Bob"), text.index("Bob") + 3, "PERSON")
    united = ask(detector, text, name, email)
    assert detector.sent == [f"{EMOJI}[PERSON] met Miller at [EMAIL_ADDRESS]"]
    assert mask(text, united) == f"{EMOJI}[PERSON] met [PERSON] at [EMAIL_ADDRESS]"


def test_whole_texts_leave_where_the_use_case_says_so_and_nothing_found_here_is_lost() -> None:
    detector = WordDetector("Miller", sends="whole")
    text = "Bob met Miller"
    united = ask(detector, text, Span(0, 3, "PERSON"))
    assert detector.sent == [text]
    assert mask(text, united) == "[PERSON] met [PERSON]"


def test_a_name_that_takes_in_a_mask_is_masked_and_the_mask_stays() -> None:
    detector = WordDetector("[PERSON] Miller", "[ID] Smith")
    text = "Bob Miller and [ID] Smith"
    united = ask(detector, text, Span(0, 3, "PERSON"))
    assert mask(text, united) == "[PERSON][PERSON] and [ID][PERSON]"


def test_a_text_that_says_nothing_outside_masks_is_not_sent_and_equal_ones_once() -> None:
    detector = WordDetector("Ann")
    texts = ["Bob!", "Ann", "Ann", "", "[PERSON] - "]
    spans = [(Span(0, 3, "PERSON"),), (), (), (), ()]
    united, sent = SecondOpinion([detector], everything).add(texts, spans)
    assert detector.sent == ["Ann"]
    assert [len(found) for found in united] == [1, 1, 1, 0, 0]
    assert sent == {detector.name: {"texts": 1, "bytes": 3, "units": 1}}


def test_each_detector_sees_what_the_one_before_has_left() -> None:
    first, second = WordDetector("Ann"), WordDetector("Bob")
    opinion = SecondOpinion([first, second], everything)
    (united,), _ = opinion.add(["Ann, Bob"], [()])
    assert second.sent == ["[PERSON], Bob"]
    assert mask("Ann, Bob", united) == "[PERSON], [PERSON]"


def test_what_nobody_wants_masked_stays() -> None:
    opinion = SecondOpinion([WordDetector("1980")], lambda text, span: text[span.start] != "1")
    united, _ = opinion.add(["born 1980"], [()])
    assert united == [()]


@given(
    st.lists(
        st.sampled_from(["a", "é", "e\u0301", "👩‍👧", "\U0001d518", " ", "[ID]", "中", "\n"]),
        max_size=12,
    ),
    st.data(),
)
def test_a_character_that_is_sent_is_found_again_where_it_stood(
    parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts)
    places = st.integers(0, len(text))
    spans = merge(
        Span(min(pair), max(pair), "PERSON")
        for pair in data.draw(st.lists(st.tuples(places, places)))
    )
    if "[" in text:
        spans = ()
    ways: tuple[Literal["masked", "whole"], ...] = ("masked", "whole")
    for sends in ways:
        sent = to_send(text, spans, sends)
        for start, original, length in sent.stretches:
            assert sent.text[start : start + length] == text[original : original + length]
        whole = [*sent.original(Span(0, len(sent.text), "PERSON"))]
        # What is masked here, and what was a mask before, is all that is not found again.
        hidden = spans if sends == "masked" else ()
        expected = set(range(len(text)))
        for span in hidden:
            expected -= set(range(span.start, span.end))
        found = {place for span in whole for place in range(span.start, span.end)}
        if "[" not in text:
            assert found == expected


@pytest.mark.parametrize("word", ["Müller", COMBINING, "李明", "\U0001d518lf"])
def test_offsets_are_those_of_the_original_beside_whatever_stands_there(word: str) -> None:
    text = f"{EMOJI}an@b.example und {COMBINING}: {word}."
    email = Span(text.index("an@"), text.index(" und"), "EMAIL_ADDRESS")
    united = ask(WordDetector(f": {word}"), text, email)
    assert text[united[-1].start : united[-1].end] == f": {word}"


def test_a_redactor_masks_what_a_detector_adds_and_counts_what_was_sent() -> None:
    detector = WordDetector("Miller")
    redactor = TextRedactor(
        WordFinder(), LINKER, second_opinion=SecondOpinion([detector], everything)
    )
    cells = ["Bob and Miller", None, "", 7, "Bob"]
    people: list[Person] = [() for _ in cells]
    masked = redactor.redact(TextChunk({"note": cells}, people, {}))
    assert masked.cells["note"] == ["[PERSON] and [PERSON]", None, "", WITHHELD, "[PERSON]"]
    assert detector.sent == ["[PERSON] and Miller"]
    total = Tally()
    total.add(masked.tally)
    total.add(masked.tally)
    assert total.sent[detector.name] == {"texts": 2, "bytes": 38, "units": 2}
