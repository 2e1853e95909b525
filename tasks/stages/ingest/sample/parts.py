"""The parts that the generator can make, by the name under which a use case asks for them."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from tasks.config.sources import SampleSource
from tasks.errors import ConfigError
from tasks.stages.ingest.sample.loan import activity, applications, bureau
from tasks.stages.ingest.sample.people import emails


def identities(rows: int, seed: int) -> Iterator[pd.DataFrame]:
    """Yield `row` (1, 2, 3, …) and an invented e-mail for each: people for rows that have none."""
    yield pd.DataFrame({"row": np.arange(1, rows + 1), "email": emails(rows, seed)})


PARTS: dict[tuple[str, str], Callable[[int, int], Iterator[pd.DataFrame]]] = {
    ("loan", "applications"): applications,
    ("loan", "bureau"): bureau,
    ("loan", "activity"): activity,
    ("identities", "people"): identities,
}


def generate(source: SampleSource) -> Iterator[pd.DataFrame]:
    """Return the part that `source` asks for, some rows at a time.

    Raises:
        ConfigError: There is no such part; lists those there are.
    """
    make_part = PARTS.get((source.of, source.part))
    if make_part is None:
        offered = ", ".join(part for sample, part in PARTS if sample == source.of)
        raise ConfigError(
            f"sample `{source.of}`",
            expected=f"a part: {offered}",
            found=source.part,
            remedy="Mend `part`.",
        )

    return make_part(source.rows, source.seed)
