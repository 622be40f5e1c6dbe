"""The tables themselves: migrations, constraints, partitions, tokens and users."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import AuthToken, IdempotencyKey, User
from accounts.venue_settings import DEFINITIONS, check, value, values, write
from tests.db.events import DAY, market, trading
from tests.db.support import project
from trading import models
from trading.partitions import PARTITIONED, ensure_partitions

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_the_models_need_no_further_migration() -> None:
    call_command("makemigrations", "--check", "--dry-run", "accounts", "trading", stdout=StringIO())


def test_the_partitioned_tables_have_their_keys_and_an_empty_default() -> None:
    with connection.cursor() as cursor:
        for table in PARTITIONED:
            cursor.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = %s::regclass AND contype = 'p'",
                [table],
            )
            assert cursor.fetchone() == ("PRIMARY KEY (id, trading_day)",)
            cursor.execute(f"SELECT count(*) FROM {table}_default")
            assert cursor.fetchone() == (0,)


def test_no_projected_table_has_a_trigger_or_a_foreign_key() -> None:
    tables = [model._meta.db_table for model in (models.Order, models.Trade, models.Position)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgrelid = ANY(%s::regclass[])", [tables])
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])",
            [tables],
        )
        assert cursor.fetchone() == (0,)


def test_a_partition_is_made_once() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        ensure_partitions(cursor, [20270101, 20270102])
        ensure_partitions(cursor, [20270101])
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '%%_p2027010_'")
        assert cursor.fetchone()[0] >= 2 * len(PARTITIONED)


def flow(**changes: Any) -> models.CashFlow:
    row: dict[str, Any] = {
        "id": 1, "venue_id": 1, "trading_day": DAY, "seq": 1, "flow_id": "TXN1",
        "account_id": "A", "kind": "deposit", "amount": Decimal(5), "balance_before": Decimal(1),
        "balance_after": Decimal(6), "time_ns": 1, "time": NOW,
    }  # fmt: skip
    return models.CashFlow(**(row | changes))


def test_a_flow_whose_balances_do_not_add_up_is_refused() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        ensure_partitions(cursor, [DAY])
    flow().save(force_insert=True)
    with pytest.raises(IntegrityError, match="cashflow_money"):
        flow(id=2, flow_id="TXN2", balance_after=Decimal("6.0001")).save(force_insert=True)
    with pytest.raises(IntegrityError, match="flow_id"):
        flow(id=3).save(force_insert=True)


@pytest.mark.parametrize(
    ("model", "change", "constraint"),
    [
        (models.TradingAccount, {"margin": -1}, "account_money"),
        (models.TradingAccount, {"frozen_commission": Decimal("-0.0001")}, "account_money"),
        (models.Position, {"long_frozen_today": 10**6}, "position_figures"),
        (models.Position, {"short_margin": -1}, "position_figures"),
        (models.Order, {"volume_left": 2}, "order_figures"),
        (models.Order, {"frozen_margin": -1}, "order_figures"),
        (models.Trade, {"volume": 0}, "trade_figures"),
        (models.Trade, {"commission": -1}, "trade_figures"),
        (models.Instrument, {"price_tick": 0}, "instrument_figures"),
    ],
)
def test_bad_figures_are_refused(model: Any, change: dict[str, Any], constraint: str) -> None:
    maker = market()
    trading(maker, 2)
    project(maker.take())
    with pytest.raises(IntegrityError, match=constraint):
        model.objects.update(**change)


def test_a_client_order_id_is_taken_once_a_day_by_accepted_orders_only() -> None:
    maker = market()
    trading(maker, 1)
    project(maker.take())
    first, second = models.Order.objects.order_by("id")
    with pytest.raises(IntegrityError, match="order_id"), transaction.atomic():
        models.Order.objects.filter(id=second.id).update(order_id=first.order_id, account_id=first.account_id)
    models.Order.objects.filter(id=second.id).update(
        order_id=first.order_id, account_id=first.account_id, exchange_order_id=0
    )


def test_a_username_has_its_shape_and_never_changes() -> None:
    alice = User.objects.create_user("alice", password="x")
    assert len(alice.id.hex) == 32
    with pytest.raises(IntegrityError, match="user_username_shape"):
        User.objects.create_user("Alice!")
    known = User.objects.get(username="alice")
    known.username = "charlie"
    with pytest.raises(ValidationError):
        known.save()
    alice.username = "charlie"
    with pytest.raises(ValidationError):
        alice.save()


def test_a_token_is_named_scoped_and_expires() -> None:
    bob = User.objects.create_user("bob")
    token, secret = AuthToken.objects.create(bob, expiry=timedelta(hours=1), name="strategy", scopes=["read"])
    assert secret and secret not in token.digest
    assert token.allows("read") and not token.allows("trade")
    assert token.expiry > token.created
    token.scopes = ["everything"]
    with pytest.raises(ValidationError):
        token.clean()


def test_an_idempotency_key_is_one_users() -> None:
    alice, charlie = User.objects.create_user("alice"), User.objects.create_user("charlie")
    row = {"key": "k", "request_digest": "d", "command_id": "0" * 32}
    IdempotencyKey.objects.create(user=alice, **row)
    IdempotencyKey.objects.create(user=charlie, **row)
    with pytest.raises(IntegrityError, match="idempotency_user_key"):
        IdempotencyKey.objects.create(user=alice, **row)


def test_a_setting_has_its_default_until_it_is_written() -> None:
    assert value("main", "practice_money") == 0
    write("main", {"practice_money": 1}, user_id="u", reason="demo")
    assert value("main", "practice_money") == 1
    assert values("other")["practice_money"] == 0
    assert set(values("main")) == set(DEFINITIONS)


def test_a_setting_that_is_unknown_out_of_bounds_or_tradings_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown setting"):
        check("speed", 1)
    with pytest.raises(ValueError, match="from 0 to 1"):
        check("practice_money", 2)
    with pytest.raises(ValueError, match="through the log"):
        write("main", {"max_risk_ppm": 900_000})
