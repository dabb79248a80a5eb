"""Text as a page shows it: what a reader would not see, or what would reorder the text around it, is spelt out."""

import re

# Controls but tab and line feed; soft hyphen; zero-width and direction marks; line and paragraph separators; tag
# characters; lone surrogates. The joiners U+200C and U+200D stay: scripts and emoji need them.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""The text with nothing hidden in it: an escape is shown as "⟨U+001B⟩", a direction mark as "⟨U+202E⟩".

    The script of the page does the same to what it shows; what comes back can always be written as UTF-8.
    """
    return HIDDEN.sub(_spelt, text)


def shortened(text: str, most: int) -> str:
    """At most `most` characters of the text, visible, with a word on how many more there are."""
    left = len(text) - most
    return visible(text) if left <= 0 else f"{visible(text[:most])} [{left:,} more characters]"


def _spelt(found: re.Match[str]) -> str:
    return f"\u27e8U+{ord(found[0]):04X}\u27e9"
