"""Runs that a registered version was made of: nobody but the Gatekeeper changes them any more.

A version names bytes that lie under a run, or under a logged model. Whoever may still write there
changes what was judged, and whoever may log there changes what people read about it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from tasks.registry_server.calls import CallRefusedError
from tasks.registry_server.normal_form import spelling

RUN = re.compile(r"[0-9a-f]{32}")
LOGGED_MODEL = re.compile(r"m-[0-9a-f]{32}")
EXPERIMENT = re.compile(r"[0-9]{1,24}")
TRACE = re.compile(r"tr-[0-9a-f]{32}")
RUN_KEYS = frozenset({"runid", "runuuid", "sourcerunid"})
MODEL_KEYS = frozenset({"modelid"})
EXPERIMENT_KEY = "experimentid"


class ClosedRuns:
    """Asks the registry whether a version was made of a run or a logged model.

    Args:
        store: Gives MLflow's registry store, which exists once the server has started.
    """

    def __init__(self, store: Callable[[], Any]) -> None:
        self._store = store
        # Closed is closed: only the Gatekeeper can take a version away. Open is asked anew.
        self._closed: set[str] = set()

    def require_open(self, ids: Iterable[str]) -> None:
        """Refuse where a registered version was made of one of these.

        Raises:
            CallRefusedError: One is closed, or is no id as MLflow makes them.
        """
        for item in ids:
            is_run = RUN.fullmatch(item) is not None

            if not is_run and not LOGGED_MODEL.fullmatch(item):
                raise CallRefusedError(400, "request.id", "That is no id of a run or a model.")

            if item in self._closed or self._is_registered(item, is_run=is_run):
                self._closed.add(item)
                raise CallRefusedError(
                    403, "registry.closed_run", "A registered version was made of it: it is closed."
                )

    def require_unregistered(self, experiments: Iterable[str]) -> None:
        """Refuse where a registered version lies under one of these experiments.

        With an experiment its runs are deleted, and MLflow's garbage collection takes their bytes.
        A folder of the same number elsewhere in a source refuses too: better one too many.

        Raises:
            CallRefusedError: One lies there, or this is no id of an experiment.
        """
        for item in experiments:
            if not EXPERIMENT.fullmatch(item):
                raise CallRefusedError(400, "request.id", "That is no id of an experiment.")

            text = f"source_path LIKE '%/{item}/%'"
            if self._store().search_model_versions(text, max_results=1):
                raise CallRefusedError(
                    403, "registry.closed_experiment", "A registered version lies under it."
                )

    def _is_registered(self, item: str, *, is_run: bool) -> bool:
        # Two questions: a version may name the run, or lie under it without naming it. The id is
        # hexadecimal, so that it can hold neither a quote nor a wildcard.
        filters = [f"source_path LIKE '%{item}%'"]
        if is_run:
            filters.append(f"run_id = '{item}'")
        store = self._store()
        return any(store.search_model_versions(text, max_results=1) for text in filters)


def ids_in_path(path: str) -> list[str]:
    """Return the runs and logged models under which an artifact would be written.

    Raises:
        CallRefusedError: The path lies under none, nor under a trace: nothing is written there.
    """
    segments = path.split("/")
    ids = [part for part in segments if RUN.fullmatch(part) or LOGGED_MODEL.fullmatch(part)]

    # Traces are no part of what a version is made of, and are never closed.
    if not ids and not any(TRACE.fullmatch(part) for part in segments):
        raise CallRefusedError(
            403, "registry.no_run", "Artifacts are written under a run or a logged model alone."
        )

    return ids


def experiments_in_values(values: dict[str, Any]) -> list[str]:
    """Return the experiments that a body names at its first level."""
    return [str(value) for key, value in values.items() if spelling(key) == EXPERIMENT_KEY]


def ids_in_values(values: dict[str, Any]) -> list[str]:
    """Return the runs and logged models that a body or a query names at its first level."""
    named = [
        value for key, value in values.items() if spelling(key) in RUN_KEYS | MODEL_KEYS and value
    ]
    if not all(isinstance(value, str) for value in named):
        raise CallRefusedError(400, "request.id", "An id is a text.")
    return named
