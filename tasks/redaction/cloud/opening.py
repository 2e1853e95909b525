"""Open the detectors that a use case declares. Each imports its service's library, and no other."""

from collections.abc import Callable, Iterable

from tasks.redaction.cloud.params import CloudDetector, GoogleDlpParams
from tasks.redaction.cloud.sending import Detector, SecondOpinion
from tasks.redaction.spans import Span


def open_second_opinion(
    detectors: Iterable[CloudDetector],
    kinds: frozenset[str],
    is_date_wanted: Callable[[str], bool] | None = None,
) -> SecondOpinion | None:
    """Return what asks the declared detectors; None where there are none, which is the default.

    Args:
        detectors: As the use case declares them.
        kinds: The kinds of span that are wanted.
        is_date_wanted: Says of a DATE_TIME's text whether it counts; None: every one does.

    Raises:
        ConfigError: A library or its credentials are not there.
    """

    def is_wanted(text: str, span: Span) -> bool:
        if span.kind not in kinds:
            return False
        if is_date_wanted is None or span.kind != "DATE_TIME":
            return True
        return is_date_wanted(text[span.start : span.end])

    opened = [_open(detector, kinds) for detector in detectors]
    return SecondOpinion(opened, is_wanted) if opened else None


def _open(detector: CloudDetector, kinds: frozenset[str]) -> Detector:
    if isinstance(detector, GoogleDlpParams):
        from tasks.redaction.cloud.google_dlp import GoogleDlp

        return GoogleDlp(detector, kinds)

    from tasks.redaction.cloud.aws_comprehend import Comprehend

    return Comprehend(detector)
