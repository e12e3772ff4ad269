"""This module draws a network as textbooks do, as one SVG: stacks of feature maps that shrink, then columns of neurons.

Sizes mean something: height and width of a stack are those of its feature maps, its depth grows with the logarithm of
their number; a column's height grows with the logarithm of its units.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import accumulate, pairwise
from math import ceil, log2, prod

from cnnlab.analysis.layers import LayerKind, LayerRow, Part
from cnnlab.formatting import count

BASE = ("#56B4E9", "#2E86BF")
HEAD = ("#CC79A7", "#A5527F")
COLOUR_SHEETS = ("#E98A76", "#7FBF8A", "#7FA6E0")
"""Colours of the sheets that stand for the picture's red, green and blue channel."""

SIDE_PX = 84.0
SHEET_PX = 4.0
GAP_PX = 34.0
MIDDLE_PX = 108.0
FOOT_PX = 202.0
LINE_PX = 760.0
"""Width of a line of the drawing, at most: a longer network goes on below, because a page cuts what is wider."""


DRAWN = {
    LayerKind.CONVOLUTION, LayerKind.TRANSPOSED_CONVOLUTION, LayerKind.POOLING, LayerKind.UPSAMPLING, LayerKind.LINEAR,
}  # fmt: skip
"""Kinds of layers that have a stack or column of their own, also where they leave the shape as it is."""
NOT_TOLD = {LayerKind.FLATTEN, LayerKind.SUM}
"""Kinds of layers without a word beneath a block, because the drawing itself shows them."""


@dataclass
class _Block:
    """A `_Block` is a stack of feature maps or a column of neurons, with the layers named beneath it."""

    label: str
    part: Part | None
    """Part of the network that the block's layer belongs to; None for the picture."""
    shape: tuple[int, ...]
    window: tuple[int, int] = (0, 0)
    """Height and width of the rectangle in the block before from which one value of this block is made."""
    then: list[str] = field(default_factory=list)
    """Words for the layers between this block and the next: "bn", "relu"."""
    skips_from: int | None = None
    """Index of the block whose values a shortcut adds to this block's; None without a shortcut."""
    left: float = 0.0
    width: float = 0.0

    @property
    def sheets(self) -> int:
        return 1 + min(9, round(log2(self.shape[0])))

    @property
    def flat(self) -> bool:
        return len(self.shape) != 3

    def height(self, largest: int) -> float:
        """Return the height of the stack's front sheet, or of the column, in SVG pixels."""
        if self.flat:
            return 9.0 * log2(max(2, prod(self.shape))) + 28
        return max(6.0, SIDE_PX * self.shape[1] / largest)

    def drawn(self, largest: int) -> float:
        """Return the width of all sheets of the stack together, or of the column, in SVG pixels."""
        return 26.0 if self.flat else self.front(largest) + SHEET_PX * (self.sheets - 1)

    def front(self, largest: int) -> float:
        """Return the width of the stack's front sheet, in SVG pixels."""
        return max(6.0, SIDE_PX * self.shape[2] / largest)


def network_svg(rows: Sequence[LayerRow], picture: tuple[int, int, int]) -> str:
    """Draw the layers as an SVG element, as wide as its place but never so narrow that its text cannot be read.

    `picture`: (channels, height, width) of what goes in. Text takes the colour of the page, so it reads in any theme.
    """
    blocks = _blocks(rows, picture)
    largest = max(side for block in blocks if not block.flat for side in block.shape[1:])
    for block in blocks:
        block.width = max(block.drawn(largest), _text_px(block))
    lines = _lines(blocks)
    width = max(_place(line, largest, line is lines[0], line is lines[-1]) for line in lines)
    top = 0 if any(block.skips_from is not None for block in blocks) else 30
    height = FOOT_PX + 62 - top
    marks = [
        f'<g transform="translate(0 {number * height:.0f})">{_line(line, blocks, largest, last=line is lines[-1])}</g>'
        for number, line in enumerate(lines)
    ]
    said = escape(" → ".join(f"{block.label} {_shape(block)}" for block in blocks))
    style = f"width:100%;min-width:{0.72 * width:.0f}px;max-width:{width:.0f}px"
    size = f'viewBox="0 {top} {width:.0f} {height * len(lines):.0f}" style="{style}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{said}" font-size="12" '
        f'fill="currentColor">{"".join(marks)}</svg>'
    )


