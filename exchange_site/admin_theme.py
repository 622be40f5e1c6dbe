"""`UNFOLD`: the look of the admin and its menu. Nothing is loaded from another host."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def may(permission: str) -> Callable[[HttpRequest], bool]:
    """A callback that tells whether the user holds a permission."""
    return lambda request: bool(request.user.has_perm(permission))


def link(title: Any, icon: str, model: str) -> dict[str, Any]:
    """A menu line to the list of `app.model`, for those who may view it."""
    app, name = model.split(".")
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{name}_changelist"),
        "permission": may(f"{app}.view_{name}"),
    }


def on_venue_page(request: HttpRequest) -> bool:
    """Whether the page is one of the venue's, the settings aside, which have their own line."""
    path = request.path
    return "/trading/venue/" in path and "/settings/" not in path


def page(title: Any, icon: str, name: str, permission: str) -> dict[str, Any]:
    """A menu line to a page that is no list."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{name}"),
        "permission": may(permission),
    }


def on_alerts(request: HttpRequest) -> bool:
    """Whether the page is one of the alerts', those with their own lines aside."""
    path = request.path
    return "/monitoring/alert/" in path and not path.endswith(
        ("/log/", "/sockets/", "/processes/", "/processes/command/")
    )


def on_risk_notices(request: HttpRequest) -> bool:
    """Whether the page is one of the risk notices', the desk aside."""
    path = request.path
    return "/trading/risknotice/" in path and not path.endswith("/desk/")


def group(title: Any, *items: dict[str, Any]) -> dict[str, Any]:
    """A titled part of the menu."""
    return {"title": title, "separator": True, "collapsible": False, "items": list(items)}


NAVIGATION: list[dict[str, Any]] = [
    {
        "items": [
            {"title": _("Home"), "icon": "home", "link": reverse_lazy("admin:index")},
            {**link(_("Venue"), "storefront", "trading.venue"), "active": on_venue_page},
            {
                "title": _("Settings"),
                "icon": "tune",
                "link": reverse_lazy("admin:trading_venue_settings"),
                "permission": may("accounts.view_venuesetting"),
            },
        ]
    },
    group(
        _("Orders and trades"),
        link(_("Orders"), "receipt_long", "trading.order"),
        link(_("Trades"), "swap_horiz", "trading.trade"),
        link(_("Positions"), "stacked_bar_chart", "trading.position"),
        link(_("Conditional orders"), "rule", "trading.conditionalorder"),
    ),
    group(
        _("Risk"),
        page(_("Risk desk"), "speed", "trading_risk_desk", "trading.view_risknotice"),
        {**link(_("Risk notices"), "crisis_alert", "trading.risknotice"), "active": on_risk_notices},
        link(_("Liquidations"), "gpp_bad", "trading.liquidationrecord"),
        link(_("Liquidation steps"), "format_list_numbered", "trading.liquidationstep"),
    ),
    group(
        _("Accounts and money"),
        link(_("Trading accounts"), "account_balance_wallet", "trading.tradingaccount"),
        link(_("Cash flows"), "payments", "trading.cashflow"),
        link(_("Approvals"), "how_to_reg", "accounts.moneyrequest"),
        link(_("Banks"), "account_balance", "accounts.bank"),
        link(_("Signed bank accounts"), "handshake", "accounts.bankaccount"),
        link(_("Fund passwords"), "password", "accounts.fundpassword"),
        link(_("Statements"), "calendar_view_day", "trading.accountday"),
        link(_("Settlement runs"), "gavel", "settlement.settlementrun"),
        link(_("Settlement days"), "fact_check", "trading.settlementday"),
    ),
    group(
        _("Listings"),
        link(_("Instruments"), "candlestick_chart", "trading.instrument"),
        link(_("Waiting delistings"), "pending_actions", "trading.delistingrequest"),
        link(_("Products"), "category", "trading.product"),
        link(_("Rates"), "percent", "trading.raterow"),
        link(_("Trading days"), "calendar_month", "trading.tradingday"),
        link(_("Sessions"), "schedule", "trading.sessiontemplate"),
    ),
    group(
        _("Market data"),
        link(_("Feed connections"), "cable", "marketdata.feedconnection"),
        {
            "title": _("Export"),
            "icon": "download",
            "link": reverse_lazy("admin:marketdata_export"),
            "permission": may("trading.view_order"),
        },
    ),
    group(
        _("Monitoring"),
        {**link(_("Alerts"), "warning", "monitoring.alert"), "active": on_alerts},
        page(_("Log"), "database", "monitoring_log", "monitoring.view_alert"),
        page(_("Processes"), "memory", "monitoring_processes", "monitoring.view_alert"),
        page(_("Sockets"), "lan", "monitoring_sockets", "monitoring.view_alert"),
        link(_("Reports"), "summarize", "monitoring.report"),
    ),
    group(
        _("People"),
        link(_("Users"), "person", "accounts.user"),
        link(_("Groups"), "groups", "auth.group"),
        link(_("API tokens"), "key", "accounts.authtoken"),
        link(_("Announcements"), "campaign", "accounts.announcement"),
        link(_("Contests"), "emoji_events", "settlement.contest"),
        link(_("Contestants"), "military_tech", "settlement.contestentry"),
        link(_("Blocked log-ins"), "lock_clock", "axes.accessattempt"),
    ),
    group(
        _("Records"),
        link(_("Audit log"), "policy", "trading.auditlog"),
        link(_("Log entries"), "history", "admin.logentry"),
        link(_("Notifications"), "notifications", "trading.notification"),
        link(_("Refusals"), "block", "trading.rejectcount"),
        link(_("Jobs"), "schedule_send", "settlement.job"),
    ),
]

BLUE = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Exchange"),
    "SITE_HEADER": _("Exchange"),
    "SITE_SUBHEADER": _("Control room"),
    "SITE_SYMBOL": "candlestick_chart",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("exchange/favicon.svg"),
        }
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_BACK_BUTTON": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "monitoring.home.dashboard",
    "ENVIRONMENT": "monitoring.home.environment",
    "COLORS": {"primary": BLUE},
    "STYLES": [lambda request: static("exchange/admin.css")],
    "SCRIPTS": [lambda request: static("exchange/admin.js")],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Change password"), "link": reverse_lazy("admin:password_change")},
            {"title": _("Second factor"), "link": reverse_lazy("admin:second_factor")},
        ]
    },
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": NAVIGATION},
}
