"""The part of PromQL that the shipped rules are written in, over the watcher's own samples (O-33).

    metric{label="value", …}   rate(…[5m])   sum|max|min|count [by (…)] (…)
    histogram_quantile(q, …)   numbers   + - * /   < <= > >= == !=   and   or   (…)

The results are Prometheus's: a comparison keeps the series for which it holds, two vectors
meet where their labels are equal. Without an answer a rule is quiet.
"""

import math
import operator
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Value = Vector | float
KEPT_S = 660.0
"""Samples older than the longest range of a rule are dropped."""
STALE_S = 45.0
"""A series that was not seen for so long is gone."""
NONE: Labels = frozenset()
_UNITS = {"s": 1, "m": 60, "h": 3600}
_TOKEN = re.compile(
    r'\s*(?:(\d+\.?\d*(?:e-?\d+)?)|([a-zA-Z_:][\w:]*)|("[^"]*")|(==|!=|<=|>=|=~|[-+*/<>=(){}\[\],]))'
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_AGGREGATE: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min, "count": len}
_LEVELS = (("or",), ("and",), tuple(_COMPARE), ("+", "-"), ("*", "/"))
"""Binary operators, those that bind least first."""


class BadExpression(ValueError):
    """The text is not of this part of PromQL."""


class Series:
    """The samples of the last minutes, by name and labels."""

    def __init__(self) -> None:
        self._points: dict[str, dict[Labels, deque[tuple[float, float]]]] = {}

    def add(self, at: float, samples: Iterable[tuple[str, Labels, float]]) -> None:
        """Samples of one look at `at` seconds; what is too old goes."""
        for name, labels, value in samples:
            self._points.setdefault(name, {}).setdefault(labels, deque()).append((at, value))
        for by_labels in self._points.values():
            for labels in list(by_labels):
                points = by_labels[labels]
                while points and points[0][0] < at - KEPT_S:
                    points.popleft()
                if not points:
                    del by_labels[labels]

    def latest(self, name: str, at: float) -> Vector:
        """The newest value of each series that is not stale."""
        found = self._points.get(name, {})
        return {labels: points[-1][1] for labels, points in found.items() if points[-1][0] > at - STALE_S}

    def rate(self, name: str, at: float, span_s: float) -> Vector:
        """Growth a second of each counter in the span; a counter that began anew counts from 0."""
        found: Vector = {}
        for labels, points in self._points.get(name, {}).items():
            within = [point for point in points if point[0] >= at - span_s]
            if len(within) < 2 or within[-1][0] <= at - STALE_S:
                continue
            values = [value for _at, value in within]
            pairs = zip(values, values[1:], strict=False)
            grown = sum(after - before if after >= before else after for before, after in pairs)
            found[labels] = grown / (within[-1][0] - within[0][0])
        return found


