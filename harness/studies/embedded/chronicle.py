"""Temporal questions over the corpus: the dates, years and times that its passages give."""

from collections.abc import Sequence
from datetime import date, timedelta

from harness.studies.embedded.calendar_words import (
    clock_answers,
    date_answers,
    minutes_of,
    spoken_date,
    whole_years,
)
from harness.studies.embedded.chance import between, pick, shuffled
from harness.studies.embedded.drafts import Draft, statement
from harness.studies.embedded.facts import Fact

AGES = 3
GAPS = 3
ORDERS = 2
ANNIVERSARIES = 2
ARRIVALS = 2
LOANS = 2
# A leap year and a common one of each decade, all later than the first of the festivals and libraries.
FESTIVAL_YEARS = (1908, 1911, 1924, 1931)
LOAN_YEARS = (1932, 1935, 1940, 1947)


def chronicle(facts: Sequence[Fact], seed: int) -> tuple[Draft, ...]:
    """The 17 drafts whose dates are in the corpus; each event is used once."""
    dates = shuffled(_of(facts, "date"), seed, "dates")
    years = _apart(shuffled(_of(facts, "year"), seed, "years"))
    gap_end = 2 * GAPS
    order_end = gap_end + 2 * ORDERS
    ordered = _pairs(years[gap_end:order_end])
    return (
        *(_age(*pair) for pair in _pairs(dates)[:AGES]),
        *(_gap(*pair) for pair in _pairs(years[:gap_end])),
        *(_order(*pair, truth=n % 2 == 0) for n, pair in enumerate(ordered)),
        *(_anniversary(fact, seed) for fact in years[order_end:][:ANNIVERSARIES]),
        *_arrivals(facts, seed),
        *(_festival(begins, facts, seed) for begins in _of(facts, "begins")),
        *(_loan(loan, seed) for loan in shuffled(_of(facts, "loan"), seed, "loans")[:LOANS]),
    )


def _of(facts: Sequence[Fact], kind: str) -> list[Fact]:
    return [fact for fact in facts if fact.kind == kind]


def _same(facts: Sequence[Fact], kind: str, passage: str) -> Fact:
    return next(fact for fact in facts if fact.kind == kind and fact.passage == passage)


def _apart(facts: Sequence[Fact]) -> list[Fact]:
    """One fact of each value: of two things in one year, neither came first."""
    return list({fact.value: fact for fact in facts}.values())


def _pairs(facts: Sequence[Fact]) -> list[tuple[Fact, Fact]]:
    """Neighbours as (earlier, later); ISO dates and years of four digits sort as text."""
    couples = zip(facts[::2], facts[1::2], strict=False)
    return [(a, b) if a.value < b.value else (b, a) for a, b in couples]


def _years(text: str, answer: int, family: str, facts: tuple[Fact, ...]) -> Draft:
    return Draft(text=text, answers=(str(answer),), family=family, answer_type="number", unit="years", facts=facts)


def _age(earlier: Fact, later: Fact) -> Draft:
    text = f"How many whole years passed from {earlier.event} to {later.event}?"
    years = whole_years(date.fromisoformat(earlier.value), date.fromisoformat(later.value))
    return _years(text, years, "age", (earlier, later))


def _gap(earlier: Fact, later: Fact) -> Draft:
    text = f"How many years after {earlier.event} came {later.event}?"
    return _years(text, int(later.value) - int(earlier.value), "gap", (earlier, later))


def _order(earlier: Fact, later: Fact, *, truth: bool) -> Draft:
    first, second = (earlier, later) if truth else (later, earlier)
    return statement(f"{first.event} came before {second.event}", truth=truth, family="order", facts=(first, second))


def _anniversary(fact: Fact, seed: int) -> Draft:
    years = pick((75, 100, 125, 150), seed, f"anniversary:{fact.event}")
    return Draft(
        text=f"In which year did the {years}th anniversary of {fact.event} fall?",
        answers=(str(int(fact.value) + years),),
        family="anniversary",
        answer_type="number",
        facts=(fact,),
    )


def _arrivals(facts: Sequence[Fact], seed: int) -> list[Draft]:
    boats = shuffled(_of(facts, "first_boat"), seed, "boats")[:ARRIVALS]
    return [_arrival(boat, _same(facts, "crossing", boat.passage)) for boat in boats]


def _arrival(boat: Fact, crossing: Fact) -> Draft:
    text = f"When does {boat.entity}'s first boat of the day reach the island, if it leaves and sails on time?"
    answers = clock_answers(minutes_of(boat.value) + int(crossing.value))
    return Draft(text=text, answers=answers, family="arrival", facts=(boat, crossing))


def _festival(begins: Fact, facts: Sequence[Fact], seed: int) -> Draft:
    lasts = _same(facts, "lasts", begins.passage)
    year = pick(FESTIVAL_YEARS, seed, f"festival:{begins.entity}")
    end = date.fromisoformat(f"{year}-{begins.value}") + timedelta(days=int(lasts.value) - 1)
    text = f"On which date did the last day of {begins.entity} fall in {year}?"
    return Draft(text=text, answers=date_answers(end), family="festival", facts=(begins, lasts))


def _loan(loan: Fact, seed: int) -> Draft:
    year = pick(LOAN_YEARS, seed, f"loan year:{loan.entity}")
    start = date(year, 2, between(16, 27, seed, f"loan day:{loan.entity}"))
    text = f"A book was borrowed from {loan.entity} on {spoken_date(start)} for as long as allowed. When was it due?"
    return Draft(text=text, answers=date_answers(start + timedelta(days=int(loan.value))), family="loan", facts=(loan,))
