"""The `redact:` section of a use case, and its limits: those of the library, for the stage."""

from tasks.redaction.params import RedactLimits, RedactParams

__all__ = ["RedactLimits", "RedactParams"]
