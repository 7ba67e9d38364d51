# SPDX-License-Identifier: BSD-2-Clause
"""Bars as SVG, for light and for dark pages, without any library."""

import textwrap
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 860, 200, 130, 14, 14
LINE = 140                      # letters of small print that fit the width
STYLE = '''
  text { font: 12px sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: bold }
  .small { font-size: 10px; fill: #59636e }
  .range { stroke: #1f2328; stroke-width: 1 }
  .floor { fill: #9aa4af } .nvmfd { fill: #0969da } .spdk { fill: #e16f24 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .range { stroke: #e6edf3 }
    .floor { fill: #59636e } .nvmfd { fill: #4493f8 } .spdk { fill: #f0883e }
  }'''


def text(x, y, words, kind='', anchor='start'):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def bar(y, kind, label, value, scale):
    """`value`: median, min and max."""
    ends = [LEFT + value[name] * scale for name in ('min', 'max', 'median')]
    middle = y + BAR / 2
    return [
        f'<rect x="{LEFT}" y="{y}" width="{ends[2] - LEFT:.1f}" height="{BAR - 2}" class="{kind}"/>',
        f'<line x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{middle - 1}" y2="{middle - 1}" class="range"/>',
        text(max(ends) + 6, middle + 3, label, 'small'),
    ]


def group(y, name, bars):
    """A case: its bars share a scale, because cases differ too much to."""
    most = max(value['max'] for _, _, value in bars)
    parts = [text(LEFT - 8, y + BAR * len(bars) / 2 + 4, name, anchor='end')]
    for kind, label, value in bars:
        parts += bar(y, kind, label, value, (WIDTH - LEFT - RIGHT) / most if most else 0)
        y += BAR
    return parts


def legend(y):
    parts = []
    for number, kind in enumerate(('floor', 'nvmfd', 'spdk')):
        x = LEFT + 90 * number
        parts += [f'<rect x="{x}" y="{y - 9}" width="10" height="10" class="{kind}"/>', text(x + 16, y, kind)]
    return parts


def head(title, subtitle):
    """What stands above the bars, and where these begin."""
    parts, y = [text(12, 20, title, 'title')], 38
    for line in textwrap.wrap(subtitle, LINE):
        parts.append(text(12, y, line, 'small'))
        y += 14
    return parts + legend(y + 6), y + 24


def draw(title, subtitle, groups):
    """`groups`: (name, [(class, label, {'median', 'min', 'max'})]) from above to below."""
    parts, y = head(title, subtitle)
    for name, bars in groups:
        parts += group(y, name, bars)
        y += BAR * len(bars) + GAP
    body = '\n'.join(parts)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">\n'
            f'<!-- SPDX-License-Identifier: BSD-2-Clause -->\n<style>{STYLE}\n</style>\n{body}\n</svg>\n')
