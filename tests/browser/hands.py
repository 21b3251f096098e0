"""What the tests of figures share: to press, drag and type on a page, and to read its numbers."""

import re

import numpy as np

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}

_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


def array(value):
    """An array of lstm.js, or a typed array, handed over as JSON."""
    data = value.get("data", value) if isinstance(value, dict) else value
    shape = value.get("shape", (-1,)) if isinstance(value, dict) else (-1,)
    return np.array(list(data.values()) if isinstance(data, dict) else data).reshape(shape)


def numbers(text):
    """The numbers in a text for readers, such as −0.5, 1,000 or 2.6·10⁻¹³."""
    found = re.findall(r"([−-]?\d[\d,]*(?:\.\d+)?)(?:·10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?", text)
    return [
        float(digits.replace("−", "-").replace(",", "").rstrip(","))
        * 10.0 ** int(power.translate(_RAISED) or 0)
        for digits, power in found
    ]


def press(page, place, *, touch=False):
    """Click an element, or tap it."""
    element = place.first
    element.scroll_into_view_if_needed()
    element.tap() if touch else element.click()


def drag(page, place, start, end, *, touch=False, held=True, steps=6):
    """Drag between two points of an element, given as shares of its width and height; or only
    pass there, with no button held."""
    element = place.first
    element.scroll_into_view_if_needed()
    # A sticky header may cover what has only just come into view.
    page.evaluate("e => e.scrollIntoView({block: 'center'})", element.element_handle())
    box = element.bounding_box()
    points = [
        (
            box["x"] + box["width"] * (start[0] + (end[0] - start[0]) * k / steps),
            box["y"] + box["height"] * (start[1] + (end[1] - start[1]) * k / steps),
        )
        for k in range(steps + 1)
    ]
    if not touch:
        page.mouse.move(*points[0])
        if held:
            page.mouse.down()
        for point in points[1:]:
            page.mouse.move(*point)
        page.mouse.up()
        return
    session = page.context.new_cdp_session(page)  # Playwright's touchscreen can only tap
    kinds = ["touchStart", *["touchMove"] * steps, "touchEnd"]
    for kind, point in zip(kinds, [*points, None], strict=True):
        touches = [{"x": point[0], "y": point[1]}] if point else []
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    session.detach()


def keys(page, place, *pressed):
    """Give an element the focus, and press keys."""
    place.first.focus()
    for key in pressed:
        page.keyboard.press(key)
