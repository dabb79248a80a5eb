"""Dates and times of day as the corpus writes them, and the forms in which an answer may write them."""

from datetime import date

MINUTES_PER_HOUR = 60
MINUTES_PER_DAY = 24 * MINUTES_PER_HOUR
NOON_HOUR = 12
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def spoken_day(month: int, day: int) -> str:
    """`27 October`; month in 1..12."""
    return f"{day} {MONTHS[month - 1]}"


def spoken_date(when: date) -> str:
    """`27 October 1903`."""
    return f"{spoken_day(when.month, when.day)} {when.year}"


def date_answers(when: date) -> tuple[str, ...]:
    """The accepted ways to write a date, the corpus's own first; the year may be left out."""
    day, month, year = when.day, MONTHS[when.month - 1], when.year
    return (f"{day} {month} {year}", f"{month} {day}, {year}", when.isoformat(), f"{day} {month}", f"{month} {day}")


def whole_years(start: date, end: date) -> int:
    """Full years from start to end, as an age is counted.

    Raises:
        ValueError: end is before start.
    """
    if end < start:
        raise ValueError(f"{end} is before {start}: give the earlier date first")
    return end.year - start.year - ((end.month, end.day) < (start.month, start.day))


def minutes_of(clock: str) -> int:
    """Minutes since midnight of `HH:MM`."""
    hours, minutes = clock.split(":")
    return int(hours) * MINUTES_PER_HOUR + int(minutes)


def clock_of(minutes: int) -> str:
    """`HH:MM` on the 24-hour clock; a whole day more or less changes nothing."""
    hours, rest = divmod(minutes % MINUTES_PER_DAY, MINUTES_PER_HOUR)
    return f"{hours:02d}:{rest:02d}"


def clock_answers(minutes: int) -> tuple[str, ...]:
    """The accepted ways to write a time of day: `07:05`, `7:05`, `7:05 am`, each once."""
    clock = clock_of(minutes)
    hours, rest = divmod(minutes % MINUTES_PER_DAY, MINUTES_PER_HOUR)
    half = "am" if hours < NOON_HOUR else "pm"
    forms = (clock, f"{hours}:{rest:02d}", f"{hours % NOON_HOUR or NOON_HOUR}:{rest:02d} {half}", f"{clock} {half}")
    return tuple(dict.fromkeys(forms))
