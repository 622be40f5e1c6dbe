"""Staff of each group, signed in; a venue whose worker really runs, with its tables."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from exchange_site.streams import Keys, log_client
from tests.log.conftest import RunningWorker, open_venue

# Models are imported inside the fixtures: this file is read before Django is set up.


@pytest.fixture(autouse=True)
def no_cache_between_tests() -> None:
    cache.clear()


@pytest.fixture
def groups(db: None) -> list[Any]:
    from accounts.groups import seed_groups

    return seed_groups()


@pytest.fixture
def staff(groups: list[Any]) -> Callable[[str], Any]:
    """A staff user of a group by its name; "" is in no group, "superuser" is one."""

    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    def make(name: str) -> Any:
        user, made = get_user_model().objects.get_or_create(username=f"{name or 'nobody'}_one")
        if made:
            user.is_staff = True
            user.is_superuser = name == "superuser"
            user.set_unusable_password()
            user.save()
            user.groups.set(Group.objects.filter(name=name))
        return user

    return make


@pytest.fixture
def client_of(staff: Callable[[str], Any]) -> Callable[[str], Client]:
    """A signed-in client of a group's member."""

    def make(name: str) -> Client:
        client = Client()
        client.force_login(staff(name))
        return client

    return make


@pytest.fixture
def root(db: None) -> Client:
    """A superuser, signed in."""
    from django.contrib.auth import get_user_model

    client = Client()
    client.force_login(get_user_model().objects.create(username="root_one", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def desk(transactional_db: None) -> Iterator[Any]:
    """A venue with a worker in a thread and its events in the tables."""
    from tests.admin.desk import Desk

    name = f"t{uuid4().hex[:12]}"
    worker = RunningWorker(name)
    open_venue(name)
    desk = Desk(name)
    desk.project()
    yield desk
    worker.stop()
    with log_client() as client:
        for key in client.keys(f"{Keys(name).prefix}*"):
            client.delete(key)
