"""Where a release's stages run: here, or with the worker's service, which this process only asks.

A release opens one of the two for its use case; its tasks, which Prefect runs in threads and which
take plain values only, find it by the use case's name.
"""

import fcntl
import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Protocol

from tasks.clearance.check import AcceptedCheck
from tasks.errors import ConfigError
from tasks.path import PATH
from tasks.pipeline.runner import StageResult, list_stale, reproduce
from tasks.service.client import WorkerClient, open_worker
from tasks.system.git import ask_git
from tasks.system.installation import Installation
from tasks.system.machine_faults import explaining_machine
from tasks.worker.approving import lacks_only_approval, model_here, record_consent
from tasks.worker.confirming import (
    Confirmation,
    ReleaseHistory,
    confirm_registration,
    note_history_here,
    prepare_to_confirm,
)

OPENS_REGISTRY = PATH[-1].name
LineSink = Callable[[str], None]

# For so long what `admit` and `packages` found counts as found now. A release that trained for
# longer, or waited for somebody's approval, asks them again before it opens the registry.
RECENT_SECONDS = 300.0


class ReleasePlace(Protocol):
    """What a release needs of wherever its stages run."""

    @property
    def shown(self) -> Path:
        """The folder whose `data/` holds verdicts and pages for people."""

    def reproduce(self, stage: str, on_line: LineSink) -> StageResult:
        """Run a stage if anything that it depends on has changed."""

    def lacks_only_approval(self) -> str:
        """Return the model that waits for a second person, or nothing."""

    def record_consent(self, envelope: str) -> None:
        """Record what somebody has signed, if it counts."""

    def confirm(self) -> Confirmation:
        """Return what is registered."""

    def history(self) -> ReleaseHistory:
        """Return what the ledger knows of the attempts and releases of the use case."""

    def renew_dossier(self, *, is_registered: bool, is_failed: bool = False) -> str:
        """Have the dossier say what the release came to; return why it does not, if it cannot."""


class Here:
    """The checkout that this process stands in, by its own account."""

    def __init__(self, case: str, installation: Installation) -> None:
        self._case = case
        self._installation = installation
        self._begun: dict[str, float] = {}  # when each stage was last asked for, by a clock

    @property
    def shown(self) -> Path:
        """The checkout."""
        return self._installation.workspace

    def reproduce(self, stage: str, on_line: LineSink) -> StageResult:
        """Run it by DVC. A single stage never checks that its inputs are fresh.

        What opens the registry must.
        """
        # A clock that nobody sets: by the machine's own, a correction would make an old look count
        # as recent.
        self._begun[stage] = monotonic()
        if stage == OPENS_REGISTRY:
            # While the stage's own process runs, this one only waits for it.
            Thread(target=prepare_to_confirm, daemon=True).start()

        with explaining_machine(self._installation):  # DVC itself writes, too
            # A model that was half-written by a run that somebody interrupted would else be
            # registered: what opens the registry never trusts what lies before it.
            with_upstream = stage == OPENS_REGISTRY and not self._is_upstream_fresh()
            return reproduce(stage, self._case, with_upstream=with_upstream, on_line=on_line)

    def _is_upstream_fresh(self) -> bool:
        """Say whether nothing before the last stage would run but what has run a moment ago.

        DVC looks at everything before it, as it would to run it.
        """
        now = monotonic()
        for stage in PATH:
            age_seconds = now - self._begun.get(stage.name, -math.inf)
            if stage.is_always_run and age_seconds > RECENT_SECONDS:
                return False

        # `register` itself may be stale, and is about to run.
        own = f"{OPENS_REGISTRY}@{self._case}: "
        return all(line.startswith(own) for line in list_stale(OPENS_REGISTRY, self._case))

    def lacks_only_approval(self) -> str:
        """Return the model that lies here, if a second person is all that it waits for."""
        model = model_here(self._case, self._installation)
        return model if lacks_only_approval(self._case, model, self._installation) else ""

    def record_consent(self, envelope: str) -> None:
        """Record it in this installation's ledger."""
        model = model_here(self._case, self._installation)
        record_consent(envelope.encode(), self._case, model, self._installation)

    def confirm(self) -> Confirmation:
        """Look into ledger, policy and registry."""
        return confirm_registration(self._case, self._installation)

    def history(self) -> ReleaseHistory:
        """Read it from this installation's ledger."""
        return note_history_here(self._case, self._installation)

    def renew_dossier(self, *, is_registered: bool, is_failed: bool = False) -> str:
        """Write it again in this checkout, where it has to be."""
        from tasks.dossier.releasing import renew_release_dossier

        return renew_release_dossier(
            self._case, self._installation, is_registered=is_registered, is_failed=is_failed
        )


