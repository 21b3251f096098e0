"""The drawing over the page of benchmarks: a strip of dots for each library, on one scale."""

import math
from itertools import groupby

WIDTH, LEFT, RIGHT = 420, 136, 12  # of the drawing, and beside its strips
PART, STRIP, AXIS = 30, 24, 52  # heights of a section's title, a strip, and what is above them
HALO = 'stroke="var(--face, #ffffff)" stroke-width="5" paint-order="stroke"'  # over the lines


def drawing(strips):
    """The drawing as SVG, in the colours of the page.

    Args:
        strips: (section, library, [(threads, ratio), ...]) for each strip, section by section.
    """
    strips = list(strips)
    ratios = [value for _, _, dots in strips for _, value in dots]
    low = math.floor(math.log2(min(*ratios, 0.5)))
    high = math.ceil(math.log2(max(*ratios, 2)))

    def across(ratio):
        share = (math.log2(ratio) - low) / (high - low)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    marks, y = [], AXIS
    for part, some in groupby(strips, key=lambda strip: strip[0]):
        y += PART
        marks.append(f'<text x="0" y="{y - 6}" font-weight="bold" {HALO}>{part}</text>')
        for _, library, dots in some:
            y += STRIP
            marks.append(f'<text x="0" y="{y - 6}">{library}</text>')
            marks.append(f'<path d="M{LEFT} {y - 11} H{WIDTH}" stroke="var(--edge, #b9b9b4)"/>')
            marks += [_dot(across(value), y - 11, threads, value) for threads, value in dots]
    axis = [
        f'<path d="M{across(2.0**k)} {AXIS - 6} V{y}" stroke="var(--edge, #b9b9b4)"/>'
        f'<text x="{across(2.0**k)}" y="{AXIS - 12}" text-anchor="middle">'
        f"{2**k if k >= 0 else f'1/{2**-k}'}</text>"
        for k in range(low, high + 1)
    ]
    one = across(1)
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 4}" '
        'style="max-width: 30rem" font-family="Helvetica, Arial, sans-serif" font-size="14" '
        'fill="var(--ink, #222222)">',
        "<title>The time of lstm, divided by that of other libraries</title>",
        f'<rect width="{WIDTH}" height="{y + 4}" fill="var(--face, #ffffff)"/>',
        *axis,
        f'<path d="M{one} {AXIS - 6} V{y}" stroke="var(--ink, #222222)" stroke-width="2"/>',
        f'<text x="{one - 8}" y="16" text-anchor="end">← lstm is faster</text>',
        f'<text x="{one + 8}" y="16">slower →</text>',
        *marks,
        "</svg>\n",
    ])  # fmt: skip


def described(strips):
    """The drawing in words: of each strip the smallest and the largest ratio."""
    said = "; ".join(
        f"{part}, {library}: {min(value for _, value in dots):.2f} to "
        f"{max(value for _, value in dots):.2f}"
        for part, library, dots in strips
    )
    return f"Dots on a scale of ratios, lstm's time divided by another library's. {said}."


def _dot(x, y, threads, ratio):
    """Full on one thread, a ring on more; orange where lstm is slower."""
    colour = "var(--gate-f, #D55E00)" if round(ratio, 2) > 1 else "var(--gate-i, #0072B2)"
    fill = colour if threads == 1 else "var(--face, #ffffff)"
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{fill}" stroke="{colour}" stroke-width="2"/>'
