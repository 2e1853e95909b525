"""Which tests go to one worker together, when the suite runs on several."""

from xdist.scheduler import LoadFileScheduling

ATTACKS = "tests/attacks/"


class ByFileAndService(LoadFileScheduling):  # type: ignore[misc] # its package has no types
    """A file to a worker, and all attempts on the service to one."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the unit that a test belongs to: its file, or the folder of the attempts."""
        return ATTACKS if nodeid.startswith(ATTACKS) else str(super()._split_scope(nodeid))
