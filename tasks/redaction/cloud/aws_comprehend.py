"""Amazon Comprehend, method `DetectPiiEntities`. No other module talks to it.

A request holds one text. Offsets count characters as Python does: Unicode's code points.

https://docs.aws.amazon.com/comprehend/latest/APIReference/API_DetectPiiEntities.html
"""

from collections.abc import Sequence
from typing import Any

from tasks.formats.shown import kind_of_error
from tasks.redaction.cloud.aws import open_client
from tasks.redaction.cloud.faults import no_answer
from tasks.redaction.cloud.params import ComprehendParams
from tasks.redaction.cloud.sending import DeclaredService
from tasks.redaction.ner.names import cut
from tasks.redaction.spans import Span

# Amazon's kinds in our words. A kind that is not here, and one that comes new, is an identifier:
# what nobody has placed is masked.
KINDS = {
    "NAME": "PERSON",
    "ADDRESS": "LOCATION",
    "EMAIL": "EMAIL_ADDRESS",
    "PHONE": "PHONE_NUMBER",
    "SSN": "US_SSN",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": "US_ITIN",
    "DRIVER_ID": "US_DRIVER_LICENSE",
    "PASSPORT_NUMBER": "US_PASSPORT",
    "BANK_ACCOUNT_NUMBER": "US_BANK_NUMBER",
    "BANK_ROUTING": "US_BANK_NUMBER",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": "UK_NHS",
    "CREDIT_DEBIT_NUMBER": "CREDIT_CARD",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "IBAN_CODE",
    "IP_ADDRESS": "IP_ADDRESS",
    "MAC_ADDRESS": "MAC_ADDRESS",
    "USERNAME": "USER_NAME",
    "AGE": "AGE",
    "DATE_TIME": "DATE_TIME",
    "URL": "URL",
}
OTHER = "ID"
LONGEST_PIECE = 10_000  # characters: of the longest UTF-8 40 KB, where a text may have 100 KB


class Comprehend(DeclaredService[ComprehendParams]):
    """Finds what Amazon finds."""

    def __init__(self, params: ComprehendParams) -> None:
        """Open a client with the credentials of the environment."""
        super().__init__(params)
        self._client = open_client("comprehend", params)

    def find(self, texts: Sequence[str]) -> list[list[Span]]:
        """Return the spans of each text; see `Detector.find`."""
        return [
            [
                span.moved(start)
                # A longer text goes in pieces, and what is found in one is moved to its place in
                # the whole.
                for start, end in cut(text, LONGEST_PIECE)
                for span in self._inspect(text[start:end])
            ]
            for text in texts
        ]

    def _inspect(self, piece: str) -> list[Span]:
        from botocore.exceptions import BotoCoreError, ClientError

        self._pace.wait()
        try:
            answer = self._client.detect_pii_entities(
                Text=piece, LanguageCode=self._params.language
            )
        except (BotoCoreError, ClientError) as error:
            # Its text is the service's, and botocore's own may quote what was sent.
            raise no_answer(self.name, kind_of_error(error)) from None

        try:
            spans = [self._read(entity, piece) for entity in answer["Entities"]]
        except (KeyError, TypeError, ValueError) as error:
            raise no_answer(
                self.name, f"an entity of another form ({kind_of_error(error)})"
            ) from None
        return [span for span in spans if span.score >= self._params.min_score]

    def _read(self, entity: dict[str, Any], piece: str) -> Span:
        """Return an entity as a span.

        Raises:
            KeyError, TypeError, ValueError: It has another form, or lies outside the text.
        """
        start, end = int(entity["BeginOffset"]), int(entity["EndOffset"])
        # A slice outside the text is no error in Python: the mask would hide nothing.
        if not 0 <= start < end <= len(piece):
            raise ValueError("outside the text")
        return Span(start, end, KINDS.get(entity["Type"], OTHER), float(entity["Score"]))
