"""Which parts the generator can make."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tasks.config.sources import SampleSource
from tasks.errors import ConfigError
from tasks.stages.ingest.sample.loan import activity, applications, bureau
from tasks.stages.ingest.sample.people import emails


def identities(rows: int, seed: int) -> pd.DataFrame:
    """Return `row` (1, 2, 3, …) with an invented e-mail each: people for a data set that comes without them."""
    return pd.DataFrame({"row": np.arange(1, rows + 1), "email": emails(rows, seed)})


PARTS: dict[tuple[str, str], Callable[[int, int], pd.DataFrame]] = {
    ("loan", "applications"): applications,
    ("loan", "bureau"): bureau,
    ("loan", "activity"): activity,
    ("identities", "people"): identities,
}


def generate(source: SampleSource) -> pd.DataFrame:
    """Return the part that `source` asks for; an unknown one is a ConfigError that lists the known."""
    make = PARTS.get((source.of, source.part))
    if make is None:
        known = ", ".join(part for of, part in PARTS if of == source.of)
        raise ConfigError(
            f"sample `{source.of}`",
            expected=f"a part: {known}",
            found=source.part,
            remedy="Mend `part`.",
        )
    return make(source.rows, source.seed)
