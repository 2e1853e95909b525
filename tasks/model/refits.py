"""Refits: a model fitted again with other seeds, to tell what in its explanations is luck."""

from pathlib import Path

from .scorer import Scorer


def save_refits(folder: Path, refits: tuple[Scorer, ...]) -> None:
    """Write each refit into a folder of its own, numbered in order."""
    for number, refit in enumerate(refits, 1):
        place = folder / f"{number:02d}"
        place.mkdir()
        refit.save(place)


def load_refits(folder: Path) -> tuple[Scorer, ...]:
    """Return what `save_refits` wrote, in its order."""
    return tuple(Scorer.load(place) for place in sorted(folder.iterdir()))
