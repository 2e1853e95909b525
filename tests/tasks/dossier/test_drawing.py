"""The diagram of data flow: nothing lies outside its box, and what comes from data is escaped."""

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from tasks.dossier.content import FlowDiagram, FlowNode
from tasks.dossier.drawing import COLUMN, MOST_CHARACTERS, draw_diagram
from tasks.dossier.pages.impact_assessment import draw_flow
from tests.tasks.dossier.making import SOURCES, SmallDossier

SVG = "{http://www.w3.org/2000/svg}"


def box(name: str, *lines: str, column: int = 0, row: int = 0) -> FlowNode:
    return FlowNode(name, lines, "party", column, row)


def diagram(*nodes: FlowNode) -> FlowDiagram:
    arrows = tuple(pairwise(nodes))
    return FlowDiagram(title="Flow", words="from here to there", nodes=nodes, arrows=arrows)


def draw(*nodes: FlowNode) -> ElementTree.Element:
    text = draw_diagram(diagram(*nodes)).replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '
    )
    return ElementTree.fromstring(text)


def test_a_long_name_takes_lines_and_every_box_is_high_enough_for_them() -> None:
    party = "Example Mutual Insurance Society of the Northern Counties"
    svg = draw(
        box("the_bureau_of_all_credit_files_of_1998", party, "controller"),
        box("admit", "agreements", column=1),
    )
    texts = [(float(text.get("y", "")), text.text or "") for text in svg.iter(f"{SVG}text")]
    assert max(len(text) for _, text in texts) <= MOST_CHARACTERS
    assert party in " ".join(text for _, text in texts)

    bottoms = {
        float(box.get("y", "")) + float(box.get("height", "")) for box in svg.iter(f"{SVG}rect")
    }
    assert len(bottoms) == 1
    assert max(y for y, _ in texts) < min(bottoms) - 15, "no room for the evidence below"
    _, _, _, height = map(float, svg.get("viewBox", "").split())
    assert max(bottoms) <= height


def test_rows_do_not_overlap() -> None:
    many = ("A party whose name fills", "a line", "and another one", "and one more")
    svg = draw(
        box("first", *many),
        box("second", *many, row=1),
    )
    tops = sorted(float(box.get("y", "")) for box in svg.iter(f"{SVG}rect"))
    heights = {float(box.get("height", "")) for box in svg.iter(f"{SVG}rect")}
    assert tops[1] - tops[0] > heights.pop()


def test_what_comes_from_data_is_escaped() -> None:
    text = draw_diagram(diagram(box("<b>", "<script>&")))
    assert not re.search("<(b|script)>", text)


def test_a_source_that_is_named_as_a_stage_takes_none_of_its_arrows(tmp_path: Path) -> None:
    flow = draw_flow(SmallDossier(tmp_path, {"train": SOURCES["files"]}).subject())
    assert [node.name for node in flow.nodes].count("train") == 2

    # Of each curve where it begins and where it ends: all lead to the right, by one column.
    curves = re.findall(r'class="arrow" d="M(\d+) \d+C.* (\d+) \d+"', draw_diagram(flow))
    assert len(curves) == len(flow.arrows)
    assert all(0 < int(end) - int(start) < COLUMN for start, end in curves)
