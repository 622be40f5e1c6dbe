"""Django settings; everything variable comes from `exchange_site.env` (A-24)."""

import os
import secrets
import sys
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from exchange_site.admin_theme import UNFOLD as UNFOLD
from exchange_site.env import BASE_DIR, BadEnvironment, environment
from exchange_site.logs import logging_config

ENV = environment()


def _secret_key() -> str:
    """The given key; in the embedded run one made once and kept in DATA_DIR."""
    if ENV.EXCHANGE_SECRET_KEY:
        return ENV.EXCHANGE_SECRET_KEY
    if not ENV.is_embedded:
        raise BadEnvironment("EXCHANGE_SECRET_KEY is required with servers of your own")
    path = ENV.DATA_DIR / "secret_key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"secret_key.{os.getpid()}")
        fresh.write_text(secrets.token_urlsafe(50))
        fresh.chmod(0o600)
        try:
            os.link(fresh, path)  # whoever is first wins; nobody overwrites
        except FileExistsError:
            pass
        fresh.unlink()
    return path.read_text().strip()


def _database(url: str) -> dict[str, Any]:
    """A DATABASE_URL as Django wants it; ?host=/socket/dir reaches a socket."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise BadEnvironment("DATABASE_URL must look like postgresql://user:password@host:port/name")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": parts.port or "",
        "CONN_MAX_AGE": 0,
        "OPTIONS": query,
    }


SECRET_KEY = _secret_key()
DEBUG = ENV.EXCHANGE_DEBUG
ALLOWED_HOSTS = [host for host in ENV.EXCHANGE_ALLOWED_HOSTS.split(",") if host]
CSRF_TRUSTED_ORIGINS = [url for url in ENV.EXCHANGE_CSRF_TRUSTED_ORIGINS.split(",") if url]
DATA_DIR = ENV.DATA_DIR
VENUE = EXCHANGE_VENUE = ENV.EXCHANGE_VENUE
VENUE_MODE = ENV.VENUE_MODE
LOG_FSYNC = ENV.EXCHANGE_LOG_FSYNC
DB_POOL = ENV.EXCHANGE_DB_POOL
WEB_PROCESSES = ENV.WEB_PROCESSES
NUM_PROXIES = ENV.EXCHANGE_NUM_PROXIES

REDIS_URL = ENV.REDIS_URL
CACHE_URL = ENV.CACHE_URL or ENV.REDIS_URL

REGISTRATION_OPEN = ENV.is_embedded if ENV.EXCHANGE_REGISTRATION is None else ENV.EXCHANGE_REGISTRATION
PRACTICE_MONEY = ENV.is_embedded if ENV.EXCHANGE_PRACTICE_MONEY is None else ENV.EXCHANGE_PRACTICE_MONEY

INSTALLED_APPS = [
    "daphne",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "exchange_site.admin_app.ExchangeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_celery_beat",
    "pgtrigger",
    "pghistory",
    "exchange_site",
    "accounts",
    "trading",
    "marketdata",
    "settlement",
    "monitoring",
]

MIDDLEWARE = [
    "exchange_site.middleware.RequestIdMiddleware",
    "exchange_site.middleware.AdminPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "exchange_site.urls"
ASGI_APPLICATION = "exchange_site.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": _database(ENV.DATABASE_URL)
    if ENV.DATABASE_URL
    else {"ENGINE": "django.db.backends.postgresql", "NAME": "exchange"}
}
PROJECTOR_DATABASE_URL = ENV.PROJECTOR_DATABASE_URL or ENV.DATABASE_URL
if os.environ.get("SERVER_GATEWAY") == "asgi" or "daphne" in sys.argv[0]:
    # Persistent connections are not for ASGI; a bounded pool is (pitfalls R6.1).
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1,
        "max_size": DB_POOL,
        "timeout": 10,
    }

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL or "redis://127.0.0.1:1/0",
        "KEY_PREFIX": "cache",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 2},
    }
}

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3_600
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_VERBOSE = False
AXES_IPWARE_PROXY_COUNT = ENV.EXCHANGE_NUM_PROXIES or None
if not ENV.EXCHANGE_NUM_PROXIES:
    AXES_IPWARE_META_PRECEDENCE_ORDER = ("REMOTE_ADDR",)

KNOX_TOKEN_MODEL = "accounts.AuthToken"
REST_KNOX = {"TOKEN_TTL": None, "AUTO_REFRESH": False, "TOKEN_LIMIT_PER_USER": None}

OTP_TOTP_ISSUER = "Exchange"

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["exchange_site.api.EnvelopeRenderer"],
    "DEFAULT_PARSER_CLASSES": ["exchange_site.api.StrictJSONParser"],
    "EXCEPTION_HANDLER": "exchange_site.api.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "exchange_site.schema.EnvelopeSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "COERCE_DECIMAL_TO_STRING": False,
    "NUM_PROXIES": NUM_PROXIES,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Futures exchange",
    "DESCRIPTION": "Accounts, orders, market and administration of one exchange.",
    "VERSION": "1.0.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
}

JOBS = ENV.EXCHANGE_JOBS
CELERY_BROKER_URL = CACHE_URL or "redis://127.0.0.1:1/0"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 7_200,  # above the longest task: a task taken twice is harmless, not free
    "global_keyprefix": "celery:",
    "socket_keepalive": True,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 3_600
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 400_000  # KiB
CELERY_BEAT_SCHEDULER = "exchange_site.beat.LockedScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
DJANGO_CELERY_BEAT_TZ_AWARE = True

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Shanghai"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "exchange_site" / "static"]

DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.EXCHANGE_TLS
CSRF_FAILURE_VIEW = "exchange_site.errors.csrf_refused"
# TLS ends at the proxy in front, which overwrites this header (docs/operations.md).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.EXCHANGE_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if ENV.EXCHANGE_TLS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "sign-in"

EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if ENV.EXCHANGE_SMTP_HOST else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = ENV.EXCHANGE_SMTP_HOST or "localhost", ENV.EXCHANGE_SMTP_PORT
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = ENV.EXCHANGE_SMTP_USER, ENV.EXCHANGE_SMTP_PASSWORD
EMAIL_USE_TLS = ENV.EXCHANGE_SMTP_TLS
DEFAULT_FROM_EMAIL = ENV.EXCHANGE_SMTP_FROM

LOGGING = logging_config(ENV.EXCHANGE_LOG_LEVEL, is_json=not (ENV.is_embedded or DEBUG))