def _lines(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """Return the blocks in lines of about equal width, as few as fit."""
    ends = list(accumulate(block.width + GAP_PX for block in blocks))
    number = ceil(ends[-1] / LINE_PX)
    lines: list[list[_Block]] = [[] for _ in range(number)]
    for block, end in zip(blocks, ends, strict=True):
        middle = end - (block.width + GAP_PX) / 2
        lines[min(number - 1, int(middle * number / ends[-1]))].append(block)
    return [line for line in lines if line]


def _place(line: Sequence[_Block], largest: int, first: bool, last: bool) -> float:
    """Set where each block of a line stands, and return the width of the line with its arrows to and from others."""
    x = 8.0 if first else 8.0 + GAP_PX
    for block in line:
        block.left = x + (block.width - block.drawn(largest)) / 2
        x += block.width + GAP_PX
    return x - GAP_PX + 8 if last else x


def _line(line: Sequence[_Block], blocks: Sequence[_Block], largest: int, last: bool) -> str:
    """Draw the blocks of one line, what links them, and an arrow to the next line and from the line before."""
    pairs = list(pairwise(line))
    marks = [_fan(a, b, largest) for a, b in pairs if a.flat or b.flat]
    marks += [_drawn(block, largest) + _texts(block, largest) for block in line]
    marks += [_link(a, b, largest) for a, b in pairs if not (a.flat or b.flat)]
    for target in blocks:
        if target.skips_from is not None:
            marks.append(_shortcut(blocks[target.skips_from], target, line, largest))
    marks += [_brace(line, part) for part in Part]
    if line[0] is not blocks[0]:
        marks.append(_arrow(8.0))
    if not last:
        marks.append(_arrow(line[-1].left + line[-1].drawn(largest) + 8))
    return "".join(marks)


def _arrow(x: float) -> str:
    """Draw a short arrow to the right, where the network goes on in another line."""
    path = f"M{x:.1f} {MIDDLE_PX:.1f}h16m-5 -5l5 5l-5 5"
    return f'<path d="{path}" stroke="currentColor" stroke-width="1.6" stroke-opacity="0.6" fill="none"/>'


def _blocks(rows: Sequence[LayerRow], picture: tuple[int, int, int]) -> list[_Block]:
    """Return a block for the picture and one for each layer of a kind in DRAWN or with a new shape.

    Words for the other layers stand beneath the block before.
    """
    blocks, block_of, shapes = [_Block("picture", None, picture)], {"": 0}, dict[str, tuple[int, ...]]({"": picture})
    for row in rows:
        shapes[row.name] = row.output_shape
        if row.on_shortcut:
            continue
        if row.kind not in NOT_TOLD:
            if row.kind in DRAWN or row.output_shape != shapes[row.inputs[0]]:
                blocks.append(_Block(row.label, row.part, row.output_shape, row.window or (0, 0)))
            else:
                blocks[-1].then.append(row.word)
        last = len(blocks) - 1
        block_of[row.name] = last
        if row.skips_from is not None and block_of.get(row.skips_from, last) < last:
            blocks[last].skips_from = block_of[row.skips_from]
    return blocks


def _shape(block: _Block) -> str:
    return count(block.shape[0]) if len(block.shape) == 1 else "×".join(map(str, block.shape))


def _text_px(block: _Block) -> float:
    words = [block.label, _shape(block), ", ".join(block.then)]
    return max(6.4 * len(word) for word in words[:2]) if not block.then else max(6.4 * len(word) for word in words)


def _colours(block: _Block) -> tuple[str, str]:
    return HEAD if block.part is Part.HEAD else BASE


def _front(block: _Block, largest: int) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the stack's front sheet, in SVG pixels."""
    height = block.height(largest)
    top = MIDDLE_PX - height / 2 + SHEET_PX * (block.sheets - 1) / 2
    return block.left, top, block.front(largest), height


def _drawn(block: _Block, largest: int) -> str:
    return _column(block, largest) if block.flat else _stack(block, largest)


def _stack(block: _Block, largest: int) -> str:
    left, top, width, height = _front(block, largest)
    fill, line = _colours(block)
    sheets = []
    for depth in reversed(range(block.sheets)):
        shift = SHEET_PX * depth
        colour = fill
        if not block.part:
            colour = COLOUR_SHEETS[depth] if block.shape[0] == 3 else "#9AA0AC"
        sheets.append(
            f'<rect x="{left + shift:.1f}" y="{top - shift:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5" '
            f'fill="{colour}" stroke="{line if block.part else "#FFFFFF"}" stroke-width="0.8"/>'
        )
    return "".join(sheets)


def _column(block: _Block, largest: int) -> str:
    half = block.height(largest) / 2
    fill, line = _colours(block)
    dots = min(prod(block.shape), int((2 * half - 6) / 9))
    first = MIDDLE_PX - (dots - 1) * 4.5
    x = block.left + 13
    box = (
        f'<rect x="{block.left + 4:.1f}" y="{MIDDLE_PX - half:.1f}" width="18" height="{2 * half:.1f}" rx="9" '
        f'fill="{fill}" fill-opacity="0.25" stroke="{line}" stroke-width="1"/>'
    )
    return box + "".join(f'<circle cx="{x:.1f}" cy="{first + 9 * i:.1f}" r="3.2" fill="{fill}"/>' for i in range(dots))


def _fan(a: _Block, b: _Block, largest: int) -> str:
    """Draw a grey area from the whole of `a` to the whole of `b`, because each value of `b` is made from all of `a`."""
    reach_a, reach_b = a.height(largest) / 2, b.height(largest) / 2
    x0 = a.left + (22 if a.flat else a.drawn(largest))
    y0, x1 = MIDDLE_PX, b.left + (4 if b.flat else 0)
    corners = f"{x0:.1f},{y0 - reach_a:.1f} {x1:.1f},{y0 - reach_b:.1f} {x1:.1f},{y0 + reach_b:.1f} "
    return f'<polygon points="{corners}{x0:.1f},{y0 + reach_a:.1f}" fill-opacity="0.1"/>'


def _link(a: _Block, b: _Block, largest: int) -> str:
    """Draw a window on `a`, in its true size, that narrows to one value of `b`."""
    left, top, width, height = _front(a, largest)
    high = max(3.0, height * min(1, b.window[0] / a.shape[1]))
    wide = max(3.0, width * min(1, b.window[1] / a.shape[2]))
    x, y = left + 0.62 * (width - wide), top + 0.5 * (height - high)
    to_left, to_top, to_width, to_height = _front(b, largest)
    to_x, to_y = to_left + 0.25 * to_width, to_top + 0.5 * to_height
    lines = f"M{x + wide:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}L{x + wide:.1f} {y + high:.1f}"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="#FFFFFF" fill-opacity="0.6" '
        f'stroke="#1B2430" stroke-width="0.9"/>'
        f'<path d="{lines}" stroke="#1B2430" stroke-width="2" stroke-opacity="0.25" fill="none"/>'
        f'<path d="{lines}" stroke="#F4F6F9" stroke-width="0.9" fill="none"/>'
    )


