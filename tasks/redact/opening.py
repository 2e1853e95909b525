"""Open what finds and links. Engines take seconds to load: imported only here."""

from pathlib import Path

from tasks.redact.params import RedactParams
from tasks.redact.texts import Finder, Linker, TextRedactor


def open_redactor(params: RedactParams) -> TextRedactor:
    """Return a redactor of texts with the finder of `params.mode` and row link."""
    return TextRedactor(open_finder(params), open_linker(params))


def open_finder(params: RedactParams) -> Finder:
    """Return the finder of `params.mode`."""
    if params.mode == "exact":
        from tasks.redact.presidio import PresidioFinder

        return PresidioFinder(params)
    from tasks.redact.finding import FastFinder

    users = Path(params.recognisers) if params.recognisers else None
    return FastFinder(params.model, frozenset(params.entities), params.min_score, users)


def open_linker(params: RedactParams) -> Linker:
    """Return what links texts to the people of their rows."""
    from tasks.redact.finding.lexicon import load_lexicon, nicknames
    from tasks.redact.linking import RowLinker
    from tasks.redact.names import model_path

    return RowLinker(load_lexicon(model_path(params.model)), nicknames())
