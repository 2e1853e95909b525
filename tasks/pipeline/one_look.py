"""One look at what is stale, in which DVC digests each file and folder once.

Twelve stages depend on twenty folders of code, most of them on the same, and each stage asks for
the digest of each of its own: DVC walks two hundred folders, and looks up each of their files, for
what thirty say. A look is of one moment, so what a folder held at its beginning is what it holds
for the next stage that asks. The next look, and every stage that DVC runs, digests anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

_looks = local()  # `known` of a thread that is looking: what has been digested in this look


@contextmanager
def digesting_once() -> Iterator[None]:
    """Have DVC digest each path once inside this block, in this thread."""
    _install()
    _looks.known = {}
    try:
        yield
    finally:
        del _looks.known


def _install() -> None:
    """Put `digest` in the place of DVC's own method (DVC 3.67), unless it is there."""
    from dvc.output import Output

    original = Output._get_hash_meta
    if getattr(original, "is_of_one_look", False):
        return

    def digest(output: Any) -> Any:
        known = getattr(_looks, "known", None)
        if known is None:
            return original(output)
        # Whatever of an output the digest hangs on.
        key = (output.fs.protocol, output.fs_path, output.hash_name, output.use_cache)
        if key not in known:
            known[key] = original(output)
        return known[key]

    digest.is_of_one_look = True  # type: ignore[attr-defined]
    Output._get_hash_meta = digest
