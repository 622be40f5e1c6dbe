"""Both languages are complete, and what is compiled is what is written (O-7)."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.admin.rows import fill

PLACEHOLDER = r"%\((\w+)\)[sd]"


@pytest.fixture(scope="module")
def translations() -> ModuleType:
    path = settings.BASE_DIR / "locale" / "translations.py"
    spec = importlib.util.spec_from_file_location("translations", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["translations"] = module
    spec.loader.exec_module(module)
    return module


def test_every_string_has_a_chinese_text(translations: Any) -> None:
    assert translations.missing() == []


def test_the_compiled_catalogue_is_the_written_one(translations: Any) -> None:
    assert translations.MO.read_bytes() == translations.compiled()


def test_a_chinese_text_keeps_the_placeholders_of_its_string(translations: Any) -> None:
    import re

    for message in translations.read():
        if not message.id:
            continue
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        texts = message.string if isinstance(message.string, tuple) else (message.string,)
        for text in texts:
            assert set(re.findall(PLACEHOLDER, text)) == set(re.findall(PLACEHOLDER, ids[0])), ids


@pytest.mark.django_db
def test_the_admin_speaks_the_language_that_is_asked_for(root: Client) -> None:
    fill(1)
    for language, words in (("zh-hans", "报单"), ("en", "Orders")):
        page = root.get(reverse("admin:trading_order_changelist"), headers={"accept-language": language})
        assert words in page.content.decode()


@pytest.mark.django_db
def test_the_language_is_switched_from_the_menu(root: Client) -> None:
    answer = root.post("/i18n/setlang/", {"language": "zh-hans", "next": "/admin/"})
    assert answer.status_code == 302
    assert "控制室" in root.get("/admin/").content.decode()