class Expression:
    """A parsed expression; `evaluate` gives the series for which it holds."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: set[str] = set()
        """Every metric it reads."""
        self._tokens = _tokens(text)
        self._at = 0
        self._tree = self._binary(0)
        if self._at != len(self._tokens):
            raise BadExpression(f"{self._peek()!r} is not expected in {text}")

    def evaluate(self, series: Series, at: float) -> Vector:
        """Label sets with their values at `at`; a number stands under no labels."""
        found = self._tree(series, at)
        return found if isinstance(found, dict) else {NONE: found}

    # ---------------------------------------------------------------- parsing

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            raise BadExpression(f"{wanted or 'more'} is missing at {token!r} in {self.text}")
        self._at += 1
        return token

    def _binary(self, level: int) -> Any:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        while self._peek() in _LEVELS[level]:
            sign = self._next()
            left = _Binary(sign, left, self._binary(level + 1))
        return left

    def _unary(self) -> Any:
        token = self._peek()
        if token == "(":
            self._next()
            inner = self._binary(0)
            self._next(")")
            return inner
        if re.fullmatch(r"\d.*", token):
            number = float(self._next())
            return lambda series, at: number
        if not re.fullmatch(r"[a-zA-Z_:][\w:]*", token):
            raise BadExpression(f"{token!r} is not expected in {self.text}")
        return self._named(self._next())

    def _named(self, name: str) -> Any:
        if name == "rate":
            self._next("(")
            metric, labels, span_s = self._selector(self._next())
            self._next(")")
            if not span_s:
                raise BadExpression(f"rate needs a range in {self.text}")
            return lambda series, at: _chosen(series.rate(metric, at, span_s), labels)
        if name in _AGGREGATE:
            return self._aggregate(_AGGREGATE[name])
        if name == "histogram_quantile":
            self._next("(")
            share = float(self._next())
            self._next(",")
            inner = self._binary(0)
            self._next(")")
            return lambda series, at: quantile(share, inner(series, at))
        metric, labels, _ = self._selector(name)
        return lambda series, at: _chosen(series.latest(metric, at), labels)

    def _aggregate(self, fold: Callable[[list[float]], float]) -> Any:
        by = self._names_in_braces() if self._peek() == "by" else []
        self._next("(")
        inner = self._binary(0)
        self._next(")")
        if self._peek() == "by":
            by = self._names_in_braces()
        return lambda series, at: _folded(fold, by, inner(series, at))

    def _names_in_braces(self) -> list[str]:
        self._next("by")
        self._next("(")
        names = [self._next()]
        while self._peek() == ",":
            self._next()
            names.append(self._next())
        self._next(")")
        return names

    def _selector(self, name: str) -> tuple[str, dict[str, str], float]:
        """A metric with its labels and range; the name is noted."""
        self.names.add(name)
        labels: dict[str, str] = {}
        if self._peek() == "{":
            self._next()
            while self._peek() != "}":
                label = self._next()
                self._next("=")
                labels[label] = self._next().strip('"')
                if self._peek() == ",":
                    self._next()
            self._next("}")
        return name, labels, self._range()

    def _range(self) -> float:
        if self._peek() != "[":
            return 0.0
        self._next()
        number, unit = self._next(), self._next()
        self._next("]")
        if unit not in _UNITS:
            raise BadExpression(f"{number}{unit} is no range in {self.text}")
        return float(number) * _UNITS[unit]


class _Binary:
    """`left sign right`."""

    def __init__(self, sign: str, left: Any, right: Any) -> None:
        self.sign, self.left, self.right = sign, left, right

    def __call__(self, series: Series, at: float) -> Value:
        left, right = self.left(series, at), self.right(series, at)
        if self.sign in ("and", "or"):
            return _joined(self.sign, left, right)
        if not isinstance(left, dict) and not isinstance(right, dict):
            return self._one(left, right)
        if isinstance(left, dict) and isinstance(right, dict):
            pairs = {labels: (value, right[labels]) for labels, value in left.items() if labels in right}
        elif isinstance(left, dict):
            pairs = {labels: (value, right) for labels, value in left.items()}
        else:
            pairs = {labels: (left, value) for labels, value in right.items()}
        if self.sign in _COMPARE:
            holds = _COMPARE[self.sign]
            kept = {labels: pair for labels, pair in pairs.items() if holds(*pair)}
            return {labels: pair[0] if isinstance(left, dict) else pair[1] for labels, pair in kept.items()}
        return {labels: self._one(*pair) for labels, pair in pairs.items()}

    def _one(self, left: float, right: float) -> float:
        if self.sign in _COMPARE:
            return float(_COMPARE[self.sign](left, right))
        if self.sign == "/":
            return left / right if right else math.nan
        return {"+": operator.add, "-": operator.sub, "*": operator.mul}[self.sign](left, right)


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise BadExpression(f"{text[at:].strip()[:20]!r} cannot be read in {text}")
        found.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    return found


def _chosen(vector: Vector, labels: dict[str, str]) -> Vector:
    wanted = set(labels.items())
    return {own: value for own, value in vector.items() if wanted <= own}


def _joined(sign: str, left: Value, right: Value) -> Vector:
    if not isinstance(left, dict) or not isinstance(right, dict):
        raise BadExpression(f"{sign} stands between series")
    if sign == "and":
        return {labels: value for labels, value in left.items() if labels in right}
    return {**right, **left}


def _folded(fold: Callable[[list[float]], float], by: list[str], vector: Value) -> Vector:
    if not isinstance(vector, dict):
        raise BadExpression("a number cannot be summed")
    groups: dict[Labels, list[float]] = {}
    for labels, value in vector.items():
        groups.setdefault(frozenset(pair for pair in labels if pair[0] in by), []).append(value)
    return {labels: float(fold(values)) for labels, values in groups.items()}


def quantile(share: float, buckets: Value) -> Vector:
    """Prometheus's histogram_quantile: linear within the bucket where the share falls."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for labels, count in (buckets if isinstance(buckets, dict) else {}).items():
        bound = dict(labels).get("le")
        if bound is not None:
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            groups.setdefault(rest, []).append((float(bound), count))
    found = {labels: _within(share, sorted(rows)) for labels, rows in groups.items()}
    return {labels: value for labels, value in found.items() if value is not None}


def _within(share: float, rows: list[tuple[float, float]]) -> float | None:
    total = rows[-1][1]
    if not total or not math.isinf(rows[-1][0]):
        return None
    rank, below, before = share * total, 0.0, 0.0
    for bound, count in rows:
        if count >= rank:
            if math.isinf(bound):
                return below
            return below + (bound - below) * (rank - before) / max(count - before, 1e-12)
        below, before = bound, count
    return below
