"""What a container gives: pieces, within bounds, and words for what could not be looked into."""

from collections.abc import Iterator
from dataclasses import dataclass, field

# One file may unfold into so many bytes, whatever it claims: archives that expand without end
# ("zip bombs") end here and not in the machine's memory.
MOST_BYTES = 512 * 1024**2
# Text compresses to a twentieth, logs to a fiftieth; DEFLATE's limit is 1 to 1,032 (zlib's
# technical details), which only bombs and empty images reach.
MOST_RATIO = 250
# Below that no ratio is suspicious: a megabyte of blanks is nobody's attack.
FREE_BYTES = 16 * 1024**2
# An archive in an archive, a pickle in base64 in JSON in a database: real files have four.
DEEPEST = 6

BEYOND_BOUNDS = "content that expands beyond the bounds"
NESTED_TOO_DEEP = "containers nested too deep"


class BeyondBoundsError(Exception):
    """A container gives more than may be looked into. Caught where it is opened."""


@dataclass
class Budget:
    """How many bytes a file may still unfold into."""

    left_bytes: int = MOST_BYTES

    def spend(self, size_bytes: int) -> None:
        """Count bytes that were unfolded.

        Raises:
            BeyondBoundsError: They are more than were left.
        """
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise BeyondBoundsError


@dataclass(frozen=True)
class Piece:
    """Bytes that can be searched, and how deep in the file they lay."""

    name: str
    content: bytes
    depth: int = 0


@dataclass
class OpenedContainer:
    """What was in a container: parts to look into, and fixed words for what could not be read."""

    parts: list[tuple[str, bytes]] = field(default_factory=list)
    unsearched: list[str] = field(default_factory=list)
    # A container that could not be opened is perhaps none: its bytes are read as text, too.
    is_whole: bool = True

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self.parts)

    def give_up(self, words: str) -> "OpenedContainer":
        """Note what could not be looked into."""
        self.unsearched.append(words)
        self.is_whole = False
        return self