class WithWorker:
    """The worker's service."""

    def __init__(self, client: WorkerClient) -> None:
        self._client = client

    @property
    def shown(self) -> Path:
        """What the worker has sent."""
        return self._client.shown

    def reproduce(self, stage: str, on_line: LineSink) -> StageResult:
        """Have the worker run it."""
        return self._client.reproduce(stage, on_line)

    def lacks_only_approval(self) -> str:
        """Ask the worker."""
        answer = self._client.ask(_ignore, do="lacks_approval")
        return str(answer["model_sha256"]) if answer["lacks_only_approval"] else ""

    def record_consent(self, envelope: str) -> None:
        """Hand it to the worker."""
        self._client.ask(_ignore, do="approve", envelope=envelope)

    def confirm(self) -> Confirmation:
        """Have the worker look."""
        answer = self._client.ask(_ignore, do="confirm")
        accepted = tuple(
            AcceptedCheck("", "", str(check["person"]), date.fromisoformat(check["expires"]))
            for check in answer["accepted"]
        )
        # None is an answer of its own: nothing is in force.
        entry = answer["law_entry"]
        law_entry = None if entry is None else int(entry)

        return Confirmation(
            str(answer["model_sha256"]), str(answer["version"]), accepted, law_entry
        )

    def history(self) -> ReleaseHistory:
        """Ask the worker."""
        return ReleaseHistory.from_dict(self._client.ask(_ignore, do="attempts"))

    def renew_dossier(self, *, is_registered: bool, is_failed: bool = False) -> str:
        """Have the worker write it, and keep a copy."""
        return self._client.renew_dossier(is_registered=is_registered, is_failed=is_failed)


# Prefect's tasks take plain values, and this is what they cannot take: one process runs one release
# of a use case at a time.
_places: dict[str, ReleasePlace] = {}


def place_of(case: str) -> ReleasePlace:
    """Return where the stages of a use case run at present."""
    return _places[case]


@contextmanager
def open_place(case: str, installation: Installation, on_line: LineSink) -> Iterator[ReleasePlace]:
    """Open where a release of a use case runs, by `$PORTCULLIS_WORKER`."""
    if not installation.settings.worker_socket:
        _places[case] = Here(case, installation)
        yield _places[case]
        return

    # The service fetches this commit by itself, and takes no file from here.
    commit = head_of(installation.workspace)
    on_line(f"{case}: the worker releases commit {commit[:12]}; what is not committed is not seen")
    with ask_service(case, commit, installation, on_line) as client:
        _places[case] = WithWorker(client)
        yield _places[case]


def ask_service(
    case: str, commit: str, installation: Installation, on_line: LineSink
) -> AbstractContextManager[WorkerClient]:
    """Begin with the service that `$PORTCULLIS_WORKER` names; what it sends is kept in the home.

    Raises:
        RemoteError, ServiceError: As `open_worker`.
    """
    socket_path = Path(installation.settings.worker_socket)
    return open_worker(socket_path, case, commit, installation.home / "shown", on_line)


def describe_registration(case: str, confirmation: Confirmation) -> str:
    """Return what a registration rests on: every gate's pass, or checks that somebody accepted."""
    accepted = confirmation.accepted
    law = confirmation.law_entry
    basis = "no in-force entry" if law is None else f"by in-force entry {law}"
    if not accepted:
        return f"{case}: every gate passed; the model is registered, {basis}"

    # One part for each person and day: a line stays readable where many checks were accepted.
    consents: Counter[tuple[str, date]] = Counter()
    consents.update((check.person, check.expires) for check in accepted)
    parts = []
    for (person, expires), count in sorted(consents.items()):
        checks = "undecided check" if count == 1 else "undecided checks"
        parts.append(f"{count} {checks} accepted by {person} until {expires}")
    return f"{case}: the model is registered, {basis}; {', '.join(parts)}"


@contextmanager
def one_release_at_a_time(
    case: str, installation: Installation, on_wait: LineSink
) -> Iterator[None]:
    """Hold the use case's lock.

    DVC's own protects neither threads of one process nor the time between two stages.
    """
    # The kernel gives it back where its holder is killed.
    with (installation.home / f"release-{case}.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait(f"another release of {case} is under way; waiting for it to end")
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def head_of(workspace: Path) -> str:
    """Return the commit that a checkout stands at.

    Raises:
        ConfigError: It stands at none.
    """
    answer = ask_git(workspace, "rev-parse", "--verify", "HEAD^{commit}")
    if answer is None or answer.returncode:
        raise ConfigError(
            str(workspace),
            expected="a checkout with a commit: the worker releases nothing else",
            found="none",
            remedy="Commit what is to be released, and push it where the worker fetches from.",
        )

    return answer.stdout.decode("ascii").strip()


def _ignore(line: str) -> None:
    del line
