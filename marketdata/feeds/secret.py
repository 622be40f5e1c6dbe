"""Secrets in the database: encrypted with a key made of the site's own (G-1)."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class SecretLost(ValueError):
    """A stored secret was encrypted under another EXCHANGE_SECRET_KEY."""


def _cipher() -> Fernet:
    digest = hashlib.sha256(b"feed credentials:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))


def encrypt(plain: str) -> str:
    """Cipher text for the table; "" stays ""."""
    return _cipher().encrypt(plain.encode()).decode() if plain else ""


def decrypt(stored: str) -> str:
    """The plain text; SecretLost when the key has changed."""
    if not stored:
        return ""
    try:
        return _cipher().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise SecretLost(
            "the password was stored under another EXCHANGE_SECRET_KEY; enter it again"
        ) from error
