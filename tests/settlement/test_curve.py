"""The path of equity through a day: marked to market whatever was opened or closed."""

from settlement.calc.curve import Holding, Step, equity_path

M = 60


def test_it_marks_what_was_held_and_what_was_traded() -> None:
    held = {"a": Holding(2, 100, 10), "b": Holding(0, 50, 1)}
    steps = [Step(30, -5, "a", -1, 110 * 10), Step(90, -1, "b", 3, 3 * 52), Step(95, 1_000)]
    marks = [(M, "a", 120), (2 * M, "b", 55), (2 * M, "a", 90)]
    path = equity_path(10_000, held, steps, marks)
    first = 10_000 + (120 - 100) * 10 + (110 - 100) * 10 - 5
    second = 10_000 + (90 - 100) * 10 + (110 - 100) * 10 - 5 + 3 * (55 - 52) - 1 + 1_000
    assert path == [(M, first), (2 * M, second)]


def test_without_a_mark_there_is_no_path() -> None:
    assert equity_path(5, {}, [Step(1, 3)], []) == []
