"""Officers' notes made by code, with identities of their own, for tests that need many texts."""

from tasks.stages.ingest.sample.notes import notes
from tasks.stages.ingest.sample.people import people


def officers_notes(rows: int, seed: int = 41) -> list[str]:
    """Return `rows` notes of 20 to 80 words."""
    texts, _ = notes(people(rows, seed), people(rows, seed + 1), seed + 2)
    made: list[str] = texts.to_pylist()
    return made


ODD_TEXTS = [
    "",
    " ",
    "x",
    "Ann",
    "  two  leading, Mr. Bob  Smith\tand\n\nJane Doe of Paris ",
    "Peter Paul Mary Smith Jones Brown Miller Davis Wilson Moore Taylor Anderson "
    "Thomas Jackson White Harris",
    "don't, can't; U.S.A. (Washington) e.g. $5,000.00 :-) ... 10km @home #tag",
    "a" * 400 + " Robert Miller " + "." * 400,
    "Grüße an Jürgen Müller in Köln\u00a0und Łódź \u2013 “Anna” "
    "\u0661\u0662\u0663 \uff21\uff22\uff23",
    "line\r\nbreaks\x0band\x1cother\x85white\u2003space John Smith",
    "\U0001f600 John \U0001f469\u200d\U0001f467 Smith",
]
