"""Bodies and answers of log-in, users and tokens."""

from rest_framework import serializers

from accounts.models import USERNAME_PATTERN, TokenScope
from exchange_site.fields import StrictSerializer, TextIn


class PasswordIn(serializers.CharField):  # type: ignore[misc]
    """A password: taken as it is, never shown."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(trim_whitespace=False, max_length=128, write_only=True, **kwargs)

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("a string is needed")
        return str(super().to_internal_value(data))


class RegisterIn(StrictSerializer):
    username = serializers.RegexField(USERNAME_PATTERN.replace(r"\Z", "$"), max_length=32)
    password = PasswordIn()
    email = serializers.EmailField(required=False, max_length=254, default="")
    phone = TextIn(required=False, max_length=32, default="")


class LoginIn(StrictSerializer):
    username = TextIn(max_length=150)
    password = PasswordIn()


class TokenLoginIn(LoginIn):
    second_factor = TextIn(
        max_length=16,
        required=False,
        help_text="the code of staff who set one up; without it the token has no admin scope",
    )


class PasswordChangeIn(StrictSerializer):
    old_password = PasswordIn()
    new_password = PasswordIn()


class TokenIn(StrictSerializer):
    name = TextIn(max_length=64)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(TokenScope.choices), min_length=1, max_length=3, required=False
    )
    expires_in_days = serializers.IntegerField(min_value=1, max_value=3650, required=False)


class TokenKeyIn(StrictSerializer):
    token_key = TextIn(max_length=25)


class RegisteredOut(serializers.Serializer):  # type: ignore[misc]
    user_id = serializers.CharField()
    username = serializers.CharField()
    token = serializers.CharField()


class LoggedInOut(RegisteredOut):
    expires_at = serializers.IntegerField(allow_null=True, help_text="ms")
    roles = serializers.ListField(child=serializers.CharField())


class UserOut(serializers.Serializer):  # type: ignore[misc]
    user_id = serializers.CharField()
    username = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    language = serializers.CharField()
    roles = serializers.ListField(child=serializers.CharField())
    is_staff = serializers.BooleanField()
    created_at = serializers.IntegerField(help_text="ms")


class TokenOut(serializers.Serializer):  # type: ignore[misc]
    token_key = serializers.CharField(help_text="first characters of the token; names it")
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = serializers.IntegerField(help_text="ms")
    expires_at = serializers.IntegerField(allow_null=True, help_text="ms")
    last_used_at = serializers.IntegerField(allow_null=True, help_text="ms")


class NewTokenOut(TokenOut):
    token = serializers.CharField(help_text="shown this once")


class TokensOut(serializers.Serializer):  # type: ignore[misc]
    items = TokenOut(many=True)


class DoneOut(serializers.Serializer):  # type: ignore[misc]
    done = serializers.BooleanField()
