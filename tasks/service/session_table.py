"""Which sessions run, and for whom: no client takes the service's processes from the others."""

import contextlib
import os
import signal
from dataclasses import dataclass, field


@dataclass
class SessionTable:
    """Sessions that run. Each is a child of this process.

    Attributes:
        most: So many at a time.
        most_of_account: So many of one client's account.
    """

    most: int
    most_of_account: int
    _account_of: dict[int, int] = field(default_factory=dict)  # a session's process -> uid
    _process_of: dict[int, int] = field(default_factory=dict)  # its descriptor -> process

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What can be read from when a session has ended (pidfd_open(2))."""
        return tuple(self._process_of)

    def has_room(self, uid: int) -> bool:
        """Say whether an account may have another session."""
        of_account = sum(owner == uid for owner in self._account_of.values())
        return len(self._account_of) < self.most and of_account < self.most_of_account

    def add(self, pid: int, uid: int) -> None:
        """Enter a session that has just been started.

        Raises:
            OSError: No descriptor is left; the session is ended.
        """
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            # By its number, which is safe here: a child that nobody has waited for keeps it.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise

        self._process_of[descriptor] = pid
        self._account_of[pid] = uid

    def remove_ended(self, descriptor: int) -> None:
        """Forget a session that has ended, and let the kernel forget its number."""
        pid = self._process_of.pop(descriptor)
        del self._account_of[pid]
        os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
