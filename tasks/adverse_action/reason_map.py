"""Read the words that a declined applicant gets, and refuse a map that leaves a feature without."""

from pathlib import Path

from tasks.config.cases import validated_file
from tasks.errors import ConfigError
from tasks.model import ReasonMap


def load_reason_map(path: Path, features: tuple[str, ...]) -> ReasonMap:
    """Return the map; every feature of the model must be in exactly one reason.

    Raises:
        ConfigError: The file is wrong, or a feature has no reason, or several.
    """
    reasons = validated_file(ReasonMap, path, expected="a reason map", remedy="Restore it.")
    if uncovered := reasons.uncovered(features):
        raise ConfigError(
            str(path),
            expected="exactly one reason for every feature",
            found=f"none or several for: {', '.join(uncovered)}",
            remedy="Give each a reason in words that say what was scored; never the nearest box.",
        )

    return reasons
