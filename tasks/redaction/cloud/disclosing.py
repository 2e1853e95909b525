"""What leaves the house: said before it leaves, counted when it has left, and held to its limit."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from tasks.redaction.cloud.params import CloudDetector, MacieParams, service_name

if TYPE_CHECKING:
    import pandas as pd


class Disclosure(BaseModel):
    """What was sent to one service. Stands in the report that `redact` signs.

    Attributes:
        service: Which one, and where it works.
        processor: Whose it is.
        agreement: The data-processing agreement under which texts were sent.
        sends: `masked`, or `whole` texts.
        columns: The columns of free text that they are from.
        texts: Different texts.
        bytes: Of them, in UTF-8; requests that had to be made again are not counted twice.
        units: What is billed, in the service's own unit.
        usd: What that costs at the price of the use case.
    """

    model_config = ConfigDict(frozen=True)

    service: str
    processor: str
    agreement: str
    sends: str
    columns: tuple[str, ...]
    texts: int
    bytes: int
    units: int
    usd: float


@dataclass(frozen=True)
class TextVolume:
    """How much free text there is: an estimate of what is sent, made before anything is.

    Whole texts are counted, each as often as it is there. Masks may be longer than what they hide,
    and equal texts of a chunk are sent once.
    """

    texts: int
    bytes: int
    units: dict[str, int]  # service -> what it would bill


def measure_texts(
    groups: "Iterable[pd.DataFrame]", columns: tuple[str, ...], detectors: Iterable[CloudDetector]
) -> TextVolume:
    """Return how much free text some groups of rows hold."""
    detectors = tuple(detectors)
    texts = 0
    size = 0
    units: Counter[str] = Counter()
    for group in groups:
        cells: Iterator[Any] = (cell for name in columns for cell in group[name])
        for text in (cell for cell in cells if isinstance(cell, str) and cell):
            texts += 1
            # `replace`: a lone surrogate, which is replaced before a text is sent, must not stop
            # the measure.
            size += len(text.encode("utf-8", "replace"))
            for detector in detectors:
                units[service_name(detector)] += detector.billed_units(text)

    return TextVolume(texts, size, dict(units))


def foretell(
    detectors: Iterable[CloudDetector], columns: tuple[str, ...], volume: TextVolume | None = None
) -> Iterator[str]:
    """Yield, for people, what is about to be sent to whom; with a volume, how much of it."""
    for detector in detectors:
        what = "whole texts" if detector.sends == "whole" else "texts, masked here first,"
        line = (
            f"{what} of {', '.join(columns) or 'no column'} leave for {detector.processor} "
            f"({service_name(detector)}) under agreement {detector.agreement}, "
            f"in force until {detector.expires}"
        )
        if volume is not None:
            usd = detector.cost_usd(volume.units.get(service_name(detector), 0))
            line += f": about {volume.texts:,} texts, {volume.bytes:,} bytes, {usd:,.2f} USD"

        yield line


def disclosures(
    detectors: Iterable[CloudDetector], columns: tuple[str, ...], sent: dict[str, Counter[str]]
) -> tuple[Disclosure, ...]:
    """Return what was sent to each service, also where that is nothing."""
    return tuple(
        Disclosure(
            service=service_name(detector),
            processor=detector.processor,
            agreement=detector.agreement,
            sends=detector.sends,
            columns=columns,
            texts=counts["texts"],
            bytes=counts["bytes"],
            units=counts["units"],
            usd=round(detector.cost_usd(counts["units"]), 4),
        )
        for detector in detectors
        for counts in (sent.get(service_name(detector), Counter()),)
    )


def lapses(
    detectors: Iterable[CloudDetector], macie: MacieParams | None, day: date
) -> Iterator[str]:
    """Yield a line for each service whose agreement is no longer in force on that day."""
    services: list[tuple[str, CloudDetector | MacieParams]] = [
        (f"detector `{service_name(detector)}`", detector) for detector in detectors
    ]
    if macie is not None:
        services.append(("`redact.macie`", macie))

    for name, service in services:
        # The last day counts as in force: `expires` is defined so.
        if day > service.expires:
            agreement = f"agreement {service.agreement} with {service.processor}"
            yield f"{name}: {agreement} expired on {service.expires}; today is {day}"
