"""The small installation, of whose key store the log has seen an erasure."""

from tests.tasks.guard.conftest import (
    foreign,
    known,
    known_pattern,
    pattern,
    small_installation,
)

__all__ = ["foreign", "known", "known_pattern", "pattern", "small_installation"]