def _shortcut(a: _Block, b: _Block, line: Sequence[_Block], largest: int) -> str:
    """Draw what of the shortcut from `a` to `b` is in this line: all of it, its beginning, its end, or nothing."""
    y, edges = 20.0, (line[0].left, line[-1].left + line[-1].width)
    (x0, top0), (x1, top1) = (_crown(block, largest) for block in (a, b))
    here = [any(block is one for one in line) for block in (a, b)]
    if all(here):
        path = f"M{x0:.1f} {top0:.1f}C{x0:.1f} {y:.1f} {x1:.1f} {y:.1f} {x1:.1f} {top1:.1f}"
    elif here[0]:
        path = f"M{x0:.1f} {top0:.1f}Q{x0:.1f} {y:.1f} {edges[1]:.1f} {y:.1f}"
    elif here[1]:
        path = f"M{edges[0]:.1f} {y:.1f}Q{x1:.1f} {y:.1f} {x1:.1f} {top1:.1f}"
    else:
        return ""
    return f'<path d="{path}" stroke="{BASE[1]}" stroke-width="1.4" stroke-dasharray="4 3" fill="none"/>'


def _crown(block: _Block, largest: int) -> tuple[float, float]:
    """Return where a shortcut meets a block: above the middle of its front."""
    x = block.left + (13 if block.flat else block.front(largest) / 2)
    sheets = 0 if block.flat else block.sheets - 1
    return x, MIDDLE_PX - (block.height(largest) + SHEET_PX * sheets) / 2 - 3


def _texts(block: _Block, largest: int) -> str:
    x = block.left + block.drawn(largest) / 2
    lines = [(FOOT_PX - 14, 'font-weight="600"', block.label), (FOOT_PX + 2, 'opacity="0.75"', _shape(block))]
    if block.then:
        lines.append((FOOT_PX + 18, 'opacity="0.75"', ", ".join(block.then)))
    return "".join(
        f'<text x="{x:.1f}" y="{y:.0f}" text-anchor="middle" {style}>{escape(text)}</text>' for y, style, text in lines
    )


def _brace(blocks: Sequence[_Block], part: Part) -> str:
    mine = [block for block in blocks if block.part is part]
    if not mine:
        return ""
    x0 = min(b.left - (b.width - 26 if b.flat else 0) / 2 for b in mine)
    x1 = max(b.left + b.width for b in mine)
    colour = _colours(mine[0])[1]
    y = FOOT_PX + 34
    return (
        f'<path d="M{x0:.1f} {y - 6:.0f}V{y:.0f}H{x1:.1f}V{y - 6:.0f}" stroke="{colour}" stroke-width="1.6" fill="none"/>'
        f'<text x="{(x0 + x1) / 2:.1f}" y="{y + 18:.0f}" text-anchor="middle" font-weight="600">{escape(part.words)}</text>'
    )
