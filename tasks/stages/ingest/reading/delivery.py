"""What a source has to deliver: exactly the declared columns, each of its declared kind.

A source that delivers more is refused as one that delivers less is: what nobody declared has no
purpose, and must not be processed (GDPR, article 5(1)(c)). Errors name declared columns, and count
the others and rows; they never quote a value, nor a name that only the source knows: where a file
lacks its header line, the first person's values stand in its place.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tasks.config.cases import NUMBERS, Columns
from tasks.errors import SourceError
from tasks.formats.shown import count_of, positions_of
from tasks.stages.ingest.params import IngestParams
from tasks.stages.ingest.reading.kinds import ColumnFault, to_dates, to_numbers, to_text

if TYPE_CHECKING:
    import pandas as pd


class FaultyBlockError(Exception):
    """Some rows of a delivery are not of the declared kinds: the whole has to be looked at.

    How a fault is told hangs on all of its rows.
    """


@dataclass(frozen=True)
class ExpectedDelivery:
    """The columns that a source may and must deliver, and those of them that are read."""

    source: str
    declared: frozenset[str]
    read: tuple[str, ...]
    numbers: frozenset[str]
    flags: frozenset[str]
    dates: Mapping[str, str] = field(default_factory=dict)  # column -> `format`; empty: ISO 8601

    @classmethod
    def of(cls, source: str, columns: Columns, params: IngestParams) -> "ExpectedDelivery":
        """Return what the use case wants of `source`."""
        declared = {name for name, column in columns.root.items() if column.source == source}
        kinds = {name: column.kind for name, column in columns.root.items()}
        read = params.read_from(source, columns)
        return cls(
            source=source,
            declared=frozenset(declared | set(params.keys(source))),
            read=read,
            numbers=frozenset(name for name in read if kinds.get(name) in NUMBERS),
            flags=frozenset(name for name in read if kinds.get(name) == "flag"),
            dates={
                name: columns.root[name].format or "" for name in read if kinds.get(name) == "date"
            },
        )

    def as_delivered(self, rename: Mapping[str, str]) -> "ExpectedDelivery":
        """Return the same delivery with the names that the file gives its columns.

        `rename` maps those to the names of the use case, as a source declares it.
        """
        delivered = {name: delivered for delivered, name in rename.items()}
        return replace(
            self,
            declared=frozenset(delivered.get(name, name) for name in self.declared),
            read=tuple(delivered.get(name, name) for name in self.read),
            numbers=frozenset(delivered.get(name, name) for name in self.numbers),
            flags=frozenset(delivered.get(name, name) for name in self.flags),
            dates={delivered.get(name, name): form for name, form in self.dates.items()},
        )

    def check_names(self, delivered: Iterable[str], *, has_order: bool = True) -> None:
        """Stop on a column that is not declared, absent, or there twice.

        `has_order` says whether positions mean something to the owner: keys of JSON have none.

        Raises:
            SourceError: Names declared columns, and says of others how many and where they stand.
        """
        names = list(delivered)
        counts = Counter(names)

        blank = [
            position
            for position, name in enumerate(names, start=1)
            if name not in self.declared and name.strip() in self.declared
        ]
        if blank:
            raise self.error(
                "column names as they are declared",
                f"{count_of(blank, 'name')} with blanks around, at position {positions_of(blank)}",
                "Have the header mended, or declare each with its blanks, in quotes.",
            )
        undeclared = [
            position for position, name in enumerate(names, start=1) if name not in self.declared
        ]
        if undeclared:
            raise self._undeclared_error(undeclared, len(names), has_order=has_order)
        if absent := sorted(self.declared - counts.keys()):
            raise self.error(
                "every declared column",
                f"absent: {', '.join(absent)}",
                "Ask the owner what changed.",
            )
        if repeated := sorted(name for name, count in counts.items() if count > 1):
            raise self.error(
                "each column once",
                f"twice: {', '.join(repeated)}",
                "Ask the owner which one holds.",
            )

    def _undeclared_error(
        self, positions: list[int], columns: int, *, has_order: bool
    ) -> SourceError:
        """Return the error about columns at `positions`, which nobody declared; it names none."""
        if len(positions) == columns:
            return self.error(
                "the declared columns",
                f"{count_of(positions, 'column')}, none of them declared",
                "Is the header line missing? Then have the file delivered with it; "
                "otherwise compare its column names with `columns:`.",
            )
        place = f", at position {positions_of(positions)}" if has_order else ""
        return self.error(
            "declared columns only",
            f"{count_of(positions, 'undeclared column')} of {columns:d}{place}",
            "Look there in the source, and declare each in `columns:` "
            "(role `dropped` where it is not needed), or have it left out.",
        )

    def error(self, expected: str, found: str, remedy: str) -> SourceError:
        """Return an error about this source."""
        return SourceError(f"source `{self.source}`", expected=expected, found=found, remedy=remedy)


def conform(frame: "pd.DataFrame", expected: ExpectedDelivery) -> "pd.DataFrame":
    """Return the columns that are read, in the order of `expected.read`, with a type by kind.

    Numbers and flags are float64 (so that one missing value changes no type), everything else text
    or missing; dates are ISO 8601 text. So the same rows give the same frame whatever format they
    came in. Whole numbers may stand for text (a customer number), text never for numbers.

    Raises:
        SourceError: A column is not of its kind; names the columns and how many rows are wrong.
    """
    columns, faults = convert_columns(frame, expected)
    if faults:
        raise kinds_error(faults, expected)
    return columns


def convert_columns(
    frame: "pd.DataFrame", expected: ExpectedDelivery
) -> "tuple[pd.DataFrame, list[ColumnFault]]":
    """Return the columns that are read by their kinds, and what is wrong with each.

    The frame gives each of them up as it is converted, so that a delivery is not there twice.
    """
    import pandas as pd

    columns: dict[str, pd.Series[Any]] = {}
    faults: list[ColumnFault] = []
    for name in expected.read:
        if name in expected.numbers:
            is_flag = name in expected.flags
            columns[name], fault = to_numbers(name, frame.pop(name), is_flag=is_flag)
        elif name in expected.dates:
            columns[name], fault = to_dates(name, frame.pop(name), expected.dates[name])
        else:
            columns[name], fault = to_text(name, frame.pop(name))
        if fault is not None:
            faults.append(fault)
    return pd.DataFrame(columns, copy=False), faults


def kinds_error(faults: Sequence[ColumnFault], expected: ExpectedDelivery) -> SourceError:
    """Return the error about columns that are not of their kind: each with rows and a remedy."""
    found = "; ".join(f"{fault.what} in {fault.where}" for fault in faults)
    remedies = dict.fromkeys(f"{fault.column}: {fault.remedy}" for fault in faults)
    return expected.error("values of the declared kinds", found, f"Of {'; '.join(remedies)}.")
