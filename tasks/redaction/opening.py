"""Open what finds and links. Engines take seconds to load: they are imported here, and late."""

from pathlib import Path

from tasks.errors import ConfigError
from tasks.redaction.cloud.opening import open_second_opinion
from tasks.redaction.cloud.sending import SecondOpinion
from tasks.redaction.columns import hipaa
from tasks.redaction.params import RedactParams, require_known_kinds
from tasks.redaction.texts import Finder, Linker, TextRedactor


def open_redactor(params: RedactParams) -> TextRedactor:
    """Return a redactor of texts: the finder of `params.mode`, row link, and declared detectors.

    Raises:
        ConfigError: As `open_finder` and `open_detectors`.
    """
    return TextRedactor(
        open_finder(params),
        open_linker(params),
        until_stable=params.until_stable,
        second_opinion=open_detectors(params),
    )


def open_detectors(params: RedactParams) -> SecondOpinion | None:
    """Return what asks the detectors that others run; None where none is declared.

    Raises:
        ConfigError: A library or its credentials are not there.
    """
    if params.profile == "hipaa":
        return open_second_opinion(
            params.detectors, frozenset(hipaa.ENTITIES), hipaa.is_calendar_date
        )
    return open_second_opinion(params.detectors, frozenset(params.entities))


def open_finder(params: RedactParams) -> Finder:
    """Return the finder of `params.mode`.

    Raises:
        ConfigError: Presidio's own recognisers do not cover the profile, the pipeline or the second
            network of `careful` is not installed, the file of recognisers is wrong, or a kind that
            is to be masked is never found.
    """
    if params.mode == "exact":
        if params.profile != "default":
            raise ConfigError(
                "redact.mode",
                expected=f"`fast` with `profile: {params.profile}`",
                found="exact",
                remedy="Presidio's recognisers do not cover its identifiers: use `mode: fast`.",
            )
        from tasks.redaction.presidio import PresidioFinder

        presidio = PresidioFinder(params)
        require_known_kinds(params.entities, presidio.kinds)
        return presidio

    from tasks.redaction.finding import FastFinder

    second = None
    if params.mode == "careful":
        from tasks.redaction.ner.transformer import TransformerNames

        second = TransformerNames()

    users = Path(params.recognisers) if params.recognisers else None
    if params.profile == "hipaa":
        return FastFinder(
            params.model,
            frozenset(hipaa.ENTITIES),
            params.min_score,
            users,
            is_date_wanted=hipaa.is_calendar_date,
            second=second,
            language=params.language,
        )
    finder = FastFinder(
        params.model,
        frozenset(params.entities),
        params.min_score,
        users,
        second=second,
        language=params.language,
    )
    require_known_kinds(params.entities, finder.kinds)
    return finder


def open_linker(params: RedactParams) -> Linker:
    """Return what links texts to the people of their rows."""
    from tasks.redaction.finding.finder import open_lexicon
    from tasks.redaction.finding.lexicon import nicknames
    from tasks.redaction.linking import RowLinker

    return RowLinker(open_lexicon(params.model, params.language), nicknames(), params.language)
