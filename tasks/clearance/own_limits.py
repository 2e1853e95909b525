"""Every gate's own rules, and that a verdict was judged by the limits that the worker reads."""

from importlib import import_module
from pathlib import Path

from tasks.config.case_paths import resolved_path
from tasks.formats.yaml_file import read_yaml
from tasks.gates import Verdict
from tasks.gates.holding import Rules, require_own_limits
from tasks.path import GATES

# Every gate's room has a table of its checks, so that a new gate needs no line here. The tables are
# of the standard library alone: nothing of what a gate computes with gets into the worker.
RULES_OF: dict[str, Rules] = {
    gate.name: import_module(f"tasks.stages.{gate.name}.checks").RULES for gate in GATES
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
    # Parsed here from the snapshot, and not taken from what the stage was handed: the stage's own
    # copy is what is in question.
    case = read_yaml(configuration / resolved_path(verdict.use_case))
    require_own_limits(verdict, RULES_OF[verdict.gate], case)
