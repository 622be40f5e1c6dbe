"""Seed, import and export, settings and the ledger audit against a running worker."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from accounts.venue_settings import values
from tests.db.support import follow, tables
from trading import models
from trading.commands import send, send_many
from trading.engine.messages import BeginSettlement, CreateVenue, OpenAccount, PlaceOrder, Withdraw
from trading.engine.units import SCALE
from trading.instrument_csv import HEADER, BadFile, export_csv, parse_csv
from trading.ledger_audit import audit

pytestmark = pytest.mark.django_db(transaction=True)


def run(command: str, *arguments: Any) -> str:
    """A management command's output."""
    output = StringIO()
    call_command(command, *map(str, arguments), stdout=output, stderr=output)
    return output.getvalue()


def seed(venue: str) -> str:
    return run("seed", "--venue", venue, "--mode", "always", "--demo", "--admin-password", "x-1")


@pytest.fixture
def seeded(worker: str) -> str:
    """A venue with every real contract, projected."""
    seed(worker)
    follow(worker)
    return worker


def test_a_seed_brings_products_contracts_and_a_funded_user(seeded: str) -> None:
    assert models.Product.objects.count() == 73
    assert models.Instrument.objects.filter(status="TRADING").count() > 700
    assert set(models.Instrument.objects.values_list("session_template", flat=True)) == {"always"}
    demo = User.objects.get(username="demo")
    account = models.TradingAccount.objects.get()
    assert account.user_id == demo.id.hex and account.realised_balance == 5_000_000
    assert User.objects.get(username="admin").is_superuser
    assert models.Venue.objects.get().trading_day in models.TradingDay.objects.values_list("day", flat=True)


def test_a_second_seed_changes_nothing(seeded: str) -> None:
    before = tables()
    assert "nothing to do" in seed(seeded)
    follow(seeded)
    assert tables() == before
    assert User.objects.count() == 2


def test_a_seed_that_was_cut_short_is_completed(worker: str) -> None:
    day = CreateVenue(worker, 1, 1, 20261123)
    assert send(worker, day, wait_s=10).code == 0
    follow(worker)
    seed(worker)
    follow(worker)
    assert models.SessionTemplate.objects.count() == 7
    assert models.Instrument.objects.count() > 700


def test_a_seed_of_a_known_venue_needs_its_tables(worker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trading.seeding.BEHIND_S", 0.1)
    assert send(worker, CreateVenue(worker, 1, 1, 20261123), wait_s=10).code == 0
    with pytest.raises(CommandError, match="is the projector running"):
        seed(worker)


def test_an_exported_file_imports_without_a_change(seeded: str, tmp_path: Path) -> None:
    file = tmp_path / "instruments.csv"
    run("export_instruments", file, "--venue", seeded)
    assert file.read_text().count("\n") == models.Instrument.objects.count() + 1
    assert run("import_instruments", file, "--venue", seeded) == "0 change(s)\n"


def test_an_import_creates_changes_and_sets_rates(seeded: str, tmp_path: Path) -> None:
    lines = export_csv(seeded).splitlines()
    copper = next(line for line in lines if line.startswith("SHFE,cu"))
    fields = dict(zip(HEADER, copper.split(","), strict=True))
    changed = fields | {"position_limit": "77", "margin_long": "0.125"}
    created = fields | {"instrument_id": "cu2912", "expire_date": "20291217"}
    file = tmp_path / "new.csv"
    rows = [HEADER, [changed[name] for name in HEADER], [created[name] for name in HEADER]]
    file.write_text("\n".join(",".join(row) for row in rows))
    assert run("import_instruments", file, "--venue", seeded) == "3 change(s)\n"
    follow(seeded)
    row = models.Instrument.objects.get(instrument_id=fields["instrument_id"])
    assert (row.position_limit, row.margin_long_ppm) == (77, 125_000)
    assert models.Instrument.objects.get(symbol="SHFE.cu2912").status == "TRADING"


def test_every_bad_line_is_named_and_none_applied(seeded: str) -> None:
    lines = export_csv(seeded).splitlines()[:7]
    bad = {
        1: ("price_tick", "0"),
        2: ("limit_up", "-1"),
        3: ("session_template", "never"),
        4: ("listing_price", "80000.00001"),
        5: ("margin_long", "1.5"),
    }
    for number, (name, text) in bad.items():
        fields = lines[number].split(",")
        fields[HEADER.index(name)] = text
        lines[number] = ",".join(fields)
    lines.append(lines[6])
    with pytest.raises(BadFile) as caught:
        parse_csv(seeded, "\n".join(lines))
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        f"line {number}" for number in (2, 3, 4, 5, 6, 8)
    ]
    for number, (name, _) in bad.items():
        assert name in caught.value.faults[number - 1]
    assert "already on line 7" in caught.value.faults[5]
    with pytest.raises(BadFile, match="missing columns"):
        parse_csv(seeded, "exchange_id\nSHFE\n")


