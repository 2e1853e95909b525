"""Rules for names: what a title, a list, a comma, an initial or an introduction says.

`match_name` tries the rules in the order of how much each one proves; the first that matches
decides. Scores are those of the rules: `SURE` is as sure as the recogniser, `POSSIBLE` is what only
a list or the form suggests, and gives way to places.

A rule reads words by their forms (`forms.py`) and the text between them by the `…GAP` patterns.
"""

import re

from tasks.redaction.finding.forms import Word
from tasks.redaction.finding.lexicon import FIRST, FREQUENT, LAST, NOUN, WORD
from tasks.redaction.spans import Span

PERSON = "PERSON"
SURE = 0.85
LIKELY = 0.7
POSSIBLE = 0.5

LONGEST_NAME_WORDS = 5
LONGEST_OPENING = 6  # characters between the end of a sentence and the next word
MOST_PARTICLES = 3  # before a surname: "von und zu", "de la"

# What stands between two words, and is read as what. All are bounded: a gap is matched whole, and a
# page of spaces must not cost more than a short one.
FIELD_GAP = re.compile(r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?")  # a label and its value
PHRASE_GAP = re.compile(r"[:,]?\s{1,4}")  # "named: X", "named X"
NAME_GAP = re.compile(r"[ \t\u00a0]{1,3}|[ \t]?\n[ \t]{0,3}|\.[ \t]{0,2}")  # blanks, line end, dot
BLANK_GAP = re.compile(r"[ \t\u00a0]{1,2}")
APOSTROPHES = frozenset(("'", "\u2019"))
GREETING_GAP = re.compile(r"[,:]?\s{1,3}")
ENTRY_BEFORE = re.compile(r"(?:^|[\n\t:;|>(])[ \t]{0,3}$")  # of a list, a header, a form
COMMA_GAP = re.compile(r"[ \t]?,[ \t\n]{0,3}")

NameMatch = tuple[Span | None, int]  # the name, and how many words it takes; (None, 1): no name


def match_name(text: str, words: list[Word], index: int) -> NameMatch:
    """Return the name that begins at word `index`, or that this word announces.

    A title and a greeting are no part of the span, but of the words that are taken.
    """
    word = words[index]
    has_following = index + 1 < len(words)

    if word.form.is_title and has_following:
        last = _last_after_title(text, words, index)
        if last > index:
            return Span(words[index + 1].start, words[last].end, PERSON, SURE), last - index + 1

    if word.form.lower in word.form.vocabulary.greetings and has_following:
        following = words[index + 1]
        is_near = GREETING_GAP.fullmatch(text[word.end : following.start]) is not None
        if is_near and following.form.may_be_name:
            last = last_word_of_name(text, words, index + 1)
            return Span(following.start, words[last].end, PERSON, LIKELY), last - index + 1

    if _is_introduced(text, words, index):
        if word.form.is_capital:
            last = last_word_of_name(text, words, index)
        else:
            last = _last_in_lower_case(text, words, index)
        return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1

    return _match_listed(text, words, index)


def _match_listed(text: str, words: list[Word], index: int) -> NameMatch:
    """Return the name that lists and forms suggest: with the next word, or the word alone."""
    word = words[index]
    following = words[index + 1] if index + 1 < len(words) else None

    if following is not None:
        gap = text[word.end : following.start]
        match: NameMatch | None = None
        if COMMA_GAP.fullmatch(gap):
            match = _match_surname_first(text, words, index)
        elif NAME_GAP.fullmatch(gap):
            match = _match_given_first(text, words, index, gap)
        if match is not None:
            return match

    if _is_name_alone(word):
        return Span(word.start, word.end, PERSON, POSSIBLE), 1
    return None, 1


def _match_surname_first(text: str, words: list[Word], index: int) -> NameMatch | None:
    """Return "Surname, Given" where lists know both, or know the surname and not the other word."""
    surname = words[index].form
    given_name = words[index + 1].form
    if not surname.is_capital or not given_name.is_capital:
        return None

    # "Himmel, Matthias": where nouns have capitals, the beginning of a line has to speak for it.
    if surname.vocabulary.has_capital_nouns and surname.is_ordinary:
        is_named = given_name.flags & (FIRST | WORD) == FIRST and _may_be_any_surname(words[index])
        if not is_named or not _begins_sentence(text, words[index].start):
            return None
        last = last_word_of_name(text, words, index + 1, most_words=2)
        return Span(words[index].start, words[last].end, PERSON, POSSIBLE), last - index + 1

    is_pair = given_name.flags & FIRST and (surname.flags & LAST or not surname.flags)
    is_given = not given_name.flags & WORD or bool(given_name.flags & FREQUENT)
    if is_pair and is_given and not surname.is_ordinary:
        # two given names at most: what follows a comma's name is often the next entry
        last = last_word_of_name(text, words, index + 1, most_words=2)
        return Span(words[index].start, words[last].end, PERSON, LIKELY), last - index + 1

    # "Mason, Kerry" among those whom a mail goes to: an entry of its own speaks for a word, too.
    is_named = bool(given_name.flags & FIRST) and is_given and bool(surname.flags & LAST)
    if is_named and surname.size > 2 and ENTRY_BEFORE.search(text, 0, words[index].start):
        last = last_word_of_name(text, words, index + 1, most_words=2)
        return Span(words[index].start, words[last].end, PERSON, POSSIBLE), last - index + 1

    is_unlisted = not given_name.flags or (
        given_name.vocabulary.tells_names_by_capitals
        and not given_name.is_ordinary
        and _begins_sentence(text, words[index].start)
    )
    if surname.flags & LAST and is_unlisted and surname.may_be_name:
        return Span(words[index].start, words[index + 1].end, PERSON, POSSIBLE), 2
    return None


def _match_given_first(text: str, words: list[Word], index: int, gap: str) -> NameMatch | None:
    """Return "J. Smith", "John Smith" or two unknown capitalised words, by the gap between them."""
    word = words[index]
    following = words[index + 1]
    has_full_stop = gap.startswith(".")

    is_initial = word.form.size == 1 and word.form.is_capital and has_full_stop
    if is_initial and following.form.is_capital:
        last = last_word_of_name(text, words, index + 1)
        surname = words[last]
        is_surname = surname.form.flags & LAST or not surname.form.is_ordinary
        is_surname = is_surname or _may_be_any_surname(surname)
        if surname.form.size > 1 and is_surname:
            return Span(word.start, surname.end, PERSON, LIKELY), last - index + 1

    # Past an initial a full stop ends a sentence: "Ask John. Smith knows." And what has a colon
    # after it is the next line's label: "To: John", then "Cc: Smith".
    if has_full_stop or ("\n" in gap and text[following.end : following.end + 1] == ":"):
        return None

    if _is_full_name(word, following):
        is_capital = word.form.is_capital
        last = last_word_of_name(text, words, index + 1) if is_capital else index + 1
        return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1

    if "\n" not in gap and _is_given_before_word(word, following):
        last = last_word_of_name(text, words, index + 1)
        return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1

    if following.form.is_particle and word.form.is_capital and _owes_a_surname(word):
        last = last_word_of_name(text, words, index)
        if last > index and word.form.flags & FIRST:
            return Span(word.start, words[last].end, PERSON, LIKELY), last - index + 1

    if "\n" not in gap and _is_told_by_capitals(text, word, following):
        last = last_word_of_name(text, words, index + 1)
        return Span(word.start, words[last].end, PERSON, POSSIBLE), last - index + 1

    if "\n" not in gap and _are_unknown(word, following):
        last = last_word_of_name(text, words, index + 1)
        return Span(word.start, words[last].end, PERSON, POSSIBLE), last - index + 1
    return None


def _is_name_alone(word: Word) -> bool:
    """Say whether a given name stands for a person without any other word beside it."""
    form = word.form
    if not form.is_capital:
        # in lower case only a frequent name that is neither a word nor a noun
        return form.flags & (FIRST | WORD | NOUN | FREQUENT) == FIRST | FREQUENT

    if form.flags & (FIRST | WORD) != FIRST or form.size <= 2:
        return False
    is_abbreviation = form.is_upper and form.size < 4  # "ANN" may be one
    return bool(form.flags & FREQUENT or not form.flags & NOUN) and not is_abbreviation


def _is_full_name(first: Word, second: Word) -> bool:
    """Say whether two words are a given and a family name, both written alike."""
    given_name = first.form
    family = second.form
    is_alike = given_name.is_capital == family.is_capital and given_name.is_upper == family.is_upper
    if family.size < 2 or not is_alike or not given_name.flags & FIRST:
        return False

    if not given_name.is_capital:
        is_given = given_name.flags & (FIRST | WORD | FREQUENT) == FIRST | FREQUENT
        is_family = family.flags & (LAST | WORD) == LAST
        return is_given and is_family and not given_name.flags & family.flags & NOUN

    if given_name.flags & WORD:
        # "Mason Gray", "Randy Moon": both are words, but nobody writes those in capitals; unless
        # everything is in capitals
        is_shouted = given_name.is_upper and family.flags & WORD
        return bool(family.flags & LAST) and family.size > 2 and not is_shouted
    is_family = bool(family.flags & LAST and not family.flags & WORD) or not family.is_ordinary
    return is_family or _may_be_any_surname(second)


def _is_given_before_word(first: Word, second: Word) -> bool:
    """Say whether a listed given name stands before a surname that is a word: "Eileen Hall"."""
    given_name = first.form
    family = second.form
    is_given = given_name.is_capital and given_name.flags & (FIRST | WORD) == FIRST
    is_family = family.is_capital and family.size > 2 and bool(family.flags & LAST)
    return is_given and is_family and given_name.is_upper == family.is_upper


def _may_be_any_surname(word: Word) -> bool:
    """Say whether a capitalised word behind a given name is its surname, whatever it means.

    Not in English, where the rules were measured without, and not where all is in capitals.
    """
    form = word.form
    is_telling = form.vocabulary.has_long_names and form.is_capital and not form.is_upper
    return is_telling and not form.is_title and form.lower not in form.vocabulary.common_nouns


def _last_after_title(text: str, words: list[Word], index: int) -> int:
    """Return the last word of the name after the title `index`; the title where none follows."""
    title = words[index].form
    following = words[index + 1].form
    is_abbreviated = title.lower in title.vocabulary.abbreviated_titles

    # "the nurse said": a title that is a word has to be written like a title, or its name like one
    is_written_so = is_abbreviated or title.is_capital or following.is_capital
    if not NAME_GAP.fullmatch(text[words[index].end : words[index + 1].start]) or not is_written_so:
        return index
    if title.vocabulary.has_long_names:
        if following.is_title:
            return index  # that one announces the name: "Frau Dr. Heide"
        if following.is_particle:
            return _last_after_particles(text, words, index)
    if following.is_capital:
        return last_word_of_name(text, words, index + 1)

    # "mr smith": in lower case an abbreviated title vouches for one unusual word …
    if not is_abbreviated or following.size <= 1 or following.is_ordinary:
        return index

    # … and for a listed family name after it.
    third = index + 2
    if third == len(words):
        return index + 1
    is_near = NAME_GAP.fullmatch(text[words[index + 1].end : words[third].start])
    is_family = words[third].form.flags & (LAST | WORD) == LAST
    return third if is_near and is_family else index + 1


def _last_after_particles(text: str, words: list[Word], index: int) -> int:
    """Return the last word of "von der Heide" after the word `index`; that one where none is."""
    for position in range(index + 2, min(index + 2 + MOST_PARTICLES, len(words))):
        gap = text[words[position - 1].end : words[position].start]
        if not BLANK_GAP.fullmatch(gap) and gap not in APOSTROPHES:
            return index
        if words[position].form.is_capital:
            return last_word_of_name(text, words, position)
        if not words[position].form.is_particle:
            return index
    return index


def last_word_of_name(
    text: str, words: list[Word], index: int, most_words: int = LONGEST_NAME_WORDS
) -> int:
    """Return the last of the capitalised words that go on from word `index`.

    Particles may stand between them ("Ludwig van Beethoven"), full stops after initials ("J. R.").
    At most `most_words` words are looked at, the one at `index` included.
    """
    last = index
    position = index + 1
    while position < len(words) and position - index < most_words:
        gap = text[words[position - 1].end : words[position].start]
        is_after_initial = words[position - 1].form.size == 1 and gap.startswith(".")
        is_elided = gap in APOSTROPHES and words[position - 1].form.is_particle  # "Jean d'Ormesson"
        is_dotted = is_after_initial and NAME_GAP.fullmatch(gap) is not None
        if not (is_elided or is_dotted or BLANK_GAP.fullmatch(gap)):
            break

        word = words[position]
        is_owed = words[position - 1].form.is_particle and _owes_a_surname(words[last])
        if word.form.is_capital and (is_owed or not _ends_a_name(word, words[last])):
            last = position
        elif not word.form.is_particle or word.form.lower == "o":
            # "o" is a particle only with an apostrophe, and then it is part of its word
            break
        position += 1
    return last


def _owes_a_surname(word: Word) -> bool:
    """Say whether a particle after this word begins its surname: "Jean de la Tour", any tower."""
    is_given = word.form.flags & (FIRST | LAST) == FIRST or "-" in word.form.lower
    return word.form.vocabulary.has_long_names and is_given


def _ends_a_name(word: Word, previous: Word) -> bool:
    """Say whether a capitalised word is no part of the name before it.

    It is none if it is an ordinary word, or if it is all in capitals where the name is not.
    """
    if word.form.size == 1:
        return False
    if word.form.is_upper and word.form.size > 2 and not previous.form.is_upper:
        return True
    if not word.form.is_ordinary or word.form.flags & LAST:
        return False

    is_behind_given_name = word.form.vocabulary.tells_names_by_capitals or (
        previous.form.flags & (FIRST | WORD) == FIRST
    )
    return not (is_behind_given_name and _may_be_any_surname(word))


def _is_introduced(text: str, words: list[Word], index: int) -> bool:
    """Say whether what stands before word `index` says that it is a name."""
    form = words[index].form
    # Labels and phrases end with a word that announces: nearly always this is all that is asked.
    if index == 0 or form.size < 2 or not words[index - 1].form.announces:
        return False
    gap = text[words[index - 1].end : words[index].start]
    is_listed = bool(form.is_capital and form.flags & FIRST)

    if words[index - 1].form.lower in form.vocabulary.fields and FIELD_GAP.fullmatch(gap):
        return form.may_be_name or is_listed
    if not PHRASE_GAP.fullmatch(gap):
        return False

    # a set of two: the word before, and the two words before
    phrases = {
        tuple(word.form.lower for word in words[max(0, index - size) : index]) for size in (1, 2)
    }
    if phrases & form.vocabulary.certain_phrases:
        return is_listed or not form.is_ordinary or _may_be_any_surname(words[index])
    # "le locataire Rive Martin": behind a role a capital is a name's, where it is not every noun's.
    is_behind_role = words[index - 1].form.lower in form.vocabulary.fields
    is_told = form.vocabulary.tells_names_by_capitals and _may_be_any_surname(words[index])
    is_likely = form.may_be_name or (is_behind_role and is_told)
    return bool(phrases & form.vocabulary.likely_phrases) and is_likely


def _last_in_lower_case(text: str, words: list[Word], index: int) -> int:
    """Return the last of the one or two words of a name in lower case that begins at `index`."""
    if index + 1 == len(words):
        return index
    following = words[index + 1]
    is_near = BLANK_GAP.fullmatch(text[words[index].end : following.start]) is not None
    is_name = following.form.flags & (LAST | WORD) == LAST or not following.form.is_ordinary
    return index + 1 if is_near and is_name and not following.form.is_capital else index


def _is_told_by_capitals(text: str, first: Word, second: Word) -> bool:
    """Say whether two words are a name because of their capitals and a listed surname.

    "Royale Moreau" inside a sentence of French or Spanish, and "Moreau Claire" everywhere.
    """
    forms = (first.form, second.form)
    if not first.form.vocabulary.has_long_names or not all(form.is_capital for form in forms):
        return False

    listed = LAST | FREQUENT
    if first.form.flags & listed == listed and second.form.flags & (FIRST | WORD) == FIRST:
        return True

    is_unlisted = not first.form.flags and _may_be_any_surname(second)

    return (
        first.form.vocabulary.tells_names_by_capitals
        and (is_unlisted or second.form.flags & listed == listed)
        and first.form.size > 2
        and not first.form.is_title
        and not _begins_sentence(text, first.start)
    )


def _begins_sentence(text: str, start: int) -> bool:
    before = text[max(0, start - LONGEST_OPENING) : start].rstrip(" \t\"'\u00ab\u00bf\u00a1-")
    return not before or before[-1] in ".!?:;\n"


def _are_unknown(first: Word, second: Word) -> bool:
    """Say whether two words look like a name of which no list knows both parts.

    They are written with one capital each, are no ordinary words, and not both nouns. Where every
    noun has a capital this proves nothing: compounds are in no list.
    """
    if first.form.vocabulary.has_capital_nouns:
        return False

    is_written_so = all(
        word.form.may_be_name and not word.form.is_upper and word.form.size > 2
        for word in (first, second)
    )
    return is_written_so and not (first.form.flags & NOUN and second.form.flags & NOUN)
