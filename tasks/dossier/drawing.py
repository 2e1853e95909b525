"""Draw the diagram of data flow as SVG within a page: it follows light, dark and paper."""

from html import escape
from textwrap import wrap

from tasks.dossier.content import FlowDiagram, FlowNode

BOX_WIDTH = 154
COLUMN = 188
ROW_GAP = 22
MARGIN = 6
LINE = 15
FIRST_BASELINE = 20
BELOW_LINES = 19  # the evidence, after the last line
# What fits into a box at 7.4 and, bold, 8.8 pixels a character: the mean of DejaVu Sans, which is
# wide.
MOST_CHARACTERS = 20
MOST_NAME_CHARACTERS = 17
LEAST_LINES = 3


def draw_diagram(diagram: FlowDiagram) -> str:
    """Return the SVG; its words are there for whoever cannot see it."""
    # All boxes are as high as the fullest, so that rows and arrows stay level.
    most_lines = max(len(_lines(node)) for node in diagram.nodes)
    box_height = FIRST_BASELINE + max(most_lines, LEAST_LINES) * LINE + BELOW_LINES
    width = max(_left(node) for node in diagram.nodes) + BOX_WIDTH + MARGIN
    height = max(_top(node, box_height) for node in diagram.nodes) + box_height + MARGIN

    arrows = "\n".join(_arrow(start, end, box_height) for start, end in diagram.arrows)
    boxes = "\n".join(_box(node, box_height) for node in diagram.nodes)

    # Arrows first: what is drawn later lies above, and no line runs through a box's text.
    return (
        f'<svg class="flow" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(diagram.words, quote=True)}">\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>\n'
        f"{arrows}\n{boxes}\n</svg>"
    )


def _left(node: FlowNode) -> int:
    return MARGIN + node.column * COLUMN


def _top(node: FlowNode, box_height: int) -> int:
    return MARGIN + node.row * (box_height + ROW_GAP)


def _lines(node: FlowNode) -> list[tuple[str, str]]:
    """Return its lines with their attributes, none longer than a box is wide.

    The name of a source or of a party is as long as its owner has it.
    """
    name = [('class="name" ', part) for part in wrap(node.name, MOST_NAME_CHARACTERS)]
    return name + [("", part) for line in node.lines for part in wrap(line, MOST_CHARACTERS)]


def _arrow(start: FlowNode, end: FlowNode, box_height: int) -> str:
    from_x = _left(start) + BOX_WIDTH
    from_y = _top(start, box_height) + box_height // 2
    to_x = _left(end) - 2
    to_y = _top(end, box_height) + box_height // 2

    # Both control points on the middle between the two: the curve leaves and arrives level.
    bend = (from_x + to_x) // 2
    path = f"M{from_x} {from_y}C{bend} {from_y} {bend} {to_y} {to_x} {to_y}"
    return f'<path class="arrow" d="{path}" marker-end="url(#tip)"/>'


def _box(node: FlowNode, box_height: int) -> str:
    x = _left(node)
    y = _top(node, box_height)
    middle = x + BOX_WIDTH // 2

    # Names and lines come from data: each is escaped where it is written.
    rows = []
    for number, (attribute, line) in enumerate(_lines(node)):
        baseline = y + FIRST_BASELINE + number * LINE
        rows.append(f'<text {attribute}x="{middle}" y="{baseline}">{escape(line)}</text>')

    if node.reference is not None:
        entry = node.reference.entry
        rows.append(
            f'<a href="evidence.html#entry-{entry}"><text class="entry" x="{middle}" '
            f'y="{y + box_height - 9}">[evidence: entry {entry}]</text></a>'
        )

    # The box before its texts, which would lie behind it otherwise.
    box = (
        f'<rect class="{node.kind}" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{box_height}" '
        'rx="6"/>'
    )
    return "\n".join((box, *rows))
