"""The errors that Portcullis raises: one small tree, each with the exit code that its kind deserves."""


class PortcullisError(Exception):
    """Something is wrong that a person can mend: says where, what was expected, what was found, and what to do.

    Never carries a value of a personal column: messages end up in logs, in Prefect's database and on screens.
    """

    exit_code = 2

    def __init__(self, where: str, *, expected: str, found: str, remedy: str) -> None:
        self.where, self.expected, self.found, self.remedy = where, expected, found, remedy
        super().__init__(f"{where}: expected {expected}; found {found}. {remedy}")


class ConfigError(PortcullisError):
    """A use case's YAML file is wrong."""


class SourceError(PortcullisError):
    """A source of data is missing, truncated, or not what its use case declares."""


class AgreementError(SourceError):
    """A source has no data-processing agreement in force."""


class DataError(PortcullisError):
    """Data between two stages cannot be worked on: missing columns, one class only, nothing left."""


class SealError(PortcullisError):
    """A sealed dataset was altered, truncated, swapped, or its keys are not here."""


class EvidenceError(PortcullisError):
    """Evidence is missing, altered or about something else."""


class ServiceError(PortcullisError):
    """A service that the work needs (registry, key store, remote) does not answer as it should."""

    exit_code = 4


class RefusedError(PortcullisError):
    """A gate is shut. Not a crash: the refusal is the result, and `lines` says why, one line per failed check."""

    exit_code = 3

    def __init__(self, where: str, lines: tuple[str, ...], *, remedy: str) -> None:
        self.lines = lines
        super().__init__(
            where,
            expected="every required gate to pass",
            found=f"{len(lines)} that did not",
            remedy=remedy,
        )
