"""One error type and the one place that puts a code into words (A-22)."""

from decimal import Decimal
from typing import Any

from django.utils.translation import get_language

from trading.engine.codes import CODES, MONEY_PARAMS, RATIO_PARAMS, UNKNOWN_ERROR
from trading.engine.units import SCALE

_DETAILS_EN: dict[int, str] = {
    1001: "required {required}, available {available}",
    1003: "{amount}, limit {limit_amount}",
    1004: "{ratio_ppm} after the order, limit {limit_ppm}",
    1008: "{field}",
    1009: "{phase}",
    1010: "allowed {lower} to {upper}",
    1011: "tick {tick}",
    1012: "{phase}",
    1013: "{order_id}",
    2005: "held {held} lots, free to close {free}, asked {lots}",
    6001: "{symbol}",
    9008: "{field}",
}
_DETAILS_ZH: dict[int, str] = {
    1001: "需要 {required}, 可用 {available}",
    1003: "{amount}, 上限 {limit_amount}",
    1004: "下单后 {ratio_ppm}, 上限 {limit_ppm}",
    1008: "{field}",
    1009: "{phase}",
    1010: "允许范围 {lower} 至 {upper}",
    1011: "最小变动价位 {tick}",
    1012: "{phase}",
    1013: "{order_id}",
    2005: "持有 {held} 手, 可平 {free} 手, 平仓 {lots} 手",
    6001: "{symbol}",
    9008: "{field}",
}
_BY_PARAM: dict[tuple[int, str], tuple[str, str]] = {
    # Where one code stands for several rules, a param tells which it was.
    (1002, "lots"): ("{lots} lots after the order, limit {limit}", "下单后 {lots} 手, 上限 {limit} 手"),
    (1002, "ratio_ppm"): (
        "{ratio_ppm} of the balance in one product, limit {limit_ppm}",
        "单品种保证金占权益 {ratio_ppm}, 上限 {limit_ppm}",
    ),
    (2003, "amount"): ("{amount}", "{amount}"),
    (2003, "reference"): ("reference {reference} was used before", "流水号 {reference} 已使用"),
    (2004, "amount"): ("{amount}", "{amount}"),
    (2004, "reference"): ("reference {reference} was used before", "流水号 {reference} 已使用"),
    (2004, "required"): ("required {required}, available {available}", "需要 {required}, 可用 {available}"),
    (9008, "reason"): ("{field}: {reason}", "{field}: {reason}"),
}


class ExchangeError(Exception):
    """A refusal with a code of the one table.

    `params` are the figures its text shows (ints in core units); `extra` is what the
    answer carries besides, for programs.
    """

    def __init__(
        self, code: int, params: dict[str, Any] | None = None, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(f"{code} {CODES.get(code, CODES[UNKNOWN_ERROR]).name_en}")
        self.code = code if code in CODES else UNKNOWN_ERROR
        self.params = params or {}
        self.extra = extra or {}

    @property
    def http_status(self) -> int:
        return CODES[self.code].http


def is_chinese(language: str | None = None) -> bool:
    """Is the language, or the request's, Chinese?"""
    return (language or get_language() or "en").lower().startswith("zh")


def shown(name: str, value: Any) -> str:
    """A param as people read it: yuan with two to four decimals, per cent, or as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        if name in MONEY_PARAMS:
            return money_text(value)
        if name in RATIO_PARAMS:
            return "> 100 %" if value < 0 else f"{Decimal(value) / 10_000:.2f} %"
    return str(value)


def public_params(params: dict[str, Any]) -> dict[str, Any]:
    """Params for programs: money as numbers in yuan, the rest as it is."""
    return {
        name: value / SCALE if name in MONEY_PARAMS and isinstance(value, int) else value
        for name, value in params.items()
    }


def money_text(units: int) -> str:
    """1/10 000 yuan as yuan: 100000000 → 10000.00, 12345 → 1.2345."""
    amount = Decimal(units) / SCALE
    return f"{amount:.2f}" if units % 100 == 0 else f"{amount:.4f}"


def message(code: int, params: dict[str, Any] | None = None, language: str | None = None) -> str:
    """The text of a code: its name and, where the params are there, its figures."""
    chinese = is_chinese(language)
    entry = CODES.get(code, CODES[UNKNOWN_ERROR])
    name = entry.name_zh if chinese else entry.name_en
    values = {key: shown(key, value) for key, value in (params or {}).items()}
    template = (_DETAILS_ZH if chinese else _DETAILS_EN).get(code, "")
    for name_of_param in values:
        template = _BY_PARAM.get((code, name_of_param), (template, template))[chinese]
    try:
        detail = template.format(**values) if template and values else ""
    except KeyError:
        detail = ", ".join(f"{key} {value}" for key, value in values.items())
    return f"{name}: {detail}" if detail else name
