"""A new password by a one-time link that an operator hands out (H-9)."""

import uuid

from django.contrib.auth import password_validation
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import authentication
from accounts.models import AuthToken, User
from exchange_site.exceptions import ExchangeError
from trading.engine.codes import AUTHENTICATION_FAILED, INVALID_FIELD

_HEX = 32


def make_reset_token(user: User) -> str:
    """What a link carries: good for an hour, once, and until the user signs in or changes the password."""
    return f"{user.pk.hex}-{default_token_generator.make_token(user)}"


def user_of(token: str) -> User:
    """Whose link it is; 9001 for a spent, old or made-up one."""
    try:
        user = User.objects.get(pk=uuid.UUID(token[:_HEX]), is_active=True)
    except (ValueError, User.DoesNotExist):
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": "token"}) from None
    if not default_token_generator.check_token(user, token[_HEX + 1 :]):
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": "token"})
    return user


def reset_password(*, token: str, new: str) -> User:
    """Set the password; every session and API token of the user ends. 9001 for the link, 9008 a weak one."""
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user_of(token).pk)
        user_of(token)  # of two that use it at once the second finds it spent
        try:
            password_validation.validate_password(new, user)
        except ValidationError as error:
            said = {"fields": {"new_password": error.messages}}
            raise ExchangeError(INVALID_FIELD, {"field": "new_password"}, said) from error
        user.set_password(new)
        user.save(update_fields=["password"])
        AuthToken.objects.filter(user=user).delete()
    authentication.forget()
    return user
