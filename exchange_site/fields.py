"""Serializer fields and bases that take nothing but what they say (T-3, H-3)."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from rest_framework import serializers

from trading.codec import MalformedCommand, check_text, to_lots, to_units
from trading.engine.units import MAX_LOTS, MAX_MONEY


class StrictSerializer(serializers.Serializer):  # type: ignore[misc]
    """Refuses fields it does not know, naming them."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name[:64]: ["unknown field"] for name in unknown[:20]})
        return super().to_internal_value(data)


class MoneyIn(serializers.Field):  # type: ignore[misc]
    """Yuan as an exact string or a JSON number → int in 1/10 000 yuan."""

    def __init__(self, least: int = 0, most: int = MAX_MONEY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def to_internal_value(self, data: Any) -> int:
        try:
            units = to_units(data, self.field_name or "value", self.most)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        if units < self.least:
            raise serializers.ValidationError(f"at least {self.least / 10_000}")
        return units

    def to_representation(self, value: int) -> float:
        return value / 10_000


class WholeIn(serializers.Field):  # type: ignore[misc]
    """A whole number; no bool, no fraction."""

    def __init__(self, least: int = 0, most: int = MAX_LOTS, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def to_internal_value(self, data: Any) -> int:
        try:
            number = to_lots(data, self.field_name or "value") if self.most <= MAX_LOTS else _whole(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        if not self.least <= number <= self.most:
            raise serializers.ValidationError(f"from {self.least} to {self.most}")
        return number

    def to_representation(self, value: int) -> int:
        return value


def _whole(data: Any) -> int:
    if isinstance(data, bool) or not isinstance(data, int | str) or len(str(data)) > 19:
        raise ValueError("a whole number is needed")
    return int(data)


class TextIn(serializers.CharField):  # type: ignore[misc]
    """One line of text as it stands: a JSON string without control characters (A-23a)."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("a string is needed")
        try:
            return check_text(super().to_internal_value(data), self.field_name or "text", 256)
        except MalformedCommand as error:
            raise serializers.ValidationError(str(error)) from error


class FlagIn(serializers.BooleanField):  # type: ignore[misc]
    """true or false and nothing that merely looks like it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("true or false")
        return data


class MoneyInSchema(OpenApiSerializerFieldExtension):  # type: ignore[misc]
    """Shows money of writes as a decimal string or a number."""

    target_class = "exchange_site.fields.MoneyIn"

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        least, most = self.target.least / 10_000, self.target.most / 10_000
        number = {"type": "number", "minimum": least, "maximum": most, "multipleOf": 0.0001}
        text = {"type": "string", "pattern": r"^[+-]?[0-9]{1,12}(\.[0-9]{1,4})?$", "example": "1000.00"}
        return {"oneOf": [text, number]}


class WholeInSchema(OpenApiSerializerFieldExtension):  # type: ignore[misc]
    """Shows a whole number with its bounds."""

    target_class = "exchange_site.fields.WholeIn"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: str) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.target.least, "maximum": self.target.most}
