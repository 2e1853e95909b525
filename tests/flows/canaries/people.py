"""Thirty people whose values are unmistakable: ten are erased, twenty stay.

Nothing that a pipeline writes by itself holds `Zq` or one of their numbers, so that a trace is a
trace. Some of those who stay are traps: their values contain, resemble or are those of the erased.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

COUNT = 30
GONE = range(10)
STAY = range(10, COUNT)

# Whose full name is another's: the first is erased, the second stays.
NAMESAKES = (1, 11)
# Notes that are words of other systems' schemas (states of Prefect, names in MLflow), or sentences
# that anybody may write: they identify nobody, and nothing of anybody may change for them.
COMMON_NOTES = {
    2: "Completed",
    3: "candidate",
    4: "Model",
    5: "Finished",
    6: "No remarks at all.",
    16: "No remarks at all.",
    17: "Completed",
}
# Who is known by several identifiers. The first further address has rows of its own in every
# delivery; the second stands in no delivery: only who asks for the erasure knows it.
RETRIED = 8  # whose erasure fails at first
SEVERAL = 9
FURTHER_ADDRESSES = {RETRIED: ("old",), SEVERAL: ("old", "private")}
# A name with an apostrophe, a double name, and another's name that is half of that double name.
APOSTROPHE = 4
DOUBLE_NAME = 5
HALF_A_NAME = 15
# Whose street is called like the family of one who is erased.
STREET = (18, 2)
# Whose address or name contains an erased person's as a part: `ann…` stands in `joann…`.
LONGER_NAME = 10
LONGER_LOCAL_PART = 13
LONGER_DOMAIN = 14

_GIVEN_NAMES = (
    "Ann",
    "Örjan",
    "Zoë",
    "Inês",
    "François",
    "Søren",
    "Ñusta",
    "Jürgen",
    "Maëlle",
    "Åsa",
)
_CONSONANTS = "bdfgklmnprstv"
_VOWELS = "aeiou"


@dataclass(frozen=True)
class Canary:
    """One planted person."""

    number: int
    given_name: str
    surname: str
    email: str
    phone: str
    iban: str
    customer: str
    note: str
    further_emails: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.surname}"

    @property
    def identifiers(self) -> tuple[str, ...]:
        """What whoever asks for the erasure knows."""
        return (self.email, *self.further_emails)

    @property
    def has_common_note(self) -> bool:
        return self.number in COMMON_NOTES

    @property
    def has_namesake(self) -> bool:
        return self.number in NAMESAKES

    @cached_property
    def record(self) -> str:
        """One line with every value."""
        return "; ".join((self.name, self.email, self.phone, self.iban, self.customer, self.note))


def people() -> list[Canary]:
    """Return all thirty, those who are erased first; the same in every run."""
    return [_make(number) for number in range(COUNT)]


def _make(number: int) -> Canary:
    given_name = _GIVEN_NAMES[number % len(_GIVEN_NAMES)]
    surname = _surname(number)
    email = f"{_ascii(given_name)}.{surname.lower()}@canary.example"
    if number == NAMESAKES[1]:
        given_name = _GIVEN_NAMES[NAMESAKES[0]]
        surname = _surname(NAMESAKES[0])
        email = f"other.{surname.lower()}@canary.example"
    if number == LONGER_NAME:
        given_name = "Joann"
        surname = f"{_surname(0)}son"
    if number == LONGER_LOCAL_PART:
        email = f"jo{_ascii('Ann')}.{_surname(0).lower()}@canary.example"
    if number == LONGER_DOMAIN:
        email = f"{_ascii('Ann')}.{_surname(0).lower()}@canary.example.org"

    if number == APOSTROPHE:
        surname = f"O'{surname}"
    if number == DOUBLE_NAME:
        surname = f"{surname}-{_surname(COUNT)}"
    if number == HALF_A_NAME:
        given_name = _GIVEN_NAMES[DOUBLE_NAME]
        surname = _surname(DOUBLE_NAME)

    further = FURTHER_ADDRESSES.get(number, ())
    return Canary(
        number=number,
        given_name=given_name,
        surname=surname,
        email=email,
        phone=f"+49 171 990 04 {number * 37 % 100:02} {number:02}",
        iban=_iban(number),
        customer=f"ZQ-{70_000 + number * 131}",
        note=COMMON_NOTES.get(number, _sentence(number)),
        further_emails=tuple(f"{word}.{surname.lower()}@canary.example" for word in further),
    )


def _surname(number: int) -> str:
    """Return `Zq` and three syllables that no two people share: `Zqbadelo`."""
    base = len(_CONSONANTS)
    syllables = (
        f"{_CONSONANTS[(number * step + shift) % base]}{_VOWELS[(number // spread) % 5]}"
        for step, shift, spread in ((1, 0, 1), (5, 3, 5), (7, 6, 7))
    )
    return "Zq" + "".join(syllables) + "l"


def _sentence(number: int) -> str:
    if number == STREET[0]:
        return f"Zqota moved to flat {number + 200}, {_surname(STREET[1])} Street 5."
    surname = _surname(number)
    return f"Zqota {surname[2:]} moved the grey piano to flat {number + 200} on the quay."


def _ascii(given_name: str) -> str:
    plain = given_name.lower()
    for letter, plain_letter in zip("öëêçøñüå", "oeeconua", strict=True):
        plain = plain.replace(letter, plain_letter)
    return plain


def _iban(number: int) -> str:
    """Return a German IBAN in blocks of four, with its check digits (ISO 13616)."""
    account = f"99004400{number:010}"
    check = 98 - int(f"{account}131400") % 97
    plain = f"DE{check:02}{account}"
    return " ".join(_blocks(plain))


def _blocks(text: str) -> Iterator[str]:
    for start in range(0, len(text), 4):
        yield text[start : start + 4]
