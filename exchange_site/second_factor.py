"""Whether a signed-in person still owes the code of a second factor (O-4).

Staff may set one up; whoever has one works in the admin, and over REST with the rights of
staff, only after the code. Trading needs none: an API token without the admin scope does.
"""

from typing import Any

from django_otp.plugins.otp_totp.models import TOTPDevice


def device_of(user: Any) -> TOTPDevice | None:
    """The confirmed second factor of a user."""
    return TOTPDevice.objects.filter(user_id=user.pk, confirmed=True).first()


def is_owed(user: Any) -> bool:
    """Staff with a second factor whose session, if it is one, has not been given its code."""
    if not user.is_staff or getattr(user, "otp_device", None) is not None:
        return False
    return device_of(user) is not None
