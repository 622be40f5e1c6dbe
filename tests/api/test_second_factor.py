"""Over REST the rights of staff come with the code of the second factor (O-4)."""

from typing import Any

import pytest
from django_otp.oath import totp

from accounts import second_factor_services as services
from tests.api.conftest import PASSWORD, Answer, Api, Person, Site, make_user


@pytest.fixture
def operator(site: Site) -> Person:
    return make_user("olga", groups=("operator",), scopes=("read", "admin"))


def code_of(device: Any, steps: int = 0) -> str:
    return f"{totp(device.bin_key, drift=steps):06d}"


def set_up(person: Person) -> Any:
    device = services.begin(user=person.user)
    services.confirm(user=person.user, code=code_of(device))
    return device


def log_in(person: Person, **more: Any) -> Answer:
    return Api().post("auth/login", {"username": person.user.username, "password": PASSWORD, **more})


def may_manage(answer: Answer) -> bool:
    told = Api(answer.data["token"]).get("admin/venue")
    assert (told.status, told.code) in ((200, 0), (403, 9006))
    return told.status == 200


def test_staff_have_their_rights_only_with_the_code(operator: Person) -> None:
    assert may_manage(log_in(operator))
    device = set_up(operator)
    assert operator.get("auth/current-user").status == 401  # tokens made without a code have ended
    assert not may_manage(log_in(operator))
    wrong = f"{(int(code_of(device)) + 1) % 1_000_000:06d}"
    assert (log_in(operator, second_factor=wrong).status, log_in(operator, second_factor="x").code) == (
        401,
        9001,
    )
    for row in services.devices(operator.user):
        row.throttle_reset()
    assert may_manage(log_in(operator, second_factor=code_of(device, 1)))


@pytest.mark.parametrize("bad", [7, None, ["1"], "", "1" * 17])
def test_what_is_no_code_is_a_bad_field(operator: Person, bad: Any) -> None:
    answer = log_in(operator, second_factor=bad)
    assert answer.code == 9008 and "second_factor" in answer.text


def test_a_code_of_somebody_without_a_second_factor_is_refused(charlie: Person) -> None:
    answer = log_in(charlie, second_factor="123456")
    assert (answer.status, answer.code) == (401, 9001)


def test_a_session_without_the_code_neither_manages_nor_makes_tokens_that_do(operator: Person) -> None:
    set_up(operator)
    caller = Api()
    caller.client.force_login(operator.user, backend="django.contrib.auth.backends.ModelBackend")
    assert caller.get("orders").status == 200
    assert caller.get("admin/venue").code == 9006
    assert caller.post("auth/tokens", {"name": "x", "scopes": ["admin"]}).code == 9006
    assert caller.post("auth/tokens", {"name": "x", "scopes": ["read"]}).status == 201
