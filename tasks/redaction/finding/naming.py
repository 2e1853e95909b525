"""Rules for names: what a title, a list, a comma, an initial or an introduction says about the words that follow."""

import re

from tasks.redaction.finding.forms import CERTAIN, FIELDS, GREETINGS, LIKELY_BEFORE, TITLES, Word
from tasks.redaction.finding.lexicon import FIRST, FREQUENT, LAST, NOUN, WORD
from tasks.redaction.finding.words import word_list
from tasks.redaction.spans import Span

PERSON = "PERSON"
ABBREVIATED = word_list("abbreviated_titles")
PARTICLES = word_list("particles")
FIELD_GAP = re.compile(r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?")
PHRASE_GAP = re.compile(r"[:,]?\s{1,4}")
GAP = re.compile(r"[ \t\u00a0]{1,3}|[ \t]?\n[ \t]{0,3}|\.[ \t]{0,2}")
BLANKS = re.compile(r"[ \t\u00a0]{1,2}")
AFTER_GREETING = re.compile(r"[,:]?\s{1,3}")
COMMA = re.compile(r"[ \t]?,[ \t\n]{0,3}")
LONGEST_NAME = 5  # words
SURE, LIKELY, POSSIBLE = 0.85, 0.7, 0.5


def at(text: str, words: list[Word], index: int) -> tuple[Span | None, int]:
    """Return the name that begins at a word or is announced by it, and how many words that takes."""
    word = words[index]
    if word.form.lower in TITLES and index + 1 < len(words):
        last = _last_after_title(text, words, index)
        if last > index:
            return Span(words[index + 1].start, words[last].end, PERSON, SURE), last - index + 1
    if word.form.lower in GREETINGS and index + 1 < len(words):
        following = words[index + 1]
        is_near = AFTER_GREETING.fullmatch(text[word.end : following.start]) is not None
        if is_near and following.form.may_be_name:
            last = run(text, words, index + 1)
            return Span(following.start, words[last].end, PERSON, LIKELY), last - index + 1
    if _is_introduced(text, words, index):
        last = run(text, words, index) if word.form.is_capital else _lower_run(text, words, index)
        return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1
    return _listed(text, words, index)


def _listed(text: str, words: list[Word], index: int) -> tuple[Span | None, int]:
    word = words[index]
    following = words[index + 1] if index + 1 < len(words) else None
    gap = text[word.end : following.start] if following else ""
    if following and COMMA.fullmatch(gap) and word.form.is_capital and following.form.is_capital:
        is_pair = following.form.flags & FIRST and (word.form.flags & LAST or not word.form.flags)
        is_given = not following.form.flags & WORD or bool(following.form.flags & FREQUENT)
        if is_pair and is_given and not word.form.is_ordinary:
            last = run(text, words, index + 1, most=2)
            return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1
        if word.form.flags & LAST and not following.form.flags and word.form.may_be_name:
            return Span(word.start, following.end, PERSON, POSSIBLE), 2
    if following and GAP.fullmatch(gap):
        if (
            word.form.size == 1
            and word.form.is_capital
            and gap.startswith(".")
            and following.form.is_capital
        ):
            last = run(text, words, index + 1)
            surname = words[last]
            if surname.form.size > 1 and (
                surname.form.flags & LAST or not surname.form.is_ordinary
            ):
                return Span(word.start, surname.end, PERSON, LIKELY), last - index + 1
        if not gap.startswith(".") and _is_full_name(word, following):
            last = run(text, words, index + 1) if word.form.is_capital else index + 1
            return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1
        if "\n" not in gap and not gap.startswith(".") and _are_unknown(word, following):
            last = run(text, words, index + 1)
            return Span(word.start, words[last].end, PERSON, POSSIBLE), last - index + 1
    is_alone = (
        word.form.is_capital and word.form.flags & (FIRST | WORD) == FIRST and word.form.size > 2
    )
    if (
        is_alone
        and (word.form.flags & FREQUENT or not word.form.flags & NOUN)
        and not (word.form.is_upper and word.form.size < 4)
    ):
        return Span(word.start, word.end, PERSON, POSSIBLE), 1
    if (
        not word.form.is_capital
        and word.form.flags & (FIRST | WORD | NOUN | FREQUENT) == FIRST | FREQUENT
    ):
        return Span(word.start, word.end, PERSON, POSSIBLE), 1
    return None, 1


def _is_full_name(first: Word, last: Word) -> bool:
    """Say whether two words are a first and a last name, both written alike."""
    one, two = first.form, last.form
    if (
        two.size < 2
        or one.is_capital != two.is_capital
        or one.is_upper != two.is_upper
        or not one.flags & FIRST
    ):
        return False
    if not one.is_capital:
        is_first = one.flags & (FIRST | WORD | FREQUENT) == FIRST | FREQUENT
        return is_first and two.flags & (LAST | WORD) == LAST and not one.flags & two.flags & NOUN
    if (
        one.flags & WORD
    ):  # "Mason Gray", "Randy Moon": both are words, but nobody writes those in capitals
        return bool(two.flags & LAST) and two.size > 2 and not (one.is_upper and two.flags & WORD)
    return bool(two.flags & LAST and not two.flags & WORD) or not two.is_ordinary


def _last_after_title(text: str, words: list[Word], index: int) -> int:
    """Return the last word of the name after a title; the title itself where no name follows."""
    title, following = words[index], words[index + 1]
    gap = text[title.end : following.start]
    if not GAP.fullmatch(gap) or (
        title.form.lower not in ABBREVIATED
        and not title.form.is_capital
        and not following.form.is_capital
    ):
        return index
    if following.form.is_capital:
        return run(text, words, index + 1)
    is_name = (
        title.form.lower in ABBREVIATED
        and following.form.size > 1
        and not following.form.is_ordinary
    )
    if not is_name:
        return index
    more = index + 2
    if (
        more < len(words)
        and GAP.fullmatch(text[following.end : words[more].start])
        and words[more].form.flags & (LAST | WORD) == LAST
    ):
        return more
    return index + 1


def run(text: str, words: list[Word], index: int, most: int = LONGEST_NAME) -> int:
    """Return the last of the capitalised words (and particles between them) that go on from a word."""
    last = index
    at = index + 1
    while at < len(words) and at - index < most:
        gap = text[words[at - 1].end : words[at].start]
        is_initial = words[at - 1].form.size == 1 and gap.startswith(".")
        if not (BLANKS.fullmatch(gap) or (is_initial and GAP.fullmatch(gap))):
            break
        word = words[at]
        if word.form.is_capital and not _ends_a_name(word, words[last]):
            last = at
        elif word.form.lower not in PARTICLES or word.form.lower in ("o",):
            break
        at += 1
    return last


def _ends_a_name(word: Word, before: Word) -> bool:
    """Say whether a capitalised word is no part of the name before it: an ordinary word, or written differently."""
    if word.form.size == 1:
        return False
    if word.form.is_upper and word.form.size > 2 and not before.form.is_upper:
        return True
    return word.form.is_ordinary and not word.form.flags & LAST


def _is_introduced(text: str, words: list[Word], index: int) -> bool:
    """Say whether the words before one say that it is a name."""
    word = words[index]
    if index == 0 or word.form.size < 2:
        return False
    gap = text[words[index - 1].end : word.start]
    if words[index - 1].form.lower in FIELDS and FIELD_GAP.fullmatch(gap):
        return word.form.may_be_name or bool(word.form.is_capital and word.form.flags & FIRST)
    if not PHRASE_GAP.fullmatch(gap):
        return False
    before = {
        tuple(one.form.lower for one in words[max(0, index - size) : index]) for size in (1, 2)
    }
    if before & CERTAIN:
        return bool(word.form.is_capital and word.form.flags & FIRST) or not word.form.is_ordinary
    return bool(before & LIKELY_BEFORE) and word.form.may_be_name


def _lower_run(text: str, words: list[Word], index: int) -> int:
    """Return the last word of a name in lower case that begins at a word."""
    if index + 1 == len(words):
        return index
    following = words[index + 1]
    is_near = BLANKS.fullmatch(text[words[index].end : following.start]) is not None
    is_name = following.form.flags & (LAST | WORD) == LAST or not following.form.is_ordinary
    return index + 1 if is_near and is_name and not following.form.is_capital else index


def _are_unknown(first: Word, last: Word) -> bool:
    """Say whether two words look like a name of which no list knows both parts: capitals, and no ordinary words."""
    is_written_so = all(
        one.form.may_be_name and not one.form.is_upper and one.form.size > 2
        for one in (first, last)
    )
    return is_written_so and not (first.form.flags & NOUN and last.form.flags & NOUN)
