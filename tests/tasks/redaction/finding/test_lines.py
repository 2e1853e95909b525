"""Names end with their lines where the next line is another field or another entry."""

import pytest

from tasks.redaction import find_personal_data, mask_texts
from tasks.redaction.finding.lines import in_lines


def parts(text: str, name: str) -> list[str]:
    start = text.index(name)
    return [text[low:high] for low, high in in_lines(text, start, start + len(name))]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("Ask Lena Marsh.", "Lena Marsh", ["Lena Marsh"]),
        ("To: Lena Marsh\nCc: Bo", "Lena Marsh\nCc", ["Lena Marsh"]),
        ("To: Lena Marsh\r\nCc: Bo", "Lena Marsh\r\nCc", ["Lena Marsh"]),
        ("> To: Lena\n> Cc: Bo", "Lena\n> Cc", ["Lena"]),
        ("Lena\nDate of birth: 1", "Lena\nDate", ["Lena"]),
        ("Lena\nCc: Bo", "Lena\nCc: Bo", ["Lena", " Bo"]),
        ("John\nSmith called", "John\nSmith", ["John\nSmith"]),
        ("John\nSmith, my friend", "John\nSmith", ["John\nSmith"]),
        (
            "Marsh, Lena\nAdams, Jenny",
            "Lena\nAdams",
            ["Marsh, Lena", "Adams, Jenny"],
        ),
        ("A, Lena\n\tO'Neil, Bo", "Lena\n\tO'Neil", ["A, Lena", "O'Neil, Bo"]),
        ("so, Lena\nAdams, who", "Lena\nAdams", ["Lena\nAdams"]),
    ],
)
def test_a_name_ends_with_its_line_where_the_next_one_is_something_else(
    text: str, name: str, expected: list[str]
) -> None:
    assert parts(text, name) == expected


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            "To: Marsh, Lena\nCc: Quill, Robert; Adams, Jenny\nSubject: the claim",
            "To: [PERSON]\nCc: [PERSON]; [PERSON]\nSubject: the claim",
        ),
        (
            "From: Lena Marsh\nTo: Robert Quill\nCc: Jenny Adams\nDate: Monday",
            "From: [PERSON]\nTo: [PERSON]\nCc: [PERSON]\nDate: Monday",
        ),
        (
            "Patient: Jane Roe\nDoctor: Xaver Huber\nWard: North",
            "Patient: [PERSON]\nDoctor: [PERSON]\nWard: North",
        ),
        (
            "Marsh, Lena\nAdams, Jenny\nQuill, Robert\nStone, Peter",
            "[PERSON]\n[PERSON]\n[PERSON]\n[PERSON]",
        ),
        ("We met John\nSmith at noon.", "We met [PERSON] at noon."),
    ],
)
def test_headers_forms_and_lists_keep_their_lines(text: str, masked: str) -> None:
    assert mask_texts([text]) == [masked]


NAMES = ("Lena Marsh", "Robert Quill", "Jenny Adams", "Peter Parker", "Mary Jones", "Omar Haddad")


@pytest.mark.parametrize("order", range(len(NAMES)))
def test_no_span_of_a_header_crosses_a_line_and_no_name_is_left(order: int) -> None:
    first, second, third, fourth = (NAMES[(order + step) % len(NAMES)] for step in range(4))
    text = (
        f"From: {first}\nSent: Tuesday\nTo: {second}; {third}\nCc: {fourth}\n"
        f"Subject: the claim\n\nThank you."
    )
    (spans,) = find_personal_data([text], entities=["PERSON", "LOCATION", "ORGANIZATION"])
    assert not [
        text[span.start : span.end] for span in spans if "\n" in text[span.start : span.end]
    ]
    (masked,) = mask_texts([text])
    assert masked is not None
    left = [word for name in (first, second, third, fourth) for word in name.split()]
    assert not [word for word in left if word in masked]
    assert [line.partition(":")[0] for line in masked.split("\n")[:5]] == [
        *("From", "Sent", "To", "Cc", "Subject"),
    ]
