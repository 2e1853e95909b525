"""Draw the diagram of data flow as SVG within a page: it follows light, dark and paper."""

from html import escape

from tasks.dossier.content import FlowDiagram, FlowNode

BOX_WIDTH = 154
BOX_HEIGHT = 84
COLUMN = 188
ROW = 106
MARGIN = 6
LINE = 15


def draw_diagram(diagram: FlowDiagram) -> str:
    """Return the SVG; its words are there for whoever cannot see it."""
    width = max(_left(node) for node in diagram.nodes) + BOX_WIDTH + MARGIN
    height = max(_top(node) for node in diagram.nodes) + BOX_HEIGHT + MARGIN

    by_name = {node.name: node for node in diagram.nodes}
    arrows = "\n".join(_arrow(by_name[start], by_name[end]) for start, end in diagram.arrows)
    boxes = "\n".join(map(_box, diagram.nodes))

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


def _top(node: FlowNode) -> int:
    return MARGIN + node.row * ROW


def _arrow(start: FlowNode, end: FlowNode) -> str:
    from_x = _left(start) + BOX_WIDTH
    from_y = _top(start) + BOX_HEIGHT // 2
    to_x = _left(end) - 2
    to_y = _top(end) + BOX_HEIGHT // 2

    # Both control points on the middle between the two: the curve leaves and arrives level.
    bend = (from_x + to_x) // 2
    path = f"M{from_x} {from_y}C{bend} {from_y} {bend} {to_y} {to_x} {to_y}"
    return f'<path class="arrow" d="{path}" marker-end="url(#tip)"/>'


def _box(node: FlowNode) -> str:
    x = _left(node)
    y = _top(node)
    middle = x + BOX_WIDTH // 2

    # Names and lines come from data: each is escaped where it is written.
    rows = [f'<text class="name" x="{middle}" y="{y + 20}">{escape(node.name)}</text>']
    for number, line in enumerate(node.lines, start=1):
        rows.append(f'<text x="{middle}" y="{y + 20 + number * LINE}">{escape(line)}</text>')

    if node.reference is not None:
        entry = node.reference.entry
        rows.append(
            f'<a href="evidence.html#entry-{entry}"><text class="entry" x="{middle}" '
            f'y="{y + BOX_HEIGHT - 9}">[evidence: entry {entry}]</text></a>'
        )

    # The box before its texts, which would lie behind it otherwise.
    box = (
        f'<rect class="{node.kind}" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        'rx="6"/>'
    )
    return "\n".join((box, *rows))
