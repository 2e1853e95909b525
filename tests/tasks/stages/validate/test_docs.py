"""What passes the allow-list, and what does not, one kind of markup at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.stages.validate.docs import ALLOWED_TAGS, VOID_TAGS, self_contained


def content_of(body: str, head: str = "") -> str:
    """Return what is left of a page's content, between our own heading and the end."""
    page = self_contained(f"<html><head>{head}</head><body>{body}</body></html>", title="Title")
    return page.partition("<h1>Title</h1>")[2].rpartition("</body>")[0].strip()


@pytest.mark.parametrize("tag", sorted(ALLOWED_TAGS - VOID_TAGS))
def test_an_allowed_tag_stays(tag: str) -> None:
    assert content_of(f"<{tag}>text</{tag}>") == f"<{tag}>text</{tag}>"


@pytest.mark.parametrize("tag", ["script", "style", "nav", "footer", "button", "label"])
def test_what_acts_or_frames_the_page_goes_with_its_content(tag: str) -> None:
    assert content_of(f"<p>kept</p><{tag}>gone<p>gone</p></{tag}>") == "<p>kept</p>"


@pytest.mark.parametrize("tag", ["iframe", "form", "svg", "object", "h1"])
def test_a_tag_that_is_not_known_goes_and_its_text_stays(tag: str) -> None:
    assert content_of(f"<{tag}>text</{tag}>") == "text"


@pytest.mark.parametrize(
    "markup",
    [
        '<div id="z-collapse-body-1">2026-11-24<div>deep</div></div>',
        '<div class="row sticky">menu</div>',
        '<a data-toggle="collapse">show more</a>',
        "<title>gone</title>",
        "<!-- gone -->",
    ],
)
def test_what_needs_a_script_or_tells_the_time_goes(markup: str) -> None:
    assert content_of(f"{markup}<p>kept</p>") == "<p>kept</p>"


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ('<a href="http://x" onclick="x()">link</a>', "<a>link</a>"),
        ('<p style="color: red" id="x">text</p>', "<p>text</p>"),
        ('<img src="http://x">text', "text"),
        ('<p class="large">text</p>', "<p>text</p>"),
        ('<span class="badge">text</span>', '<span class="badge">text</span>'),
        ("<div hidden>text</div>", "<div hidden>text</div>"),
    ],
)
def test_of_attributes_only_classes_of_badges_and_hidden_stay(markup: str, kept: str) -> None:
    assert content_of(markup) == kept


def test_an_unclosed_tag_ends_with_the_one_around_it() -> None:
    assert content_of("<div><p>text</div><p>after</p>") == "<div><p>text</p></div><p>after</p>"


def test_an_end_without_a_start_changes_nothing() -> None:
    assert content_of("</div><p>text</p></span>") == "<p>text</p>"


def test_the_head_of_the_page_is_not_its_content() -> None:
    assert content_of("<p>text</p>", head="<meta charset='latin-1'>gone") == "<p>text</p>"


def test_the_title_is_escaped() -> None:
    assert "<title>&lt;b&gt;</title>" in self_contained("<body></body>", title="<b>")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1))
def test_text_never_becomes_markup(text: str) -> None:
    from html import escape

    assert content_of(f"<p>{escape(text)}</p>") == f"<p>{escape(text)}</p>"
