"""A small language to say which runs are meant, such as

    model:resnet* lr<0.1 acc>0.9 state:running -data:mnist has:note started<2d otter

Terms are separated by spaces, and a run has to fit all of them.

    FIELD:PATTERN     the whole of it, any case; * and ? stand for anything, commas mean "or"
    FIELD~TEXT        contains TEXT
    FIELD<N  <=  >  >=  =  !=      a number; 90% is 0.9; durations such as 90s, 10m, 2h, 3d, 1w
    started<2d        less than two days ago
    has:FIELD         it is known, and not empty: has:tag, has:note, has:archived
    WORD              the name contains it, or fits it if it has a * or a ?
    -TERM             not so: a run of which it is not known is meant as well
    "..."             around a pattern or word with spaces

`core.run_fields` knows the fields. Each state in which a run needs a process is "running" as well.
"""

import fnmatch
import math
import operator
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from core.errors import ConfigError, QueryError
from core.run_fields import Field, find_field
from core.runs import ACTIVE, RunInfo

OPERATORS = ("<=", ">=", "!=", "<", ">", "=", ":", "~")  # the longer ones first
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **{"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    **{"=": operator.eq, ":": operator.eq, "!=": operator.ne},
}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
LONGEST = 1000  # characters; nobody types more

Test = Callable[[RunInfo, float], bool]  # of a run, at a Unix time


@dataclass(frozen=True)
class Term:
    """One condition."""

    field: str  # what it asks about
    test: Test
    negated: bool


@dataclass(frozen=True)
class Query:
    """Conditions that all have to hold; none at all fits every run."""

    text: str
    terms: tuple[Term, ...]

    def matches(self, run: RunInfo, now: float | None = None) -> bool:
        """Whether `run` is meant; `now` in Unix seconds says how long ago it started."""
        now = time.time() if now is None else now
        return all(term.test(run, now) is not term.negated for term in self.terms)

    def asks_about(self, field: str) -> bool:
        """Whether a term is about `field`."""
        return any(term.field == field for term in self.terms)

    def select(self, runs: Iterable[RunInfo]) -> list[RunInfo]:
        """Those of `runs` that are meant; archived ones only if the query speaks of them."""
        now = time.time()
        archived = self.asks_about("archived")
        return [
            run for run in runs if (archived or not run.notes.archived) and self.matches(run, now)
        ]


@dataclass(frozen=True)
class Word:
    """One term as it was typed."""

    text: str  # without quotes
    position: int  # of its first character, from 1
    quoted: int  # characters of `text` before the first quotation mark, all without one


def parse(text: str) -> Query:
    """The query that `text` says. Raises QueryError, which knows where."""
    if len(text) > LONGEST:
        raise QueryError(f"A query has {len(text)} characters.", f"Use up to {LONGEST}.", LONGEST)
    return Query(text, tuple(_term(word) for word in _words(text)))


def _words(text: str) -> list[Word]:
    """`text` cut at the spaces that are not between quotation marks."""
    words: list[Word] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        start, quote, quoted = at, 0, None
        letters: list[str] = []
        while at < len(text) and (quote or not text[at].isspace()):
            if text[at] == '"':
                quoted = len(letters) if quoted is None else quoted
                quote = 0 if quote else at + 1
            else:
                letters.append(text[at])
            at += 1
        if quote:
            raise QueryError("A quotation mark is not closed.", 'Add another ".', quote)
        words.append(Word("".join(letters), start + 1, len(letters) if quoted is None else quoted))
    return words


