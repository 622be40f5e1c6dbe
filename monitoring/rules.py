"""Alert rules: Prometheus's file, and which of its alerts hold now (O-33)."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exchange_site.env import BASE_DIR, environment
from exchange_site.metrics.catalogue import series_names
from monitoring.models import Severity
from monitoring.promql import BadExpression, Expression, Labels, Series

SHIPPED = BASE_DIR / "docs" / "monitoring" / "alerts.yml"
_DURATION = re.compile(r"(\d+)(s|m|h)")
_UNITS = {"s": 1, "m": 60, "h": 3600}


class BadRules(ValueError):
    """The rules cannot be used; the text names the file and the rule."""


@dataclass(frozen=True)
class Rule:
    """One alert rule."""

    name: str
    expression: Expression
    for_s: float
    severity: str
    summary: str


@dataclass(frozen=True)
class Firing:
    """A rule that holds for one set of labels."""

    rule: Rule
    target: str
    value: float
    summary: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes it one alert and not another."""
        return self.rule.name, self.target


def load_rules(path: Path | None = None) -> list[Rule]:
    """The rules of a file; the site's own, else the shipped one. BadRules when it cannot be used."""
    own = environment().EXCHANGE_ALERT_RULES
    path = path or (Path(own) if own else SHIPPED)
    try:
        found = yaml.safe_load(path.read_text(encoding="utf8"))
        entries = [entry for group in found["groups"] for entry in group["rules"] if "alert" in entry]
        return [_rule(entry) for entry in entries]
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BadRules(f"{path}: {error}") from error


def _rule(entry: dict[str, Any]) -> Rule:
    expression = Expression(entry["expr"])
    unknown = expression.names - series_names()
    if unknown:
        raise BadExpression(f"{entry['alert']}: unknown metric {', '.join(sorted(unknown))}")
    severity = entry.get("labels", {}).get("severity", Severity.WARNING)
    if severity not in Severity.values:
        raise BadExpression(f"{entry['alert']}: severity must be one of {', '.join(Severity.values)}")
    summary = entry.get("annotations", {}).get("summary", entry["alert"])
    return Rule(entry["alert"], expression, _seconds(entry.get("for", "0s")), severity, summary)


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise BadExpression(f"{text!r} is no duration")
    return float(match[1]) * _UNITS[match[2]]


@dataclass
class Evaluator:
    """Looks at the rules again and again and remembers since when each holds."""

    rules: list[Rule]
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def firing(self, series: Series, at: float) -> list[Firing]:
        """The alerts whose rule has held for as long as it says."""
        held: dict[tuple[str, str], float] = {}
        found = []
        for rule in self.rules:
            for labels, value in rule.expression.evaluate(series, at).items():
                if math.isnan(value):
                    continue
                one = Firing(rule, target_of(labels), value, text_of(rule.summary, labels, value))
                held[one.key] = self._since.get(one.key, at)
                if at - held[one.key] >= rule.for_s:
                    found.append(one)
        self._since = held
        return found


def target_of(labels: Labels) -> str:
    """What an alert concerns, besides its venue: `part=projector`."""
    return ", ".join(f"{name}={value}" for name, value in sorted(labels) if name != "venue")


def text_of(summary: str, labels: Labels, value: float) -> str:
    """The summary with its labels and value put in."""
    text = summary.replace("{{ $value }}", f"{value:.4g}")
    for name, own in labels:
        text = text.replace(f"{{{{ $labels.{name} }}}}", own)
    return text
