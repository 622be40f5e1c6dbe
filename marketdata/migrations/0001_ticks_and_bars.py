import django.db.models.deletion
from django.db import migrations, models

import trading.fields
from marketdata.partitions import CreatePartitionedModel


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("trading", "0003_refusal_names"),
    ]

    operations = [
        migrations.CreateModel(
            name="MarketCursor",
            fields=[
                ("venue", models.SlugField(max_length=32, primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField(default=0)),
                ("state", models.BinaryField(default=bytes)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="TickerState",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "venue_code", "symbol", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("venue_code", models.SlugField(max_length=32)),
                ("symbol", models.TextField()),
                ("state", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="SeriesDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "venue_id",
                        "symbol",
                        "duration_s",
                        "trading_day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.TextField()),
                ("duration_s", models.IntegerField()),
                ("trading_day", models.IntegerField()),
                ("first_id", models.BigIntegerField()),
                (
                    "venue",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.venue",
                    ),
                ),
            ],
        ),
        CreatePartitionedModel(
            name="Tick",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "venue_id",
                        "symbol",
                        "tick_id",
                        "trading_day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.TextField()),
                ("tick_id", models.BigIntegerField()),
                ("trading_day", models.IntegerField()),
                ("datetime_ns", models.BigIntegerField()),
                ("last_price", trading.fields.MoneyField()),
                ("average", trading.fields.MoneyField()),
                ("highest", trading.fields.MoneyField()),
                ("lowest", trading.fields.MoneyField()),
                ("volume", models.BigIntegerField()),
                ("amount", trading.fields.MoneyField()),
                ("open_interest", models.BigIntegerField()),
                ("bids", models.JSONField()),
                ("asks", models.JSONField()),
                ("open", trading.fields.MoneyField()),
                ("high", trading.fields.MoneyField()),
                ("low", trading.fields.MoneyField()),
                ("lots", models.BigIntegerField()),
                ("turnover", trading.fields.MoneyField()),
                ("open_oi", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                (
                    "venue",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.venue",
                    ),
                ),
            ],
            options={
                "verbose_name": "tick",
                "verbose_name_plural": "ticks",
            },
        ),
        migrations.CreateModel(
            name="DayBar",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "venue_id",
                        "symbol",
                        "duration_s",
                        "bar_id",
                        "trading_day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.TextField()),
                ("duration_s", models.IntegerField()),
                ("bar_id", models.BigIntegerField()),
                ("trading_day", models.IntegerField()),
                ("datetime_ns", models.BigIntegerField()),
                ("open", trading.fields.MoneyField()),
                ("high", trading.fields.MoneyField()),
                ("low", trading.fields.MoneyField()),
                ("close", trading.fields.MoneyField()),
                ("volume", models.BigIntegerField()),
                ("amount", trading.fields.MoneyField()),
                ("open_oi", models.BigIntegerField()),
                ("close_oi", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                (
                    "venue",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.venue",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("high__gte", models.F("open")),
                            ("low__lte", models.F("open")),
                            ("high__gte", models.F("close")),
                            ("low__lte", models.F("close")),
                        ),
                        name="daybar_range",
                    )
                ],
            },
        ),
        CreatePartitionedModel(
            name="MinuteBar",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "venue_id",
                        "symbol",
                        "duration_s",
                        "bar_id",
                        "trading_day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.TextField()),
                ("duration_s", models.IntegerField()),
                ("bar_id", models.BigIntegerField()),
                ("trading_day", models.IntegerField()),
                ("datetime_ns", models.BigIntegerField()),
                ("open", trading.fields.MoneyField()),
                ("high", trading.fields.MoneyField()),
                ("low", trading.fields.MoneyField()),
                ("close", trading.fields.MoneyField()),
                ("volume", models.BigIntegerField()),
                ("amount", trading.fields.MoneyField()),
                ("open_oi", models.BigIntegerField()),
                ("close_oi", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                (
                    "venue",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.venue",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("high__gte", models.F("open")),
                            ("low__lte", models.F("open")),
                            ("high__gte", models.F("close")),
                            ("low__lte", models.F("close")),
                        ),
                        name="minutebar_range",
                    )
                ],
            },
        ),
        CreatePartitionedModel(
            name="SecondBar",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "venue_id",
                        "symbol",
                        "duration_s",
                        "bar_id",
                        "trading_day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("symbol", models.TextField()),
                ("duration_s", models.IntegerField()),
                ("bar_id", models.BigIntegerField()),
                ("trading_day", models.IntegerField()),
                ("datetime_ns", models.BigIntegerField()),
                ("open", trading.fields.MoneyField()),
                ("high", trading.fields.MoneyField()),
                ("low", trading.fields.MoneyField()),
                ("close", trading.fields.MoneyField()),
                ("volume", models.BigIntegerField()),
                ("amount", trading.fields.MoneyField()),
                ("open_oi", models.BigIntegerField()),
                ("close_oi", models.BigIntegerField()),
                ("seq", models.BigIntegerField()),
                (
                    "venue",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.venue",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("high__gte", models.F("open")),
                            ("low__lte", models.F("open")),
                            ("high__gte", models.F("close")),
                            ("low__lte", models.F("close")),
                        ),
                        name="secondbar_range",
                    )
                ],
            },
        ),
        migrations.RunSQL("ALTER TABLE marketdata_tickerstate SET (fillfactor = 50)", migrations.RunSQL.noop),
    ]
