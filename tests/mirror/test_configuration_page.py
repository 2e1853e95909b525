"""docs/configuration.md is what the classes say, and says of each key what it may be."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from flows.use_cases.checking import STATED_SECTIONS, class_at, section_classes
from tasks.stages.ingest.params import KINDS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("configuration_page", DOCS / "configuration.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date_and_has_every_section_and_kind(writer: ModuleType) -> None:
    page = (DOCS / "configuration.md").read_text()
    assert writer.configuration_page() == page, "run `.venv/bin/python docs/configuration.py`"
    for section in {**STATED_SECTIONS, **section_classes()}:
        assert f"\n## `{section}`\n" in page
    assert all(f"\n| `{kind}` |" in page for kind in KINDS)


def test_every_key_says_what_it_means_and_every_required_limit_has_an_example(
    writer: ModuleType,
) -> None:
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in writer.configuration_page().split("\n## `", 1)[1].splitlines()
        if line.startswith("| `")
    ]
    assert len(rows) > 150
    assert not [row[0] for row in rows if len(row) != 5 or len(row[4]) < len("a town")]


def test_examples_of_limits_are_those_of_a_use_case_that_runs() -> None:
    case = yaml.safe_load((DOCS.parent / "configs" / "claims" / "case.yaml").read_text())
    for section, place in section_classes().items():
        if not section.startswith("limits."):
            continue
        fields = class_at(place).model_fields.items()
        examples = {name: (field.examples or [None])[0] for name, field in fields}
        required = {name for name, field in fields if field.is_required()}
        stated = case["limits"][section.removeprefix("limits.")]
        assert {name: examples[name] for name in required} == stated
