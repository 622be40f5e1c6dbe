"""Every page of the admin in a real Chromium: no console error, no failed or foreign request."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright

from exchange_site.admin_operations import OperationsMixin
from tests.admin.rows import fill
from tests.log.conftest import ALICE
from trading.admin.accounts import TradingAccountAdmin
from trading.models import AuditLog, TradingAccount

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SCREENS = [("en", 1440), ("zh-hans", 390)]


@pytest.fixture
def in_browser() -> Iterator[Callable[..., Any]]:
    """Run a function with a page, in a thread of its own: Playwright brings an event loop."""
    pool = ThreadPoolExecutor(1)

    def run(work: Callable[[Page], Any], base: str, client: Client, language: str, width: int) -> Any:
        cookies = [
            {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base},
            {"name": "django_language", "value": language, "url": base},
        ]
        return pool.submit(browse, work, base, cookies, language, width).result()

    yield run
    pool.shutdown()


def browse(work: Callable[[Page], Any], base: str, cookies: Any, language: str, width: int) -> Any:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = browser.new_context(
            base_url=base, viewport={"width": width, "height": 900}, locale=language
        )
        context.add_cookies(cookies)
        try:
            return work(context.new_page())
        finally:
            browser.close()


def watch(page: Page, base: str) -> list[str]:
    """What goes wrong on a page, as it goes wrong."""
    faults: list[str] = []

    def console(message: Any) -> None:
        if message.type == "error":
            faults.append(f"{page.url}: {message.text}")

    def asked(request: Any) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(base):
            faults.append(f"{page.url} asked {request.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
    page.on("request", asked)
    page.on("response", lambda r: r.status < 400 or faults.append(f"{r.status} {r.url}"))
    page.on("requestfailed", lambda r: faults.append(f"{page.url} failed {r.url} {r.failure}"))
    return faults


def every_page() -> list[str]:
    """Addresses of every list, row, operation and page of its own."""
    pages = [reverse("admin:index"), reverse("admin:trading_venue_settings")]
    pages += [reverse("admin:accounts_user_add"), reverse("admin:auth_group_add")]
    pages += [reverse("admin:password_change"), reverse("admin:second_factor")]
    pages += [reverse("admin:trading_risk_desk")]
    pages += [reverse(f"admin:monitoring_{name}") for name in ("log", "sockets", "processes")]
    for model, model_admin in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.first()
        pages.append(reverse(f"admin:{name}_changelist"))
        pages.append(reverse(f"admin:{name}_change", args=[row.pk]))
        if isinstance(model_admin, OperationsMixin):
            for kind in model_admin.operations:
                pages.append(f"{model_admin.operate_url(kind.name)}?ids={row.pk}")
    return pages


def visit(page: Page, base: str, addresses: list[str], width: int) -> list[str]:
    """Open every page; what went wrong, and what does not fit the screen."""
    faults = watch(page, base)
    for address in addresses:
        page.goto(address)
        page.evaluate("document.fonts.ready.then(() => true)")
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            faults.append(f"{address} is {wide} wide")
    return faults


@pytest.mark.parametrize(("language", "width"), SCREENS)
def test_every_page_opens_without_a_fault(
    language: str,
    width: int,
    transactional_db: None,
    live_server: Any,
    root: Client,
    in_browser: Callable[..., Any],
) -> None:
    fill(3)
    base, addresses = live_server.url, every_page()
    work = lambda page: visit(page, base, addresses, width)  # noqa: E731
    assert in_browser(work, base, root, language, width) == []


def freeze_by_mouse(page: Page) -> str:
    """Tick Alice's account, choose Freeze, give a reason, look, confirm."""
    page.goto(reverse("admin:trading_tradingaccount_changelist") + f"?q={ALICE.account_id}")
    page.locator("input.action-select").last.check()
    page.locator("select[name=action]").first.select_option("freeze")
    page.locator("button[name=index], button[title='Run']").first.click()
    page.locator("[name=reason]").fill("margin call unanswered")
    page.get_by_role("button", name="Continue").click()
    assert "Active → Frozen" in page.locator("#effects").inner_text()
    page.locator("button[value=confirm]").click()
    return str(page.locator("#results").inner_text())


def test_an_operator_freezes_an_account_by_mouse(
    desk: Any,
    live_server: Any,
    client_of: Callable[[str], Client],
    in_browser: Callable[..., Any],
) -> None:
    client = client_of("operator")
    said = in_browser(freeze_by_mouse, live_server.url, client, "en", 1440)
    assert ALICE.account_id in said
    assert "DONE" in said.upper()
    desk.project()
    row = TradingAccount.objects.get(account_id=ALICE.account_id)
    assert (row.status, row.freeze_reason) == ("FROZEN", "margin call unanswered")
    assert AuditLog.objects.get(action="freeze").username == "operator_one"


def open_buttons(page: Page, address: str) -> list[str]:
    """The operations that a row's page offers on a phone, once its menus are open."""
    page.goto(address)
    page.locator("#header-inner").get_by_text("more_horiz").click()
    page.locator("a:visible", has_text="操作").first.click()
    links = page.locator("nav a[href*='/operate/']:visible")
    links.first.wait_for()
    return [str(link.get_attribute("href")) for link in links.all()]


def test_operations_are_reachable_on_a_phone(
    transactional_db: None,
    live_server: Any,
    root: Client,
    in_browser: Callable[..., Any],
) -> None:
    fill(1)
    row = TradingAccount.objects.get()
    address = reverse("admin:trading_tradingaccount_change", args=[row.pk])
    work = lambda page: open_buttons(page, address)  # noqa: E731
    offered = in_browser(work, live_server.url, root, "zh-hans", 390)
    assert len(offered) == len(TradingAccountAdmin.operations)
    assert all(f"ids={row.pk}" in link for link in offered)


def live_figures(page: Page) -> list[str]:
    page.goto("/admin/")
    seen = [page.locator("#trading-day").inner_text()]
    with page.expect_response(
        lambda r: r.url.endswith("/admin/") and r.request.is_navigation_request() is False
    ):
        pass
    page.wait_for_function("Chart.getChart(document.querySelector('#home canvas.chart')) !== undefined")
    return [*seen, page.locator("#trading-day").inner_text()]


def test_the_control_room_keeps_its_figures_fresh(
    transactional_db: None, live_server: Any, root: Client, in_browser: Callable[..., Any]
) -> None:
    venue = fill(1)
    assert in_browser(live_figures, live_server.url, root, "en", 1440) == [str(venue.trading_day)] * 2
