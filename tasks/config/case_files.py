"""A file beside a `case.yaml` that one of its sections names."""

from pathlib import Path

from pydantic import Field

from tasks.config.strict import StrictModel


class CaseFile(StrictModel):
    """A file that a section names, as the resolved copy of the use case holds it.

    Its digest is part of the section. Whoever tracks, digests or signs for the section does so for
    the file's bytes, too; that holds for a file of an extended use case as for one of its own.
    """

    path: str = Field(
        description="relative to the checkout",
        # No `..`, no hidden file, nothing that a shell or another system reads differently.
        pattern=r"^configs/[a-z0-9_]+(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$",
    )
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="digest of its bytes; `sync` writes it, people write the path alone",
    )

    def path_in(self, workspace: Path) -> Path:
        """Return where it lies; `load_case` has compared its bytes with the digest."""
        return workspace / self.path
