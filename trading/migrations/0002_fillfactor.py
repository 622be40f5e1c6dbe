"""Leave room on the pages of rows that change with every fill, so that updates stay on them."""

from django.db import migrations

TABLES = ("trading_tradingaccount", "trading_position", "trading_instrument")


class Migration(migrations.Migration):
    dependencies = [("trading", "0001_initial")]

    operations = [
        migrations.RunSQL(
            [f"ALTER TABLE {table} SET (fillfactor = 70)" for table in TABLES],
            [f"ALTER TABLE {table} RESET (fillfactor)" for table in TABLES],
        )
    ]
