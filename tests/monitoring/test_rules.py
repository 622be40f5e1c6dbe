"""Rules, dashboard and the names that are exported fit together (O-30, O-33)."""

import json
import re
from pathlib import Path

import pytest

from exchange_site.metrics.catalogue import METRICS, series_names
from monitoring.promql import NONE, Expression, Series
from monitoring.rules import SHIPPED, BadRules, Evaluator, Rule, load_rules

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "docs" / "monitoring" / "dashboard.json"
DEMANDED = {
    "PartDown", "LogWriteError", "WorkerLag", "ProjectorLag", "OrderLatency", "Rejects", "Sockets", "Disk",
    "FeedLinks", "SettlementLate", "CalendarShort",
}  # fmt: skip


def test_the_shipped_rules_are_read_and_use_exported_names_alone() -> None:
    rules = load_rules(SHIPPED)
    assert {rule.name for rule in rules} >= DEMANDED
    for rule in rules:
        assert rule.expression.names <= series_names()


def test_the_dashboard_uses_exported_names_alone_and_shows_every_part() -> None:
    board = json.loads(DASHBOARD.read_text())
    expressions = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    assert len(expressions) >= 20
    names = set()
    for text in expressions:
        names |= Expression(text.replace("$__rate_interval", "1m")).names
    assert names <= series_names()
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}
    parts = {metric.by for metric in METRICS}
    assert {metric.by for metric in METRICS if metric.name in shown} == parts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("groups: [{rules: [{alert: A, expr: exchange_made_up > 1}]}]", "exchange_made_up"),
        ("groups: [{rules: [{alert: A, expr: exchange_alerts_open >}]}]", "not expected"),
        ("groups: [{rules: [{alert: A, expr: exchange_alerts_open > 1, for: soon}]}]", "soon"),
        (
            "groups: [{rules: [{alert: A, expr: exchange_alerts_open > 1, labels: {severity: bad}}]}]",
            "severity",
        ),
        ("groups: 7", "object"),
        ("groups: [", "expected"),
    ],
)
def test_bad_rules_are_refused_with_their_reason(text: str, why: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(text)
    with pytest.raises(BadRules, match=why):
        load_rules(path)


def test_a_rule_fires_after_it_has_held_for_its_time() -> None:
    rule = Rule("Late", Expression("exchange_worker_lag_seconds > 1"), 20.0, "warning", "{{ $value }} s late")
    evaluator, series = Evaluator([rule]), Series()
    told = []
    for at, lag in ((0, 2.0), (15, 2.0), (30, 2.5), (45, 0.0), (60, 3.0)):
        series.add(float(at), [("exchange_worker_lag_seconds", NONE, lag)])
        told.append([one.summary for one in evaluator.firing(series, float(at))])
    assert told == [[], [], ["2.5 s late"], [], []]
