"""Found in every spelling, and never in another person's address."""

import html
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.erasure.searching.traces import Traces, Value

ANN = Value("email", "ann@example.org")
ZOE = Value("name", 'Zoë "Q" Müller-Lee')


@pytest.mark.parametrize(
    "content",
    [
        "ann@example.org",
        "to: Ann@Example.ORG, cc",
        '{"a": "x\\nann@example.org"}',
        "?mail=ann%40example.org&x=1",
        "/users/ann%40example.org",
        "<a href='mailto:ann@example.org'>",
        "mail ann@example.org.",
        "%20ann@example.org",
    ],
)
def test_an_address_is_found_however_it_is_written(content: str) -> None:
    assert Traces.of([ANN]).are_in(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "joann@example.org",
        "jo.ann@example.org",
        "jo-ann@example.org",
        "ann@example.org.uk",
        "ann@example.orga",
        "bob@example.org",
        "ann at example org",
        "",
    ],
)
def test_another_persons_address_is_not_taken_for_it(content: str) -> None:
    assert not Traces.of([ANN]).are_in(content.encode())


def test_a_name_with_letters_quotes_and_case_is_found_in_every_form() -> None:
    traces = Traces.of([ZOE])
    text = ZOE.text
    for written in (
        text,
        text.casefold(),
        json.dumps(text),
        html.escape(text),
        quote(text),
        text.replace('"', '""'),
    ):
        assert traces.are_in(f"<td>{written}</td>".encode()), written
        masked, count = traces.masked(f"<td>{written}</td>".encode())
        assert count == 1
        assert not traces.are_in(masked)
    assert not traces.are_in("Zoë Q Müller".encode())


def test_masking_takes_theirs_and_leaves_the_others() -> None:
    text = b"ann@example.org; bob@example.org; joann@example.org; ANN@example.org"
    assert Traces.of([ANN]).masked(text) == (
        b"[erased]; bob@example.org; joann@example.org; [erased]",
        2,
    )


def test_short_values_are_counted_and_not_searched() -> None:
    traces = Traces.of([Value("name", "Li"), Value("name", "   ")])
    assert not traces
    assert traces.too_short == 2
    assert not traces.are_in(b"Li")


def test_thousands_of_people_are_searched_for_at_once() -> None:
    traces = Traces.of([Value("email", f"person{i}@example.org") for i in range(3000)])
    text = b"\n".join(b"person%d@example.org" % i for i in range(2990, 3010))
    assert [kind for _, _, kind in traces.find(text)] == ["email"] * 10


@given(st.text(min_size=5, max_size=30), st.text(alphabet=" <>\n,;", max_size=5))
def test_whatever_stands_alone_is_found_and_masked_for_good(value: str, around: str) -> None:
    if len(value.strip()) < 5:
        return
    traces = Traces.of([Value("name", value)])
    content = f" {around}{value.strip()}{around} ".encode("utf-8", errors="surrogatepass")
    assert traces.are_in(content)
    assert not traces.are_in(traces.masked(content)[0])
