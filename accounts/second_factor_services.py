"""Setting up, asking for and taking away the second factor of staff (O-4).

A time-based code (RFC 6238: six digits, 30 seconds, one step of drift either way) or one of
ten recovery codes, each good once. Wrong codes are throttled by django-otp, twice as long
with each.
"""

import base64
import io
import secrets
from typing import Any

import qrcode
import qrcode.image.svg
from django.db import transaction
from django_otp import match_token
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import authentication
from accounts.models import AuthToken, TokenScope, User
from exchange_site.exceptions import ExchangeError
from exchange_site.second_factor import device_of
from trading.engine.codes import AUTHENTICATION_FAILED

RECOVERY_CODES = 10
NAME = "app"
FIELD = "second_factor"


def check_code(*, user: User, code: str) -> Any:
    """The device that took the code; 9001 naming the field when none did or after too many tries."""
    code = code.replace(" ", "").lower()
    device = match_token(user, code) if code.isascii() and device_of(user) else None
    if device is None:
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": FIELD})
    return device


def devices(user: User) -> list[Any]:
    """The app and the recovery codes of a user."""
    return [*TOTPDevice.objects.filter(user=user), *StaticDevice.objects.filter(user=user)]


def begin(*, user: User) -> TOTPDevice:
    """The device that waits for its first code; the same one until it is confirmed."""
    device, _made = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": NAME})
    return device


def confirm(*, user: User, code: str) -> tuple[TOTPDevice, list[str]]:
    """Take the first code; the device and its recovery codes, shown this once.

    9001 for a wrong code. API tokens with the rights of staff that were made without a code end.
    """
    device = begin(user=user)
    if not device.verify_token(code.replace(" ", "")):
        raise ExchangeError(AUTHENTICATION_FAILED, {}, {"field": FIELD})
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).exclude(pk=device.pk).delete()
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        codes = renew_recovery_codes(user=user)
        AuthToken.objects.filter(user=user, scopes__contains=[TokenScope.ADMIN.value]).delete()
    authentication.forget()
    return device, codes


def renew_recovery_codes(*, user: User) -> list[str]:
    """Ten new codes in place of the old ones."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery")
        codes = [secrets.token_hex(5) for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def remove(*, user: User) -> bool:
    """Take the second factor away; False when there was none."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        deleted, _by_model = TOTPDevice.objects.filter(user=user).delete()
    return bool(deleted)


def picture(device: TOTPDevice) -> str:
    """The QR code of a device as an SVG image for an `img` element."""
    image = qrcode.make(device.config_url, image_factory=qrcode.image.svg.SvgPathFillImage, box_size=12)
    stream = io.BytesIO()
    image.save(stream)
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode()


def secret_text(device: TOTPDevice) -> str:
    """The secret as people type it: base32 in groups of four."""
    text = base64.b32encode(device.bin_key).decode()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))
