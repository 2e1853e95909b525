"""Texts in their own charset: edited as UTF-8, and every edit put back where it was written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tasks.erasure.searching.removing.edits import Edit, apply_edits, merge_edits
from tasks.erasure.searching.unfolding.charsets import LATIN, MARKS, guess_charset

UTF8_MARK = b"\xef\xbb\xbf"
WIDE_CHARSETS = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")

FindEdits = Callable[[bytes], Iterable[Edit]]


@dataclass(frozen=True)
class TextView:
    """A charset in which a content is a text, and the byte order mark before it."""

    charset: str
    mark: bytes = b""

    def edit(self, content: bytes, find_edits: FindEdits) -> bytes:
        """Return the content with the edits that its UTF-8 form asks for; it stays if it has none.

        Raises:
            UnicodeError: It is no text of that charset, or cannot say the mask.
        """
        body = content[len(self.mark) :]
        if self.charset == "utf-8":
            return self.mark + apply_edits(body, find_edits(body))

        utf8 = body.decode(self.charset).encode()
        edits = [self._write_back(utf8, edit) for edit in merge_edits(find_edits(utf8))]
        return self.mark + apply_edits(body, edits)

    def _write_back(self, utf8: bytes, edit: Edit) -> Edit:
        """Return an edit of the UTF-8 form as one of the bytes that were written."""
        start = len(utf8[: edit.start].decode().encode(self.charset))
        size = len(utf8[edit.start : edit.end].decode().encode(self.charset))
        return Edit(start, start + size, edit.text.decode().encode(self.charset))


def text_views(content: bytes) -> Iterator[TextView]:
    """Yield the charsets in which a content is a text, the surest first."""
    for mark, charset in ((UTF8_MARK, "utf-8"), *((mark, charset) for mark, charset in MARKS)):
        if content.startswith(mark):
            yield TextView(charset, mark)
            return
    if b"\x00" in content:
        yield from (TextView(charset) for charset in WIDE_CHARSETS if _is_text(content, charset))
        return

    # Bytes of ASCII are the same in all that follow.
    yield TextView("utf-8")
    if not _is_text(content, "utf-8"):
        charset = LATIN if _is_text(content, LATIN) else "latin-1"
        yield from (TextView(charset), TextView(guess_charset(content)))


def _is_text(content: bytes, charset: str) -> bool:
    try:
        text = content.decode(charset)
    except UnicodeDecodeError:
        return False
    # Any two bytes are some character of UTF-16: a text in it has no NUL and is mostly letters.
    return "\x00" not in text and sum(character.isprintable() for character in text) * 2 > len(text)