def test_settings_leave_and_return_as_a_file(seeded: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    run("venue_settings", "--venue", seeded, "--export", file)
    assert "practice_money = 1" in file.read_text()
    text = file.read_text().replace("max_risk_ppm = 950000", "max_risk_ppm = 900000")
    file.write_text(text.replace("practice_money = 1", "practice_money = 0"))
    assert run("venue_settings", "--venue", seeded, "--import", file) == "2 change(s)\n"
    follow(seeded)
    assert values(seeded)["max_risk_ppm"] == 900_000 and values(seeded)["practice_money"] == 0
    file.write_text(f"[{seeded}]\nmax_risk_ppm = -1\n")
    with pytest.raises(CommandError, match="max_risk_ppm"):
        run("venue_settings", "--venue", seeded, "--import", file)


def test_the_contract_list_of_a_product_is_printed() -> None:
    text = run("list_contracts", "--product", "cu", "--day", "2026-11-23")
    assert text.splitlines()[0] == "SHFE.cu2612\t20261215"
    with pytest.raises(CommandError):
        run("list_contracts", "--product", "gold")


def trade_and_settle(venue: str) -> None:
    """Two accounts trade, one pays out, the day is settled, they trade again."""
    users = {"alice": "a" * 32, "bob": "b" * 32}
    cash = 10_000_000 * SCALE
    send_many(
        venue,
        [OpenAccount(f"ACC_{u}", u, n, "individual", init_cash=cash) for n, u in users.items()],
        wait_s=10,
    )
    price = 80_000 * SCALE
    symbol = models.Instrument.objects.filter(symbol__startswith="SHFE.cu").first().symbol  # type: ignore[union-attr]

    def cross(offset: int, at: int) -> None:
        for number, user in enumerate(users.values()):
            order = PlaceOrder(f"ACC_{user}", "", symbol, number, offset, 2, 0, at)
            assert send(venue, order, user_id=user, wait_s=10).code == 0

    cross(0, price)
    assert send(venue, Withdraw(f"ACC_{'a' * 32}", SCALE, "w1"), wait_s=10).code == 0
    run_id = BeginSettlement("R1", [[symbol, price + 100 * SCALE]])
    assert send(venue, run_id, wait_s=10).code == 0
    cross(0, price)
    resting = PlaceOrder(f"ACC_{'a' * 32}", "", symbol, 0, 0, 1, 0, price - 100 * SCALE)
    assert send(venue, resting, wait_s=10).code in (0, 1009)


def test_the_audit_proves_a_ledger_over_a_settlement_and_finds_what_is_changed(
    seeded: str,
) -> None:
    trade_and_settle(seeded)
    follow(seeded)
    assert models.Trade.objects.count() == 4
    assert models.AccountDay.objects.count() == 3
    assert "no difference" in run("audit_ledger", "--venue", seeded)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_trade SET commission = commission + 0.0001")
    differences = audit(models.Venue.objects.get().id)
    assert {difference.figure for difference in differences} >= {"commission", "realised balance"}
    with pytest.raises(CommandError, match="difference"):
        run("audit_ledger", "--venue", seeded)
    models.Position.objects.filter(account_id=f"ACC_{'a' * 32}").update(long_today=99)
    figures = {difference.figure for difference in audit(models.Venue.objects.get().id)}
    assert {"long lots", "open interest"} <= figures


def test_the_audit_refuses_a_venue_it_does_not_know() -> None:
    with pytest.raises(CommandError, match="no venue nowhere"):
        run("audit_ledger", "--venue", "nowhere")
