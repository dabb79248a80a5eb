"""What a renderer drew, as SVG that stands inside a page: named, scaling, in the theme's colours, without ballast."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

from harness.report.figures.figure import Figure
from harness.report.figures.theme import FONT, Theme, light, themed

SVG = "http://www.w3.org/2000/svg"
COLOURED = ("fill", "stroke")
REFERENCE = re.compile(r"url\(#([^)]+)\)")
NEEDLESS = ("class", "role", "aria-roledescription", "aria-hidden", "pointer-events", "font-family")
DEFAULTS = {"opacity": "1", "stroke-width": "1", "font-weight": "normal", "fill-opacity": "1"}
LONG = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
NUMBERS = ("transform", "d", "x2", "y2", "width", "height", "x", "y")
INHERITED = (
    "fill",
    "stroke",
    "stroke-width",
    "fill-opacity",
    "text-anchor",
    "font-size",
    "font-weight",
    "stroke-dasharray",
)
FEW = 2
CORNERS = 8  # of a hatch tile, in pixels


def page_svg(drawn: str, figure: Figure, theme: Theme) -> str:
    """The SVG with the alt text as its name, native tooltips, ids of its own, and no size but its proportions.

    On a page (theme "page") it has no background and refers to the page's custom properties. Equal input gives equal
    bytes.

    Raises:
        ValueError: the text is no SVG.
    """
    root = _parsed(drawn)
    view = root.get("viewBox") or "0 0 1 1"
    root.attrib.clear()
    _tidy(root)
    _hatch(root, figure)
    _rename(root, f"{figure.stem}-{figure.width}")
    for element in root.iter():
        _colour(element, theme)
    if theme == "page":
        _drop_background(root)
    told = {"class": "figure", "viewBox": view, "role": "img", "aria-label": figure.alt, "font-family": FONT}
    root.attrib.update(
        told | ({} if theme == "page" else dict(zip(("width", "height"), view.split()[2:], strict=True)))
    )
    ET.register_namespace("", SVG)
    return ET.tostring(root, encoding="unicode")


def _parsed(drawn: str) -> ET.Element:
    try:
        # the text comes from the renderer, which escapes what the specification holds and writes no entities
        return ET.fromstring(drawn)  # noqa: S314 - as said above
    except ET.ParseError as error:
        raise ValueError(f"the renderer gave no SVG: {error}") from error


def _tidy(root: ET.Element) -> None:
    """Tooltips from descriptions; attributes, empty shapes and bare groups that change nothing go."""
    for element in root.iter():
        tip = element.attrib.pop("aria-label", None)
        for name in NEEDLESS:
            element.attrib.pop(name, None)
        for name in NUMBERS:
            if (numbers := element.get(name)) is not None:
                element.set(name, LONG.sub(_rounded, numbers))
        for name, value in DEFAULTS.items():
            if element.get(name) == value:
                del element.attrib[name]
        if tip and element.tag != f"{{{SVG}}}g":
            title = ET.Element(f"{{{SVG}}}title")
            title.text = tip
            element.insert(0, title)
            title.tail, element.text = element.text, None
    _prune(root)
    _hoist(root)


def _rounded(hit: re.Match[str]) -> str:
    """A hundredth of a pixel is more than any screen shows."""
    return f"{round(float(hit[0]), 2) + 0.0:g}"


def _prune(element: ET.Element) -> None:
    for child in list(element):
        _prune(child)
        if _is_nothing(child):
            element.remove(child)
    bare = [child for child in element if child.tag == f"{{{SVG}}}g" and not child.attrib]
    for child in bare:
        at = list(element).index(child)
        element.remove(child)
        for offset, grandchild in enumerate(list(child)):
            element.insert(at + offset, grandchild)


def _hoist(element: ET.Element) -> None:
    """What all shapes of a group say alike, the group says once."""
    for child in element:
        _hoist(child)
    if element.tag != f"{{{SVG}}}g" or len(element) < FEW:
        return
    for name in INHERITED:
        values = {child.get(name) for child in element}
        value = values.pop()
        if value is not None and not values:
            element.set(name, value)
            for child in element:
                del child.attrib[name]


def _is_nothing(element: ET.Element) -> bool:
    name = element.tag.removeprefix(f"{{{SVG}}}")
    if name == "g":
        return len(element) == 0
    if name == "path":
        unseen = element.get("fill") is None and element.get("stroke") is None
        return element.get("display") == "none" or not element.get("d") or unseen
    return False


def _hatch(root: ET.Element, figure: Figure) -> None:
    """A fill of the hatch role becomes a pattern of lines in the colour of the shape's rim."""
    wanted = sorted({rim for shape in _hatched(root) if (rim := shape.get("stroke"))})
    if not wanted:
        return
    made = ET.Element(f"{{{SVG}}}defs")
    for rim in wanted:
        made.append(_pattern(f"{figure.stem}-{figure.width}-hatch-{wanted.index(rim)}", rim))
    for shape in list(_hatched(root)):
        shape.set("fill", f"url(#{figure.stem}-{figure.width}-hatch-{wanted.index(shape.get('stroke') or '')})")
    root.insert(0, made)


def _hatched(root: ET.Element) -> Iterator[ET.Element]:
    return (element for element in root.iter() if element.get("fill") == light("hatch"))


def _pattern(name: str, rim: str) -> ET.Element:
    side = str(CORNERS)
    pattern = ET.Element(
        f"{{{SVG}}}pattern",
        {"id": name, "width": side, "height": side, "patternUnits": "userSpaceOnUse"},
    )
    stroke = f"M0,{side}L{side},0M-2,2L2,-2M{CORNERS - 2},{CORNERS + 2}L{CORNERS + 2},{CORNERS - 2}"
    ET.SubElement(pattern, f"{{{SVG}}}path", {"d": stroke, "stroke": rim, "stroke-width": "2", "fill": "none"})
    return pattern


def _rename(root: ET.Element, prefix: str) -> None:
    """Ids by the order of appearance behind the figure's own name: a renderer counts them over its whole life."""
    old = [name for element in root.iter() if (name := element.get("id")) and not name.startswith(prefix)]
    new = {name: f"{prefix}-{place}" for place, name in enumerate(dict.fromkeys(old))}
    for element in root.iter():
        for attribute, value in list(element.attrib.items()):
            if attribute == "id":
                element.set("id", new.get(value, value))
            elif value.startswith("url("):
                element.set(attribute, REFERENCE.sub(lambda hit: f"url(#{new.get(hit[1], hit[1])})", value))


def _colour(element: ET.Element, theme: Theme) -> None:
    for name in COLOURED:
        if (value := element.get(name)) is not None:
            element.set(name, themed(value, theme))


def _drop_background(root: ET.Element) -> None:
    first = root.find(f"{{{SVG}}}rect")
    if first is not None and (first.get("fill") or "").startswith("var(--figure-paper"):
        root.remove(first)
