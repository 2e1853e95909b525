"""docs/redaction.md is executed: what it prints is what it says."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import yaml

from tasks.redaction.params import RedactLimits, RedactParams, require_service_limits
from tests.tasks.redaction.test_params import LIMITS, PARAMS

DOCS = Path(__file__).parents[3] / "docs" / "redaction.md"


def test_the_example_prints_what_it_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, str(DOCS), "exec"), {})
    said = [line[2:] for line in code.splitlines() if line.startswith("# ")]
    assert printed.getvalue().splitlines() == said


def test_the_example_of_a_recogniser_works(tmp_path: Path) -> None:
    from tasks.redaction.finding.patterns.plain import to_plain
    from tasks.redaction.finding.patterns.recognisers import load_recognisers
    from tasks.redaction.finding.patterns.scanner import Scanner

    _, text = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    path = tmp_path / "own.yaml"
    path.write_text(text)
    (one,) = load_recognisers(path)
    scanner = Scanner((), (one,))
    assert one.examples is not None
    assert all(scanner.find(to_plain(example)) for example in one.examples.match)
    assert not any(scanner.find(to_plain(example)) for example in one.examples.no_match)


def test_the_example_of_services_of_others_is_one() -> None:
    text, _ = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    declared = yaml.safe_load(text)
    params = RedactParams.model_validate(PARAMS | declared["redact"])
    limits = RedactLimits.model_validate(LIMITS | declared["limits"]["redact"])
    require_service_limits(params, limits, "docs")
    assert [detector.kind for detector in params.detectors] == ["google_dlp", "aws_comprehend"]
    assert params.macie is not None
