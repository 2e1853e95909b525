"""Accounts of a database that end: renewed, replaced before they end, given back at stop."""

import time
from dataclasses import dataclass
from threading import RLock
from typing import Any

from tasks.errors import ServiceError
from tasks.secrets.access import BaoAccess
from tasks.secrets.references import AccountReference

REPLACE_AT = 0.5  # of an account's time: the other half is for whoever still uses it


@dataclass(frozen=True, repr=False)
class DatabaseLogin:
    """A user of a database for a while."""

    name: str
    password: str
    lease: str
    generation: int

    def __repr__(self) -> str:
        """Show nothing of it: the name, too, is half of a login."""
        return "DatabaseLogin(…)"


class LeasedAccount:
    """The account of now; safe for threads.

    At half of its time the lease is renewed; where the engine allows no more (`max_ttl`), another
    account takes its place. The old one lives out the other half, so that what runs under it ends
    well; then the engine drops it.
    """

    def __init__(self, access: BaoAccess, reference: AccountReference) -> None:
        self._access = access
        self._reference = reference
        self._lock = RLock()
        # One value, so that it is read without the lock, which is held while the server is asked.
        self._held: tuple[DatabaseLogin, float] | None = None
        self._seconds = 0.0
        self._is_renewable = False

    def current(self) -> DatabaseLogin:
        """Return an account that lives.

        Raises:
            ServiceError: The lease has expired, and no other can be had.
        """
        if (account := self._living()) is not None:
            return account

        with self._lock:
            # Somebody else may have taken one while this thread waited.
            if (account := self._living()) is not None:
                return account

            try:
                return self._take()
            except ServiceError as error:
                if self._held is None:
                    raise
                # The engine drops an account whose lease has ended: it is no login any more.
                raise ServiceError(
                    str(self._reference),
                    expected="a lease in force",
                    found="an expired one, and no other can be had",
                    remedy=f"Mend this, the server then goes on by itself: {error}",
                ) from error

    def replace(self, account: DatabaseLogin) -> DatabaseLogin:
        """Return another account than one that the database no longer knows."""
        with self._lock:
            # Two threads that meet the same dropped account ask for one other, not for two.
            return self._take() if self._living() == account else self.current()

    def tend(self) -> float:
        """Renew or replace the account if it is time; return in how many seconds to come again."""
        with self._lock:
            if self._held is None:
                return 1.0

            account, _ = self._held
            is_due = self._remaining() <= self._seconds * REPLACE_AT
            # With the token of an earlier login its leases end, too.
            is_orphan = account.generation != self._access.generation

            if is_orphan or (is_due and not self._is_renewed(account)):
                self._take()

            # At least every second: a login anew makes these leases orphans at once.
            return min(1.0, max(0.05, self._remaining() - self._seconds * REPLACE_AT))

    def _take(self) -> DatabaseLogin:
        path = f"{self._reference.mount}/creds/{self._reference.role}"
        answer = self._access.ask(path)
        data: dict[str, Any] = answer["data"]

        account = DatabaseLogin(
            str(data["username"]),
            str(data["password"]),
            str(answer["lease_id"]),
            self._access.generation,
        )

        self._seconds = float(answer["lease_duration"])
        self._held = (account, time.monotonic() + self._seconds)
        self._is_renewable = bool(answer.get("renewable"))

        return account

    def _is_renewed(self, account: DatabaseLogin) -> bool:
        """Say whether the lease was made longer by more than it would have to be renewed at."""
        if not self._is_renewable:
            return False

        body = {"lease_id": account.lease, "increment": int(self._seconds)}
        try:
            answer = self._access.ask("sys/leases/renew", body)
        except ServiceError:
            return False  # revoked, or the server is away: taking another one says which

        seconds = float(answer["lease_duration"])
        self._held = (account, time.monotonic() + seconds)
        # Three quarters: a lease that is renewed to just above the half would be due again at once.
        return seconds > self._seconds * (REPLACE_AT + 1) / 2

    def _living(self) -> DatabaseLogin | None:
        held = self._held
        return held[0] if held is not None and time.monotonic() < held[1] else None

    def _remaining(self) -> float:
        return self._held[1] - time.monotonic() if self._held is not None else 0.0
