"""Units of answers: which spellings mean the same one."""

import re

# Each row is one unit; its first spelling names it. Lower case and singular: readers of case and number fold both.
_SPELLINGS = (
    ("percent", "per cent", "pct", "%"),
    ("dollar", "us dollar", "usd", "$", "us$"),
    ("euro", "eur", "€"),
    ("pound sterling", "gbp", "£"),
    ("yen", "jpy", "¥"),
    ("kilometre", "kilometer", "km"),
    ("metre", "meter", "m"),
    ("centimetre", "centimeter", "cm"),
    ("millimetre", "millimeter", "mm"),
    ("mile", "mi"),
    ("foot", "feet", "ft"),
    ("inch", "in"),
    ("yard", "yd"),
    ("square kilometre", "square kilometer", "sq km", "km2", "km²"),
    ("square metre", "square meter", "sq m", "m2", "m²"),
    ("cubic metre", "cubic meter", "m3", "m³"),
    ("hectare", "ha"),
    ("litre", "liter", "l"),
    ("millilitre", "milliliter", "ml"),
    ("tonne", "metric ton", "metric tonne", "t"),
    ("kilogram", "kilogramme", "kg"),
    ("gram", "gramme", "g"),
    ("milligram", "milligramme", "mg"),
    ("pound", "lb"),
    ("ounce", "oz"),
    ("millisecond", "ms"),
    ("second", "sec", "s"),
    ("minute", "min"),
    ("hour", "hr", "h"),
    ("day", "d"),
    ("week", "wk"),
    ("year", "yr"),
    ("kilometre per hour", "kilometer per hour", "km/h", "kph", "kmh"),
    ("metre per second", "meter per second", "m/s"),
    ("mile per hour", "mph"),
    ("knot", "kn"),
    ("watt", "w"),
    ("kilowatt", "kw"),
    ("megawatt", "mw"),
    ("gigawatt", "gw"),
    ("terawatt", "tw"),
    ("watt hour", "watt-hour", "wh"),
    ("kilowatt hour", "kilowatt-hour", "kwh"),
    ("megawatt hour", "megawatt-hour", "mwh"),
    ("gigawatt hour", "gigawatt-hour", "gwh"),
    ("joule", "j"),
    ("kilojoule", "kj"),
    ("megajoule", "mj"),
    ("degree celsius", "degree centigrade", "celsius", "°c"),
    ("degree fahrenheit", "fahrenheit", "°f"),
    ("degree", "deg", "°"),
    ("hertz", "hz"),
    ("kilohertz", "khz"),
    ("megahertz", "mhz"),
    ("gigahertz", "ghz"),
    ("kilobyte", "kb"),
    ("megabyte", "mb"),
    ("gigabyte", "gb"),
    ("terabyte", "tb"),
    ("kilogram co2e", "kg co2e", "kgco2e"),
    ("tonne co2e", "t co2e", "tco2e"),
)
_NAMES = {spelling: row[0] for row in _SPELLINGS for spelling in row}
_UNSET = str.maketrans({"\N{MIDDLE DOT}": " ", "\N{SUBSCRIPT TWO}": "2"})
# Signs that a bare number may carry or leave out without meaning another amount.
SIGNS = frozenset({"percent", "dollar", "euro", "pound sterling", "yen"})


def unit_name(text: str) -> str:
    """One name for all spellings of a unit: case, plural and symbol folded; "" for none; unknown ones word by word."""
    spelt = " ".join(text.lower().translate(_UNSET).strip(" .").split())
    whole = _NAMES.get(spelt) or _NAMES.get(singular := " ".join(map(_singular, spelt.split())))
    return whole or " ".join(_NAMES.get(word, word) for word in singular.split())


def is_known(name: str) -> bool:
    """Whether a unit's name, as `unit_name` gives it, is one of the table."""
    return name in _NAMES


def stands_for(name: str, unit: str) -> bool:
    """Whether a unit's name may stand where the other is asked for: the same, none, or "degree" without its scale."""
    return name in {"", unit} or (name == "degree" and unit.startswith("degree "))


def _singular(word: str) -> str:
    if len(word) <= 2 or word.endswith(("ss", "us")):  # noqa: PLR2004 - "s" and "ms" are units, not plurals
        return word
    if word.endswith("ies"):
        return word.removesuffix("ies") + "y"
    return re.sub(r"(?<=[cs]h|ss)es$|(?<=x)es$|s$", "", word)
