"""What runs in a Dask worker: one partition, by this project's code as the worker has it.

A worker gets bytes and names, never code. It says no where it is of another version, or writes
what it holds to a disk; and what a partition holds is in none of its logs: Dask prints a failed
task's arguments and its exception's text, so nothing fails here, and arguments print nothing.
"""

import hashlib
import importlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from tasks.engines.identity import WorkerIdentity, identity_of_process
from tasks.formats.shown import kind_of_error


class ReplyOutcome(StrEnum):
    """How a worker's work on a partition ended."""

    DONE = "done"
    FAILED = "failed"
    FOREIGN = "foreign"  # of another version than the stage
    SPILLING = "spilling"  # it may write what it holds to its disk


class Parcel:
    """Pickled values that print nothing of themselves."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @classmethod
    def of(cls, values: Any) -> "Parcel":
        """Return them pickled."""
        return cls(pickle.dumps(values, protocol=pickle.HIGHEST_PROTOCOL))

    @cached_property
    def values(self) -> Any:
        """What is in it, unpickled once as long as the parcel is kept."""
        return pickle.loads(self.content)

    @property
    def sha256(self) -> str:
        """The digest of the pickled values."""
        return hashlib.sha256(self.content).hexdigest()

    def __getstate__(self) -> bytes:
        """Send the bytes alone, without what was unpickled of them."""
        return self.content

    def __setstate__(self, content: bytes) -> None:
        """Take the bytes."""
        self.content = content

    def __repr__(self) -> str:
        """Say how large it is."""
        return f"<{len(self.content)} bytes>"


@dataclass(frozen=True)
class Reply:
    """A worker's answer about one partition, and which one it was asked about."""

    outcome: ReplyOutcome
    partition_sha256: str
    identity: WorkerIdentity
    worker: str
    answer: Parcel | None = None
    fault: str = ""  # the class of an exception, never its text


def name_of(function: Callable[..., Any]) -> str:
    """Return the name by which a worker finds a function of a module's top level."""
    return f"{function.__module__}:{function.__qualname__}"


def answer_partition(
    shared: Parcel, function: str, partition: Parcel, expected: WorkerIdentity
) -> Reply:
    """Return what the function says of one partition; raises nothing, whatever happens."""
    from distributed import get_worker

    worker = get_worker()
    mine = identity_of_process()

    def reply(outcome: ReplyOutcome, answer: Parcel | None = None, fault: str = "") -> Reply:
        return Reply(outcome, partition.sha256, mine, str(worker.address), answer, fault)

    # Asked of every partition, not once: a worker may join, or be started anew, at any moment.
    if mine.differing(expected):
        return reply(ReplyOutcome.FOREIGN)
    if _may_spill(worker):
        return reply(ReplyOutcome.SPILLING)

    try:
        module, _, name = function.partition(":")
        # By its name, in the worker's own copy: a pickled function would bring the stage's code,
        # and then the version says nothing.
        work = getattr(importlib.import_module(module), name)
        # Unpickled anew, and held by this frame alone: keys of rows go when it ends.
        values = pickle.loads(partition.content)
        return reply(ReplyOutcome.DONE, Parcel.of(work(shared.values, values)))
    # Caught here: Dask logs a failed task's arguments and its exception's text, which may quote a
    # row.
    except Exception as error:
        return reply(ReplyOutcome.FAILED, fault=kind_of_error(error))


def _may_spill(worker: Any) -> bool:
    """Say whether Dask may write results of this worker to its disk, in clear, to save memory."""
    # Either fraction lets Dask spill; False, the documented value for never, is falsy (distributed,
    # "Worker memory management").
    memory = worker.memory_manager
    return bool(memory.memory_target_fraction or memory.memory_spill_fraction)