def _term(word: Word) -> Term:
    negated = word.text.startswith("-") and word.quoted > 0
    body, position = word.text[negated:], word.position + negated
    quoted = word.quoted - negated
    if not body:
        raise QueryError(
            "There is nothing after the -." if negated else "There is nothing between the quotes.",
            "Write what is meant behind it, such as -data:mnist.",
            word.position,
        )
    name = FIELD_NAME.match(body[:quoted])
    rest = body[name.end() :] if name else ""
    sign = next((sign for sign in OPERATORS if rest.startswith(sign)), None)
    if name is None or sign is None or name.end() >= quoted:
        if quoted and body.startswith(OPERATORS):
            raise QueryError(
                f"{body!r} does not say of which field.", f"Write one before it: lr{body}", position
            )
        return Term("name", _fits(lambda run: run.name, body, part=True), negated)
    value, value_at = rest[len(sign) :], position + name.end() + len(sign)
    if name[0].lower() in ("has", "is") and sign == ":":
        field = _field(value, value_at)
        return Term(field.name, lambda run, now: field.value(run) not in (None, "", ()), negated)
    field = _field(name[0], position)
    if not value:
        raise QueryError(
            f"There is nothing after {name[0]}{sign}.", _example(field), value_at - len(sign)
        )
    return Term(field.name, _test(field, sign, value, value_at), negated)


def _field(name: str, position: int) -> Field:
    try:
        return find_field(name)
    except ConfigError as error:
        raise QueryError(error.problem, error.fix, position) from None


def _test(field: Field, sign: str, value: str, position: int) -> Test:
    if field.kind == "text":
        if sign in ("<", ">", "<=", ">="):
            raise QueryError(
                f"{field.name} is no number to compare with {sign}.",
                _example(field),
                position - len(sign),
            )
        test = _fits(_texts(field), value, part=sign == "~")
        return (lambda run, now: not test(run, now)) if sign == "!=" else test
    if sign == "~":
        raise QueryError(
            f"{field.name} is a number, which ~ cannot look into.", _example(field), position - 1
        )
    number, compare = _number(field, value, position), COMPARISONS[sign]

    def holds(run: RunInfo, now: float) -> bool:
        found = field.value(run)
        if found is None:
            return False
        return compare(now - found if field.kind == "age" else found, number)

    return holds


def _texts(field: Field) -> Callable[[RunInfo], Any]:
    if field.name == "state":
        return lambda run: (run.state, "running") if run.state in ACTIVE else run.state
    if field.name in ("data", "model"):  # a path is known by its end too
        return lambda run: (found := str(field.value(run) or ""), found.rpartition("/")[2])
    return field.value


def _fits(value: Callable[[RunInfo], Any], typed: str, *, part: bool) -> Test:
    """A test whether a text, or one of several, fits what was typed."""
    patterns = []
    for pattern in [typed] if part else typed.split(","):
        # fnmatch knows sets in brackets as well, but names of networks may have brackets.
        pattern = pattern.casefold().replace("[", "[[]")
        wild = "*" in pattern or "?" in pattern
        patterns.append(f"*{pattern}*" if part and not wild else pattern)
    expressions = [re.compile(fnmatch.translate(pattern)) for pattern in patterns]

    def test(run: RunInfo, now: float) -> bool:
        found = value(run)
        if found is None:
            return False
        texts = found if isinstance(found, tuple) else (found,)
        return any(e.match(str(text).casefold()) for text in texts for e in expressions)

    return test


def _number(field: Field, text: str, position: int) -> float:
    """What was typed, in the unit of the field. Raises QueryError."""
    unit = 1.0
    digits = text
    if field.kind in ("duration", "age") and text[-1:].lower() in UNITS:
        unit, digits = UNITS[text[-1].lower()], text[:-1]
    elif field.kind == "number" and text.endswith("%"):
        unit, digits = 0.01, text[:-1]
    try:
        number = float(digits) * unit
    except ValueError:
        number = math.nan
    if math.isnan(number):
        kind = "a number" if field.kind == "number" else "a duration"
        raise QueryError(f"{text!r} is not {kind}.", _example(field), position)
    return number


def _example(field: Field) -> str:
    match field.kind:
        case "number":
            return f"Write a number, such as {field.name}>0.5 or {field.name}:1."
        case "duration":
            return f"Write a duration, such as {field.name}>90s, 10m or 2h."
        case "age":
            return f"Write how long ago, such as {field.name}<2d, 3h or 1w."
    return f"Write what it is, such as {field.name}:abc*, or a part of it: {field.name}~abc."
