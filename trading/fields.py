"""Column types shared by the tables of trading state."""

from typing import Any

from django.db import models


class MoneyField(models.DecimalField):  # type: ignore[type-arg]
    """Yuan, `numeric(20, 4)`: the core's ints divided by 10 000 (T-1)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_digits"], kwargs["decimal_places"] = 20, 4
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_digits"], kwargs["decimal_places"]
        return name, path, args, kwargs


def not_negative(*names: str) -> models.Q:
    """Condition for a check constraint: none of these columns is below 0."""
    condition = models.Q()
    for name in names:
        condition &= models.Q(**{f"{name}__gte": 0})
    return condition


def venue_key(**kwargs: Any) -> models.ForeignKey:  # type: ignore[type-arg]
    """The venue of a projected row; no constraint in the database, the projector writes it."""
    return models.ForeignKey(
        "trading.Venue",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
        **kwargs,
    )


def text_of(table: type[models.TextChoices], default: str = "") -> models.CharField:  # type: ignore[type-arg]
    """A column for one of the enums of `choices`."""
    return models.CharField(max_length=24, choices=table.choices, default=default, blank=True)
