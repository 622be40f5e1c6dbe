"""One table of codes, one envelope, two languages (H-1, A-22)."""

import json
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from django.test import RequestFactory
from django.utils import translation
from rest_framework import exceptions, permissions
from rest_framework.response import Response
from rest_framework.views import APIView

from exchange_site.api import as_exchange_error, error_of
from exchange_site.exceptions import ExchangeError, message
from trading.engine.codes import CODES


@pytest.mark.parametrize(
    ("code", "params", "english", "chinese"),
    [
        (
            1001,
            {"required": 100_000_000, "available": 50_000_000},
            "insufficient funds: required 10000.00, available 5000.00",
            "资金不足: 需要 10000.00, 可用 5000.00",
        ),
        (
            2005,
            {"held": 5, "free": 3, "lots": 4},
            "insufficient position: held 5 lots, free to close 3, asked 4",
            "持仓不足: 持有 5 手, 可平 3 手, 平仓 4 手",
        ),
        (
            1004,
            {"ratio_ppm": 961_234, "limit_ppm": 950_000},
            "risk ratio too high: 96.12 % after the order, limit 95.00 %",
            "风险度过高: 下单后 96.12 %, 上限 95.00 %",
        ),
        (
            1011,
            {"tick": 2_000},
            "price not on the tick: tick 0.20",
            "价格不是最小变动价位的整数倍: 最小变动价位 0.20",
        ),
        (1006, {}, "account not found", "账户不存在"),
        (
            1002,
            {"ratio_ppm": 900_023, "limit_ppm": 500_000},
            "position limit: 90.00 % of the balance in one product, limit 50.00 %",
            "超过持仓限额: 单品种保证金占权益 90.00 %, 上限 50.00 %",
        ),
        (
            1002,
            {"lots": 31, "limit": 30},
            "position limit: 31 lots after the order, limit 30",
            "超过持仓限额: 下单后 31 手, 上限 30 手",
        ),
        (2004, {"amount": 12_345}, "withdrawal refused: 1.2345", "出金失败: 1.2345"),
    ],
)
def test_a_code_reads_in_both_languages(
    code: int, params: dict[str, Any], english: str, chinese: str
) -> None:
    assert message(code, params, "en") == english
    assert message(code, params, "zh-hans") == chinese


def test_every_code_has_both_names_and_a_status() -> None:
    for entry in CODES.values():
        assert entry.name_en and entry.name_zh and 400 <= entry.http < 600


def test_money_in_extra_is_yuan() -> None:
    error = ExchangeError(1001, {"required": 100_000_000, "available": 5_000, "symbol": "x"})
    extra = error_of(error)["error"]["extra"]
    assert extra == {"required": 10_000.0, "available": 0.5, "symbol": "x"}


def test_an_unknown_code_becomes_9999() -> None:
    assert ExchangeError(4242).code == 9999


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.NotAuthenticated(), 9002),
        (exceptions.AuthenticationFailed(), 9001),
        (exceptions.PermissionDenied(), 9006),
        (PermissionDenied(), 9006),
        (exceptions.NotFound(), 9007),
        (Http404(), 9007),
        (exceptions.MethodNotAllowed("PUT"), 9007),
        (exceptions.Throttled(3), 9004),
        (exceptions.ParseError("x"), 9003),
        (exceptions.UnsupportedMediaType("text/html"), 9003),
        (RequestDataTooBig(), 9003),
        (exceptions.ValidationError({"price": ["bad"]}), 9008),
    ],
)
def test_every_error_of_the_framework_has_a_code(error: Exception, code: int) -> None:
    found = as_exchange_error(error)
    assert found is not None
    assert found.code == code


def test_a_validation_error_names_its_field() -> None:
    found = as_exchange_error(exceptions.ValidationError({"price": ["bad"]}))
    assert found is not None
    assert found.params == {"field": "price"}


def test_a_fault_of_ours_is_no_refusal() -> None:
    assert as_exchange_error(ZeroDivisionError()) is None


class _Echo(APIView):
    """Answers the body; raises on request."""

    authentication_classes: list[Any] = []
    permission_classes = [permissions.AllowAny]

    def post(self, request: Any) -> Response:
        if request.data.get("boom"):
            raise ZeroDivisionError("secret detail")
        return Response(request.data)


def post(body: bytes, language: str = "en", content_type: str = "application/json") -> Any:
    request = RequestFactory().post("/api/echo", body, content_type=content_type)
    with translation.override(language):
        response = _Echo.as_view()(request)
        response.render()
    return response.status_code, json.loads(response.content)


def test_success_comes_in_the_envelope() -> None:
    assert post(b'{"a": 1}') == (200, {"success": True, "data": {"a": 1}, "error": None})


@pytest.mark.parametrize(
    "body",
    [b"{", b"[1]", b"3", b'"x"', b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe", b'{"a":' * 50],
)
def test_a_body_that_is_no_json_object_is_9003(body: bytes) -> None:
    status, answer = post(body)
    assert (status, answer["error"]["code"]) == (400, 9003)


def test_deep_nesting_is_9003() -> None:
    status, answer = post(b'{"a":' * 40 + b"1" + b"}" * 40)
    assert (status, answer["error"]["code"]) == (400, 9003)


def test_another_content_type_is_9003_with_415() -> None:
    status, answer = post(b"a=1", content_type="text/plain")
    assert (status, answer["error"]["code"]) == (415, 9003)


def test_a_crash_answers_5000_with_an_incident_and_no_trace() -> None:
    status, answer = post(b'{"boom": true}')
    assert (status, answer["error"]["code"]) == (500, 5000)
    assert len(answer["error"]["extra"]["incident_id"]) == 32
    assert "secret detail" not in json.dumps(answer)


def test_messages_follow_the_language() -> None:
    assert post(b"{", "zh-hans")[1]["error"]["message"] == "消息格式错误"
