"""Make a Data Docs page self-contained: no resource from elsewhere, no script, no time of making.

Great Expectations' own page asks nine servers for scripts and styles, carries the time of its
making, and lets a script hide what failed. Here an allow-list of tags and attributes passes, so
that markup of a later version which nobody has looked at cannot. The same content gives the same
bytes.
"""

from html import escape
from html.parser import HTMLParser

BLOCK_TAGS = {"div", "h4", "h5", "h6", "p", "ul", "ol", "li", "br"}
TEXT_TAGS = {"span", "strong", "i", "a"}
TABLE_TAGS = {"table", "thead", "tbody", "tr", "th", "td"}
ALLOWED_TAGS = BLOCK_TAGS | TEXT_TAGS | TABLE_TAGS

# Left out with everything inside: what acts, and what only repeats the page's frame.
DROPPED_TAGS = {"script", "style", "nav", "footer", "title", "button", "label"}
DROPPED_IDS = ("collapse-body",)  # "show more info": versions and times
DROPPED_CLASSES = ("sticky",)  # a filter that needs scripts

# Elements without an end tag (HTML standard, section 13.1.2): nothing lies inside them.
VOID_TAGS = {"br", "img", "input", "link", "meta", "hr"}

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a;
       margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h5 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; border-bottom: 1px solid #d0d0d0; }
h6, .h6 { font-size: 1rem; margin: .6rem 0 .2rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0; }
th, td { text-align: left; vertical-align: top;
         padding: .25rem .6rem; border-bottom: 1px solid #e6e6e6; }
th:empty { padding: 0; }
.badge { background: #eee; border-radius: .3rem; padding: 0 .35rem;
         font-family: ui-monospace, monospace; }
.fa-check-circle::before { content: "\\2713"; color: #1b7a32; font-weight: bold; }
.fa-times::before { content: "\\2717"; color: #b00020; font-weight: bold; }
.fa-exclamation-triangle::before { content: "\\26A0"; color: #8a5a00; }
[hidden] { display: none; }
"""


# A page that loads nothing even if markup slips through: the browser is told to refuse it.
CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def self_contained(html: str, *, title: str) -> str:
    """Return the content of `html` in a page of our own, with `title` as its heading."""
    parser = _AllowListParser()
    parser.feed(html)
    parser.close()

    lines = (line.strip() for line in "".join(parser.kept).splitlines())
    body = "\n".join(line for line in lines if line)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{escape(title)}</title>
<meta http-equiv="Content-Security-Policy" content="{CONTENT_SECURITY_POLICY}">
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
</body>
</html>
"""


class _AllowListParser(HTMLParser):
    """Keep the body's text and allowed tags; leave out what is dropped, with everything inside it.

    Of attributes only the class of icons and badges and `hidden` are kept: no link, no style, no
    event.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self._open_tags: list[tuple[str, bool]] = []  # tag, and whether its content is dropped
        self._is_in_body = False

    @property
    def _is_dropping(self) -> bool:
        return not self._is_in_body or any(is_dropped for _, is_dropped in self._open_tags)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write the tag if it is allowed, and remember whether its content is dropped."""
        if tag == "body":
            self._is_in_body = True
            return

        attributes = {name: value or "" for name, value in attrs}
        is_dropped = _is_dropped(tag, attributes)
        # A tag that is not allowed is left out by itself, and what is inside it stays: text is
        # escaped.
        if tag in ALLOWED_TAGS and not is_dropped and not self._is_dropping:
            self.kept.append(f"<{tag}{_kept_attributes(tag, attributes)}>")
        if tag not in VOID_TAGS:
            self._open_tags.append((tag, is_dropped))

    def handle_endtag(self, tag: str) -> None:
        """Close the tag, and every tag inside it that was left open."""
        # An end without a beginning closes nothing: the loop below would close all that is open.
        if tag not in (name for name, _ in self._open_tags):
            return

        while self._open_tags:
            name, is_dropped = self._open_tags.pop()
            if name in ALLOWED_TAGS and not is_dropped and not self._is_dropping:
                self.kept.append(f"</{name}>")
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        """Write the text, escaped anew: the parser has resolved its character references."""
        if not self._is_dropping:
            self.kept.append(escape(data))


def _is_dropped(tag: str, attributes: dict[str, str]) -> bool:
    """Return whether an element is left out with everything inside it."""
    if tag in DROPPED_TAGS:
        return True
    if any(part in attributes.get("id", "") for part in DROPPED_IDS):
        return True
    if any(name in attributes.get("class", "").split() for name in DROPPED_CLASSES):
        return True
    # The link that opens and closes a part of the page, which needs a script to do so.
    return tag == "a" and "collapse" in attributes.get("data-toggle", "")


def _kept_attributes(tag: str, attributes: dict[str, str]) -> str:
    """Return the attributes that are kept, ready to follow the tag's name."""
    kept = ""
    if tag in ("span", "i") and "class" in attributes:
        kept += f' class="{escape(attributes["class"])}"'
    if "hidden" in attributes:
        kept += " hidden"
    return kept
