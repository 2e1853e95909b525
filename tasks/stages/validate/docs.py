"""Make a Data Docs page self-contained: nothing loaded from elsewhere, no script, the same bytes for the same content.

Great Expectations' own page asks nine servers for scripts and styles, carries the time of its making, and lets a script
hide what failed. Here an allow-list of tags and attributes passes, so that what is not known cannot.
"""

from html import escape
from html.parser import HTMLParser

TAGS = {
    "div",
    "h4",
    "h5",
    "h6",
    "p",
    "span",
    "strong",
    "ul",
    "ol",
    "li",
    "i",
    "br",
    "a",
    *("table", "thead", "tbody"),
}
TAGS |= {"tr", "th", "td"}
DROPPED = {
    "script",
    "style",
    "nav",
    "footer",
    "title",
    "button",
    "label",
}  # with all that is in them
DROPPED_IDS = ("collapse-body",)  # "show more info": versions and times
DROPPED_CLASSES = ("sticky",)  # a filter that needs scripts
VOID = {"br", "img", "input", "link", "meta", "hr"}
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a; }
h5 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; border-bottom: 1px solid #d0d0d0; }
h6, .h6 { font-size: 1rem; margin: .6rem 0 .2rem; font-weight: 600; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e6e6e6; vertical-align: top; }
th:empty { padding: 0; }
.badge { background: #eee; border-radius: .3rem; padding: 0 .35rem; font-family: ui-monospace, monospace; }
.fa-check-circle::before { content: "\\2713"; color: #1b7a32; font-weight: bold; }
.fa-times::before { content: "\\2717"; color: #b00020; font-weight: bold; }
.fa-exclamation-triangle::before { content: "\\26A0"; color: #8a5a00; }
[hidden] { display: none; }
"""


def self_contained(html: str, *, title: str) -> str:
    """Return the page's content in a page of our own."""
    parser = _AllowList()
    parser.feed(html)
    parser.close()
    body = "\n".join(line.strip() for line in "".join(parser.kept).splitlines() if line.strip())
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


class _AllowList(HTMLParser):
    """Keep the body's text and allowed tags; leave out what is dropped, with everything inside it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.kept: list[str] = []
        self._open: list[tuple[str, bool]] = []  # tag, and whether it drops what is inside
        self._in_body = False

    @property
    def _is_dropping(self) -> bool:
        return not self._in_body or any(drops for _, drops in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._in_body = True
            return
        given = {name: value or "" for name, value in attrs}
        drops = tag in DROPPED or any(part in given.get("id", "") for part in DROPPED_IDS)
        drops = drops or any(name in given.get("class", "").split() for name in DROPPED_CLASSES)
        drops = drops or (tag == "a" and "collapse" in given.get("data-toggle", ""))
        if tag in TAGS and not drops and not self._is_dropping:
            classes = (
                f' class="{escape(given["class"])}"'
                if "class" in given and tag in ("span", "i")
                else ""
            )
            self.kept.append(f"<{tag}{classes}{' hidden' if 'hidden' in given else ''}>")
        if tag not in VOID:
            self._open.append((tag, drops))

    def handle_endtag(self, tag: str) -> None:
        if tag not in (name for name, _ in self._open):
            return
        while self._open:  # an unclosed tag ends with the one around it
            name, drops = self._open.pop()
            if name in TAGS and not drops and not self._is_dropping:
                self.kept.append(f"</{name}>")
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self._is_dropping:
            self.kept.append(escape(data))
