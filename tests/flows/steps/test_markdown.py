"""What reports say is shown by Prefect as text, and is never a part of the page."""

import pytest
from markdown_it import MarkdownIt

from flows.steps.markdown import as_markdown

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</td></table><h1>Registered</h1>",
    "&lt;b&gt; &#60;",
    "a\n\n## ✅ Registered",
    "a\r# b",
    "# heading",
    "> quote",
    "- item",
    "1. item",
    "+ item",
    "| a | b |",
    "[text](javascript:alert(1))",
    "![x](https://example.org/pixel.png)",
    "https://example.org www.example.org ann@example.org",
    "`code` ``more``",
    "*bold* __bold__ ~~gone~~",
    "\\[x\\](y)",
    "a  \nb",
    "---",
    "===",
    "{{ x }} ${x} $x$",
    '" onload="x',
    "fairness: disparate impact ratio of race=[/b]: 0.5 < 0.8 (95% CI 0.4-0.6)",
)

# The kinds of what is no more than a line of text in a list, or in a table of one column.
PLAIN = {"inline", "text", "text_special", "paragraph_open", "paragraph_close"} | {
    f"{name}_{end}"
    for name in ("bullet_list", "list_item", "table", "thead", "tbody", "tr", "th", "td")
    for end in ("open", "close")
}


def shown(text: str, *, is_cell: bool) -> tuple[str, set[str]]:
    """Return the text that a reader sees of it, and the kinds of elements beside it."""
    escaped = as_markdown(text)
    page = f"| a |\n|---|\n| {escaped} |\n" if is_cell else f"- {escaped}\n"
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = reader.parse(page)
    (inline,) = [token for token in tokens if token.type == "inline"][is_cell:]
    children = inline.children or []
    kinds = {token.type for token in (*tokens, *children)}
    return "".join(child.content for child in children), kinds


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("is_cell", [False, True])
def test_a_reader_sees_the_text_and_nothing_else(text: str, is_cell: bool) -> None:
    content, kinds = shown(text, is_cell=is_cell)
    assert " ".join(content.split()) == " ".join(text.split())
    assert kinds <= PLAIN


def test_figures_stay_as_they_are() -> None:
    assert as_markdown("0.57 of 2026-11-26 12:30") == "0.57 of 2026-11-26 12:30"
