"""Every gate's own rules, and that a verdict was judged by the limits that the worker reads."""

from pathlib import Path

from tasks.config.case_paths import resolved_path
from tasks.formats.yaml_file import read_yaml
from tasks.gates import Verdict
from tasks.gates.holding import Rules, require_own_limits
from tasks.stages.explain.checks import RULES as EXPLAIN_RULES
from tasks.stages.fairness.checks import RULES as FAIRNESS_RULES
from tasks.stages.redact.checks import RULES as REDACT_RULES
from tasks.stages.train.checks import RULES as TRAIN_RULES
from tasks.stages.validate.checks import RULES as VALIDATE_RULES

RULES_OF: dict[str, Rules] = {
    "redact": REDACT_RULES,
    "validate": VALIDATE_RULES,
    "train": TRAIN_RULES,
    "explain": EXPLAIN_RULES,
    "fairness": FAIRNESS_RULES,
}


def require_limits_in_force(verdict: Verdict, configuration: Path) -> None:
    """Refuse a verdict with a check, limit or outcome that the use case's limits do not give.

    The digest of the limits that a verdict names is its stage's word about what it judged by. Here
    it is compared line by line with what the worker parses itself.

    Args:
        verdict: As the stage wrote it.
        configuration: The folder that holds the configuration in force.

    Raises:
        EvidenceError: Names the check or the limit.
    """
    case = read_yaml(configuration / resolved_path(verdict.use_case))
    require_own_limits(verdict, RULES_OF[verdict.gate], case)
