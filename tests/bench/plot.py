# SPDX-License-Identifier: LGPL-2.1-or-later
"""How cost grows, drawn: panels of lines over a logarithmic axis, one SVG that is legible on light and dark."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 250
LEFT, RIGHT, TOP, BOTTOM = 58, 150, 34, 42
STYLE = '''
  text { font: 12px sans-serif; fill: #24292f }
  .title { font-weight: bold }
  .axis { stroke: #57606a; fill: none }
  .grid { stroke: #d0d7de; stroke-width: .6 }
  .line { fill: none; stroke-width: 2 }
  .c0 { stroke: #0969da; color: #0969da } .c1 { stroke: #bc4c00; color: #bc4c00 }
  .c2 { stroke: #1a7f37; color: #1a7f37 } .c3 { stroke: #8250df; color: #8250df }
  circle, .label { fill: currentColor; stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .axis { stroke: #8b949e } .grid { stroke: #30363d }
    .c0 { stroke: #58a6ff; color: #58a6ff } .c1 { stroke: #f0883e; color: #f0883e }
    .c2 { stroke: #56d364; color: #56d364 } .c3 { stroke: #bc8cff; color: #bc8cff }
  }
'''
POWERS = str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹')


def _power(n):
    return '10' + str(round(math.log10(n))).translate(POWERS)


def _ceiling(value):
    """The next of 1, 2, 5, 10, … above."""
    step = 10 ** math.floor(math.log10(value))
    return next(step * m for m in (1, 2, 5, 10) if step * m >= value)


class Panel:
    """@lines: [(name, [(x, y), …])]; x is logarithmic, y begins at 0."""

    def __init__(self, title, x_title, y_title, lines):
        self.title, self.x_title, self.y_title, self.lines = title, x_title, y_title, lines
        xs = [x for _, points in lines for x, _ in points]
        self.low, self.high = math.log10(min(xs)), math.log10(max(xs))
        self.top = _ceiling(max(y for _, points in lines for _, y in points))

    def x(self, value):
        return LEFT + (math.log10(value) - self.low) / (self.high - self.low or 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)

    def _axes(self):
        for i in range(5):
            value = self.top * i / 4
            y = self.y(value)
            yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>'
            yield f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.4g}</text>'
        for exponent in range(math.ceil(self.low), math.floor(self.high) + 1):
            x = self.x(10**exponent)
            yield f'<line class="axis" x1="{x:.1f}" y1="{HEIGHT - BOTTOM}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM + 4}"/>'
            yield f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{_power(10**exponent)}</text>'
        yield f'<line class="axis" x1="{LEFT}" y1="{HEIGHT - BOTTOM}" x2="{WIDTH - RIGHT}" y2="{HEIGHT - BOTTOM}"/>'
        yield f'<text class="title" x="{LEFT}" y="18">{escape(self.title)} ({escape(self.y_title)})</text>'
        yield f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(self.x_title)}</text>'

    def _labels(self):
        """Beside the ends of the lines, not one upon the other."""
        last = -math.inf
        for i, (name, points) in sorted(enumerate(self.lines), key=lambda item: self.y(item[1][1][-1][1])):
            last = max(self.y(points[-1][1]) + 4, last + 15)
            yield f'<text class="label c{i}" x="{self.x(points[-1][0]) + 10:.1f}" y="{last:.1f}">{escape(name)}</text>'

    def draw(self):
        yield from self._axes()
        for i, (_, points) in enumerate(self.lines):
            path = ' '.join(f'{self.x(x):.1f},{self.y(y):.1f}' for x, y in points)
            yield f'<g class="c{i}"><polyline class="line" points="{path}"/>'
            yield from (f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3"/>' for x, y in points)
            yield '</g>'
        yield from self._labels()


def draw(panels, title):
    height = HEIGHT * len(panels)
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
    yield f'<title>{escape(title)}</title><style>{STYLE}</style>'
    for i, panel in enumerate(panels):
        yield f'<g transform="translate(0 {i * HEIGHT})">'
        yield from panel.draw()
        yield '</g>'
    yield '</svg>'


def growth(deny_list, stores):
    """The panels of docs/benchmarks.md."""
    def line(name, found, x, y):
        return name, [(r[x], y(r)) for r in found]
    panels = []
    if deny_list:
        panels.append(Panel('a check of the deny-list', 'revoked tokens', 'ns', [
            line('listed', deny_list, 'entries', lambda r: r['listed_ns']),
            line('not listed', deny_list, 'entries', lambda r: r['unlisted_ns'])]))
    if stores:
        panels.append(Panel('requests a second', 'refresh tokens in the store', 'thousands', [
            line('refresh', stores, 'tokens', lambda r: r['refreshes_per_s'] / 1e3),
            line('look-up', stores, 'tokens', lambda r: r['lookups_per_s'] / 1e3)]))
    if deny_list and stores:
        panels.append(Panel('start to the first token', 'revoked tokens, or refresh tokens', 'ms', [
            line('deny-list', deny_list, 'entries', lambda r: r['start_ms']),
            line('refresh tokens and clients', stores, 'tokens', lambda r: r['start_ms'])]))
    return panels


def write_growth(path, deny_list, stores):
    with open(path, 'w') as f:
        f.write('\n'.join(draw(growth(deny_list, stores), 'How cost grows with what is kept')) + '\n')
