"""The five staff groups and what each may do (O-4); `manage.py seed_groups` writes them."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, Permission

BOOKS = (
    "trading.view_venue",
    "trading.view_tradingaccount",
    "trading.view_order",
    "trading.view_trade",
    "trading.view_position",
    "trading.view_conditionalorder",
    "trading.view_risknotice",
    "trading.view_liquidationrecord",
    "trading.view_liquidationstep",
    "trading.view_cashflow",
    "trading.view_instrument",
    "trading.view_product",
    "trading.view_raterow",
    "trading.view_tradingday",
    "trading.view_sessiontemplate",
    "trading.view_notification",
    "accounts.view_announcement",
    "settlement.view_contest",
    "settlement.view_contestentry",
    "trading.view_all",
    "accounts.view_bank",
)
SETTLED = ("trading.view_accountday", "trading.view_settlementday", "settlement.view_settlementrun")
JOBS = ("settlement.view_job",)
MONEY = (
    "accounts.view_moneyrequest",
    "accounts.view_bankaccount",
    "accounts.view_fundpassword",
    "trading.view_delistingrequest",
)
PEOPLE = ("accounts.view_user", "accounts.view_authtoken", "axes.view_accessattempt")
RECORDS = ("trading.view_auditlog", "admin.view_logentry", "trading.view_rejectcount")
SETTINGS = ("accounts.view_venuesetting",)

FEEDS = ("marketdata.view_feedconnection",)
WATCH = ("monitoring.view_alert", "monitoring.view_report")

GROUPS: dict[str, tuple[str, ...]] = {
    "operator": (
        *BOOKS,
        *SETTLED,
        *PEOPLE,
        *SETTINGS,
        *JOBS,
        "settlement.run_job",
        *FEEDS,
        "marketdata.add_feedconnection",
        "marketdata.change_feedconnection",
        "marketdata.delete_feedconnection",
        "marketdata.operate_feeds",
        "trading.view_rejectcount",
        *WATCH,
        "monitoring.acknowledge_alert",
        "monitoring.close_sockets",
        "monitoring.command_processes",
        "trading.operate_instruments",
        "trading.operate_accounts",
        "trading.move_money",
        *MONEY,
        "trading.cancel_any_order",
        "trading.halt_venue",
        "accounts.operate_users",
        "accounts.add_bank",
        "accounts.change_bank",
        "accounts.add_bankaccount",
        "accounts.change_bankaccount",
        "accounts.delete_bankaccount",
        "accounts.change_venuesetting",
        "accounts.add_announcement",
        "accounts.change_announcement",
        "accounts.delete_announcement",
        "settlement.add_contest",
        "settlement.change_contest",
        "settlement.delete_contest",
        "settlement.operate_contests",
    ),
    "risk": (
        *BOOKS,
        *SETTLED,
        *SETTINGS,
        *WATCH,
        "monitoring.acknowledge_alert",
        "trading.view_rejectcount",
        "trading.operate_accounts",
        "trading.cancel_any_order",
        "trading.halt_venue",
        "trading.manage_risk",
    ),
    "settlement": (*BOOKS, *SETTLED, *SETTINGS, *JOBS, *WATCH, "settlement.run_job", "settlement.settle"),
    "auditor": (
        *BOOKS,
        *SETTLED,
        *PEOPLE,
        *RECORDS,
        *SETTINGS,
        *JOBS,
        *MONEY,
        *FEEDS,
        *WATCH,
        "auth.view_group",
    ),
    "support": (*BOOKS, *PEOPLE, "accounts.operate_users"),
}


class UnknownPermission(Exception):
    """A group names a permission that no model declares."""


def find(names: Iterable[str]) -> list[Permission]:
    """The permissions of these `app.codename`s; UnknownPermission names what is missing."""
    wanted = set(names)
    rows = Permission.objects.select_related("content_type").filter(
        codename__in={name.split(".")[1] for name in wanted}
    )
    found = {f"{row.content_type.app_label}.{row.codename}": row for row in rows}
    missing = sorted(wanted - set(found))
    if missing:
        raise UnknownPermission(", ".join(missing))
    return [found[name] for name in sorted(wanted)]


def seed_groups() -> list[Group]:
    """Make the groups or bring them back to the table; safe to run again."""
    groups = []
    for name, names in GROUPS.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.set(find(names))
        groups.append(group)
    return groups
