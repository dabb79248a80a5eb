"""Temporal questions that hold all they need: weekdays, dates, spans, timetables, orders of arrival."""

from datetime import date, timedelta
from math import ceil

from harness.studies.embedded.calendar_words import (
    WEEKDAYS,
    clock_answers,
    clock_of,
    date_answers,
    spoken_date,
)
from harness.studies.embedded.chance import between, pick, shuffled
from harness.studies.embedded.drafts import Draft

WEEKDAY_COUNT = 4
DATE_COUNT = 3
SPAN_COUNT = 3
JOURNEY_COUNT = 3
TIMETABLE_COUNT = 2
RANK_COUNT = 2
# Three leap years, a century that is none, and a common year.
YEARS = (1896, 1900, 1904, 1911, 1920)
PEOPLE = ("Anton", "Brida", "Cael", "Dorit", "Emrys", "Fenna", "Gorran", "Hilde")
MEETINGS = ("weavers", "bargemen", "beekeepers", "bell ringers")
WORKS = ("A new roof", "The dredging of a harbour", "A survey of the marsh")


def reckoning(seed: int) -> tuple[Draft, ...]:
    """The 17 drafts that need no passage."""
    return (
        *(_weekday(n, seed) for n in range(WEEKDAY_COUNT)),
        *(_date(n, seed) for n in range(DATE_COUNT)),
        *(_span(n, seed) for n in range(SPAN_COUNT)),
        *(_journey(n, seed) for n in range(JOURNEY_COUNT)),
        *(_timetable(n, seed) for n in range(TIMETABLE_COUNT)),
        *(_rank(n, seed) for n in range(RANK_COUNT)),
    )


def _weekday(n: int, seed: int) -> Draft:
    start = between(0, 6, seed, f"weekday start:{n}")
    days = between(9, 60, seed, f"weekday days:{n}")
    forward = n % 2 == 0
    who = MEETINGS[n % len(MEETINGS)]
    when = "was the meeting" if not forward else "is the next meeting"
    where = f"{days} days {'later' if forward else 'earlier'}"
    text = f"The {who} meet on a {WEEKDAYS[start]}. On which day of the week {when}, {where}?"
    answer = WEEKDAYS[(start + (days if forward else -days)) % len(WEEKDAYS)]
    return Draft(text=text, answers=(answer,), family="weekday")


def _winter(n: int, seed: int, label: str) -> date:
    """A day in January or February, from where a span crosses the end of February."""
    year = shuffled(YEARS, seed, f"{label} years")[n % len(YEARS)]
    return date(year, 1, 1) + timedelta(days=between(20, 55, seed, f"{label} day:{n}"))


def _date(n: int, seed: int) -> Draft:
    start = _winter(n, seed, "date")
    days = between(40, 75, seed, f"date days:{n}")
    text = f"{WORKS[n % len(WORKS)]} was begun on {spoken_date(start)} and finished {days} days later. On which date?"
    return Draft(text=text, answers=date_answers(start + timedelta(days=days)), family="date")


def _span(n: int, seed: int) -> Draft:
    start = _winter(n, seed, "span")
    days = between(40, 75, seed, f"span days:{n}")
    end = start + timedelta(days=days)
    text = f"How many days after {spoken_date(start)} is {spoken_date(end)}?"
    return Draft(text=text, answers=(str(days),), family="span", answer_type="number", unit="days")


def _journey(n: int, seed: int) -> Draft:
    start = between(20 * 60, 23 * 60 + 50, seed, f"journey start:{n}")
    minutes = between(250, 540, seed, f"journey minutes:{n}")
    vehicle = ("A night train", "A mail barge", "A fishing boat")[n % 3]
    end = clock_of(start + minutes)
    text = f"{vehicle} leaves at {clock_of(start)} and arrives at {end} the next day. How many minutes does it take?"
    return Draft(text=text, answers=(str(minutes),), family="journey", answer_type="number", unit="minutes")


def _timetable(n: int, seed: int) -> Draft:
    first = between(330, 400, seed, f"timetable first:{n}")
    every = pick((17, 23, 25, 35, 40), seed, f"timetable every:{n}")
    now = between(540, 700, seed, f"timetable now:{n}")
    bus = first + every * ceil((now - first) / every)
    text = (
        f"The first bus leaves at {clock_of(first)}, and another follows every {every} minutes all day. Somebody "
        f"reaches the stop at {clock_of(now)}. At what time does the next bus leave?"
    )
    return Draft(text=text, answers=clock_answers(bus), family="timetable")


def _rank(n: int, seed: int) -> Draft:
    first, second, third, fourth = shuffled(PEOPLE, seed, f"rank:{n}")[:4]
    which, answer = (("last", fourth), ("first", first))[n % 2]
    text = (
        f"{second} arrived after {first} but before {third}, and {fourth} arrived after {third}. "
        f"Who of the four arrived {which}?"
    )
    return Draft(text=text, answers=(answer,), family="rank")
