"""SVG made fit to stand inside a page with a strict content-security-policy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from xml.etree import ElementTree as ET

from harness.errors import HarnessError

DROPPED = {"script", "foreignObject", "style", "metadata", "iframe", "animate", "set", "handler", "a"}
REFERENCE = re.compile(r"url\(\s*['\"]?#([^)'\"]+)['\"]?\s*\)")
FOREIGN = re.compile(r"url\(\s*['\"]?(?!#)", re.IGNORECASE)
WIDTH = re.compile(r"\S+\s+\S+\s+(\d+(?:\.\d+)?)\s")
ENLARGED = 1.2  # text of 12 pixels is then about as large as that of captions
HASH_CHARACTERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure of the page.

    `svg` is the text of an SVG element, `narrow` one laid out for a telephone, or empty; `alt` says in a sentence what
    it shows, `caption` its n and its intervals. The page has the custom properties of `harness.report.figures.theme`
    (`--figure-ink`, `--figure-paper`, `--figure-grid` and its other roles) for both themes, and `currentColor` is the
    ink.
    """

    svg: str
    alt: str
    caption: str
    narrow: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inlined:
    """An SVG to be put into a page, and the rules that its style attributes became."""

    svg: str
    rules: Mapping[str, str]


def inlined(stem: str, svg: str, alt: str) -> Inlined:
    """The SVG without scripts, links or inline styles, its ids led by the stem, named by the alt text.

    Raises:
        HarnessError: it is no well-formed XML.
    """
    try:
        root = ET.fromstring(svg)  # noqa: S314 - drawn by this package, and expat knows no external entities
    except ET.ParseError as error:
        raise HarnessError(f"figure {stem!r} is no well-formed SVG ({error}): draw it again") from None
    rules: dict[str, str] = {}
    _strip(root)
    for element in root.iter():
        element.tag = _local(element.tag)
        _clean(element, stem, rules)
    _name(root, alt)
    _bound(root, rules)
    return Inlined(svg=ET.tostring(root, encoding="unicode", short_empty_elements=False), rules=rules)


def _strip(element: "ET.Element[str]") -> None:
    """Take out, at any depth, what could act or style the page."""
    for child in list(element):
        if _local(child.tag) in DROPPED:
            element.remove(child)
        else:
            _strip(child)


def _clean(element: "ET.Element[str]", stem: str, rules: dict[str, str]) -> None:
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        local = _local(name)
        if local == "style":
            if not FOREIGN.search(value):
                element.set("data-look", _look(_own(value, stem), rules))
        elif local == "href" and value.startswith("#"):
            element.set("href", f"#{stem}-{value[1:]}")
        elif _is_harmless(local, value):
            element.set(local, f"{stem}-{value}" if local == "id" else _own(value, stem))


def _is_harmless(name: str, value: str) -> bool:
    if name.lower().startswith("on") or FOREIGN.search(value):
        return False
    return name != "href" or value.startswith("data:image/")


def _own(value: str, stem: str) -> str:
    """References to ids of the same SVG, as the ids are called in the page."""
    return REFERENCE.sub(lambda found: f"url(#{stem}-{found[1]})", value)


def _look(style: str, rules: dict[str, str]) -> str:
    mark = sha256(style.encode()).hexdigest()[:HASH_CHARACTERS]
    rules[mark] = style.replace("<", "").replace("}", "")
    return mark


def _name(root: "ET.Element[str]", alt: str) -> None:
    for name in ("aria-roledescription", "aria-labelledby", "aria-describedby"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", alt)


def _bound(root: "ET.Element[str]", rules: dict[str, str]) -> None:
    """Text has about the same size in all figures: a small one is not drawn as wide as the page."""
    width = WIDTH.match(root.get("viewBox", ""))
    if width is not None and "data-look" not in root.attrib:
        root.set("data-look", _look(f"max-width:{ENLARGED * float(width[1]):g}px", rules))


def _local(name: str) -> str:
    return name.rpartition("}")[2]
