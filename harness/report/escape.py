"""Text from models, data and users made harmless for the place where it is shown."""

import re
import unicodedata

ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[@-Z\\-_])")
# controls, direction marks and other invisible characters, and lone surrogates
INVISIBLE = {"Cc", "Cf", "Cs"}
MARKDOWN = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "\\": "\\\\",
        "|": "\\|",
        "`": "\\`",
        "*": "\\*",
        "~": "\\~",
        "#": "\\#",
        "$": "\\$",
    }
)
EDGE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
LINK = re.compile(r"\](?=\s*[(\[:])")
# full-width signs are folded to the plain ones by some spreadsheets
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NUMBER = re.compile(r"[+-]?(?:\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?\s*%?")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SHOWN_MOST = 120


def plain(text: str, most: int = SHOWN_MOST) -> str:
    """One line of at most `most` visible characters: no terminal sequences, no controls, no line breaks."""
    spaced = " ".join(ANSI.sub("", text).split())
    seen = "".join(char for char in spaced if unicodedata.category(char) not in INVISIBLE)
    return seen if len(seen) <= most else seen[: most - 1] + "…"


def markdown(text: str, most: int = SHOWN_MOST) -> str:
    """The plain text as Markdown shows it: no table cell, markup, link, HTML or code can begin in it."""
    escaped = plain(text, most).translate(MARKDOWN)
    return LINK.sub(r"\\]", EDGE_UNDERSCORE.sub(r"\\_", escaped))


def csv_text(text: str) -> str:
    r"""The text as a CSV cell: what a spreadsheet would run as a formula gets a leading apostrophe; numbers stay.

    Line breaks become \n, and controls other than those and tabs are spelt out (\x1b): a terminal stays safe, and a
    CSV reader, which may take a lone \r for the end of a row.
    """
    if text[:1].isalnum() and text.isascii() and text.isprintable():  # most texts, and there are millions
        return text
    lines = text.replace("\r\n", "\n").encode("utf-8", "backslashreplace").decode()
    shown = CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", lines)
    risky = shown.startswith(FORMULA_STARTS) or shown.lstrip().startswith(FORMULA_STARTS)
    return f"'{shown}" if risky and not NUMBER.fullmatch(shown.strip()) else shown
