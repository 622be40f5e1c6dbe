"""Errors outside any REST view come in the envelope too (H-1)."""

from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory

from exchange_site import errors

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("language", "text"), [("en", "not found"), ("zh-CN,zh;q=0.9", "未找到"), ("zh-Hans", "未找到")]
)
def test_an_unknown_path_is_9007_in_the_language_of_the_request(language: str, text: str) -> None:
    answer = Client().get("/api/no/such/path", headers={"accept-language": language})
    assert answer.status_code == 404
    body = answer.json()
    assert (body["success"], body["data"], body["error"]["code"]) == (False, None, 9007)
    assert body["error"]["message"] == text


def test_a_request_id_goes_in_and_out() -> None:
    assert Client().get("/api/none", headers={"x-request-id": "abc-1"}).headers["X-Request-ID"] == "abc-1"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>"])
def test_an_unsound_request_id_is_replaced(given: str) -> None:
    made = Client().get("/api/none", headers={"x-request-id": given}).headers["X-Request-ID"]
    assert made != given and len(made) == 32


def test_a_host_of_others_is_9003_under_the_api() -> None:
    answer = Client().get("/api/none", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 9003


def request_of(path: str) -> HttpRequest:
    return RequestFactory().get(path)


def test_a_crash_outside_rest_has_an_incident_id_and_no_trace() -> None:
    answer = errors.server_error(request_of("/api/x"))
    assert answer.status_code == 500
    assert b"5000" in answer.content and b"incident_id" in answer.content


@pytest.mark.parametrize(
    ("handler", "status"),
    [(errors.bad_request, 400), (errors.permission_denied, 403), (errors.not_found, 404)],
)
def test_pages_outside_the_api_are_no_json(handler: Any, status: int) -> None:
    answer = handler(request_of("/elsewhere"), Exception("x"))
    assert answer.status_code == status
    assert "json" not in answer.headers["Content-Type"]


def test_a_refused_form_is_403_in_its_own_shape() -> None:
    assert b"9006" in errors.csrf_refused(request_of("/api/x"), "no token").content
    assert errors.csrf_refused(request_of("/admin/"), "no token").status_code == 403


def test_a_missing_token_is_401_and_says_what_is_wanted() -> None:
    answer = Client().get("/api/auth/current-user")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 9002)
    assert answer.headers["WWW-Authenticate"] == "Token"
