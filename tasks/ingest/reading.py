"""Read one source into a frame, whatever its kind; one clear line for whatever is wrong with it."""

import os
from typing import TYPE_CHECKING, Any

from tasks.errors import ServiceError, SourceError
from tasks.sources import FileSource, PackagedSource, SampleSource, Source, SqlSource

if TYPE_CHECKING:
    import pandas as pd


def read_source(name: str, source: Source) -> "pd.DataFrame":
    """Return all rows of `source`.

    Raises:
        SourceError: It is missing, empty, truncated or not in its declared format. Never quotes a value.
        ServiceError: What holds it does not answer.
    """
    match source:
        case SampleSource():
            from tasks.ingest.sample import generate

            frame = generate(source)
        case PackagedSource():
            frame = _packaged(name, source)
        case FileSource():
            frame = _parsed(name, source.path, source.format)
        case SqlSource():
            frame = _queried(name, source)
    if frame.empty:
        raise SourceError(
            f"source `{name}`",
            expected="at least one row",
            found="none",
            remedy="Ask its owner for the whole delivery.",
        )
    return frame


def _packaged(name: str, source: PackagedSource) -> "pd.DataFrame":
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec(source.package)
    path = Path(spec.origin).parent / source.path if spec and spec.origin else Path(source.path)
    frame = _parsed(name, str(path), "csv")
    if source.row_key:
        frame.insert(0, source.row_key, range(1, len(frame) + 1))
    return frame


def _parsed(name: str, path: str, form: str) -> "pd.DataFrame":
    import pandas as pd

    readers: dict[str, Any] = {
        "csv": lambda: pd.read_csv(path),
        "parquet": lambda: pd.read_parquet(path),
        "jsonl": lambda: pd.read_json(path, lines=True, dtype=False),
    }
    try:
        frame: pd.DataFrame = readers[form]()
    except FileNotFoundError as error:
        raise SourceError(
            f"source `{name}`", expected=f"a {form} file at {path}", found="none", remedy="Deliver it."
        ) from error
    except (ValueError, EOFError) as error:  # pandas', Arrow's and json's parse errors are all ValueErrors
        raise SourceError(
            f"source `{name}`",
            expected=f"a whole {form} file",
            found=f"one that does not parse ({type(error).__name__})",
            remedy="It may be cut short: compare its size with what the owner sent.",
        ) from None  # the parser's own text may quote a value
    except OSError as error:
        raise ServiceError(
            f"source `{name}`", expected=f"{path} to answer", found=type(error).__name__,
            remedy="Check the network and the credentials, then run again.",
        ) from error  # fmt: skip
    return frame


def _queried(name: str, source: SqlSource) -> "pd.DataFrame":
    import pandas as pd
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    url = os.environ.get(source.url_variable)
    if not url:
        raise SourceError(
            f"source `{name}`",
            expected=f"a database URL in ${source.url_variable}",
            found="none",
            remedy="Set the variable for the worker, never in the file.",
        )
    try:
        with create_engine(url).connect() as connection:
            return pd.read_sql(text(source.query), connection)
    except SQLAlchemyError as error:
        raise ServiceError(
            f"source `{name}`", expected="an answer to its query", found=type(error).__name__,
            remedy="Check the database, the URL and the query.",
        ) from None  # fmt: skip
