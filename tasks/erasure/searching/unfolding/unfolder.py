"""Walk through one file's content: itself, then every piece that lies in it, however deep."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from tasks.erasure.searching.unfolding import archives, documents, programs, tables
from tasks.erasure.searching.unfolding.base_runs import decode_runs
from tasks.erasure.searching.unfolding.charsets import (
    CONTROL,
    charset_of_mark,
    read_charsets,
)
from tasks.erasure.searching.unfolding.compression import open_stream
from tasks.erasure.searching.unfolding.escapes import ESCAPINGS
from tasks.erasure.searching.unfolding.joined_cells import join_cells
from tasks.erasure.searching.unfolding.pieces import (
    BEYOND_BOUNDS,
    DEEPEST,
    NESTED_TOO_DEEP,
    BeyondBoundsError,
    Budget,
    OpenedContainer,
    Piece,
)

# Words become bytes, too, when they are decoded: such a piece is searched and unfolded no further.
LEAF = "bytes"
# Of binary data only the stretches with a term among their bytes are read byte by byte.
STRETCH_BYTES = 65_536
OVERLAP_BYTES = programs.MOST_FRAMED_BYTES + 2


@dataclass
class Unfolder:
    """The search through one file; what it could not look into stands in `unsearched`."""

    has_accents: bool  # whether charsets that agree with ASCII have to be told apart
    has_bytes: Callable[[bytes], bool]  # whether a term is there, even within a longer word
    unsearched: dict[str, None] = field(default_factory=dict)
    _budget: Budget = field(default_factory=Budget)
    _digests: set[bytes] = field(default_factory=set)

    def walk(self, name: str, content: bytes) -> Iterator[Piece]:
        """Yield the content and every piece of it, each once, so that whoever searches may stop."""
        waiting = [Piece(name, content)]
        self._digests.add(_digest(content))
        while waiting:
            piece = waiting.pop()
            yield piece
            parts = self._read_wide(piece) if piece.name == LEAF else self._unfold(piece)
            for part_name, part in parts:
                digest = _digest(part)
                if part and digest not in self._digests:
                    self._digests.add(digest)
                    waiting.append(Piece(part_name, part, piece.depth + 1))

    def _unfold(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        """Yield what lies in a piece: of a container its parts, of anything else what it says."""
        opened = None
        if piece.depth < DEEPEST:
            opened = open_container(piece.name, piece.content, self._budget)
        elif open_container(piece.name, piece.content, Budget(0)) is not None:
            self.unsearched[NESTED_TOO_DEEP] = None
        if opened is not None:
            self.unsearched.update(dict.fromkeys(opened.unsearched))
            yield from self._read_parts(opened)
        elif words := documents.name_opaque(piece.name, piece.content):
            self.unsearched[words] = None

        yield from self._read_framed(piece)
        if piece.depth < DEEPEST and (opened is None or not opened.is_whole):
            try:
                yield from self._read_texts(piece)
            except BeyondBoundsError:
                self.unsearched[BEYOND_BOUNDS] = None

    def _read_parts(self, opened: OpenedContainer) -> Iterator[tuple[str, bytes]]:
        """Yield the parts of a container; of a table's cells, many as one."""
        cells: dict[str, list[bytes]] = {}
        for name, part in opened:
            if name.endswith(tables.CELL_SUFFIX):
                cells.setdefault(name, []).append(part)
            else:
                yield name, part
        for name, parts in cells.items():
            yield from join_cells(name, parts, self.has_bytes, has_accents=self.has_accents)

    def _read_texts(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        """Yield what a piece says in other charsets, with its escapes read, and in its runs."""
        for text in read_charsets(piece.content, has_accents=self.has_accents):
            self._budget.spend(len(text))
            # A text is looked into further; what binary data says in some charset is not.
            yield LEAF if CONTROL.search(text) else f"{piece.name}.text", text
        # With a byte order mark nothing else is in it.
        if charset_of_mark(piece.content):
            return

        for escaping in ESCAPINGS:
            text = escaping.read_around(piece.content)
            self._budget.spend(len(text))
            yield f"{piece.name}.text", text
        for runs in decode_runs(piece.content):
            self._budget.spend(len(runs.all_bytes))
            for part in runs.parts:
                yield f"{piece.name}.decoded", part
            yield LEAF, runs.all_bytes

    def _read_wide(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        """Yield texts of two or four bytes a character among decoded bytes."""
        for text in read_charsets(piece.content, has_accents=self.has_accents):
            yield LEAF, text

    def _read_framed(self, piece: Piece) -> Iterator[tuple[str, bytes]]:
        """Yield the texts behind their lengths in binary data, where a term is among its bytes."""
        if programs.CONTROL.search(piece.content) and self.has_bytes(piece.content):
            texts: list[bytes] = []
            for start in range(0, len(piece.content), STRETCH_BYTES):
                stretch = piece.content[start : start + STRETCH_BYTES + OVERLAP_BYTES]
                if self.has_bytes(stretch):
                    texts += programs.read_framed_texts(stretch)
            yield f"{piece.name}.framed", b"\n".join(texts)


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def open_container(name: str, content: bytes, budget: Budget) -> OpenedContainer | None:
    """Return what a container holds; nothing for a content that is none."""
    if content.startswith(tables.PARQUET_MAGIC):
        return tables.open_parquet(name, content, budget)
    if content.startswith(tables.SQLITE_MAGIC):
        return tables.open_sqlite(name, content, budget)
    if tables.is_arrow(content):
        return tables.open_arrow(name, content, budget)
    if content.startswith(tables.NUMPY_MAGIC):
        return tables.open_numpy(name, content)
    if programs.is_pickle(content):
        return programs.open_pickle(name, content)
    if content.startswith(documents.PDF_MAGIC):
        return documents.open_pdf(content, budget)
    if archives.is_tar(content):
        return archives.open_tar(content, budget)
    if archives.is_zip(content):
        return archives.open_zip(content, budget)
    return open_stream(name, content, budget)
