"""Open the finder that a use case asks for. Engines take seconds to load: imported only here."""

from pathlib import Path

from tasks.redact.params import RedactParams
from tasks.redact.redacting import Finder


def open_finder(params: RedactParams) -> Finder:
    """Return the finder of `params.mode`."""
    if params.mode == "exact":
        from tasks.redact.presidio import PresidioFinder

        return PresidioFinder(params)
    from tasks.redact.finding import FastFinder

    users = Path(params.recognisers) if params.recognisers else None
    return FastFinder(params.model, frozenset(params.entities), params.min_score, users)
