"""Which tests go to one worker together, when the suite runs on several."""

from xdist.scheduler import LoadFileScheduling

# Of each of these folders what its tests stand on is made for each worker, and takes minutes.
TOGETHER = ("tests/attacks/", "tests/flows/canaries/")


class ByFileAndService(LoadFileScheduling):  # type: ignore[misc] # its package has no types
    """A file to a worker; all attempts on the service to one, and all canaries."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the unit that a test belongs to: its file, or a folder of theirs."""
        folder = next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)
        return folder or str(super()._split_scope(nodeid))
