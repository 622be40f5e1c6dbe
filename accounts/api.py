"""Log-in, users and tokens over REST (H-2)."""

from typing import Any

from rest_framework.response import Response

from accounts import selectors, services
from accounts.second_factor_services import check_code
from accounts.serializers import (
    DoneOut,
    LoggedInOut,
    NewTokenOut,
    PasswordChangeIn,
    RegisteredOut,
    RegisterIn,
    TokenIn,
    TokenKeyIn,
    TokenLoginIn,
    TokensOut,
    UserOut,
)
from exchange_site.documented import PUBLIC, documented
from exchange_site.ratelimit import LOGIN, Draw, client_address, take
from exchange_site.views import ExchangeView, PublicView
from trading.engine.codes import (
    ACCOUNT_EXISTS,
    AUTHENTICATION_FAILED,
    INVALID_FIELD,
    NOT_FOUND,
    NOT_PERMITTED,
)

_USER_ID = "7b1c0f3e9d5a4c1f8e2b6a7d9c0e1f22"
_TOKEN = "3f0a…"
_TOKEN_DATA = {
    "token_key": "3f0a9b2c7d1e4f56",
    "name": "robot",
    "scopes": ["read", "trade"],
    "created_at": 1795230000000,
    "expires_at": 1797822000000,
    "last_used_at": None,
}
_LOGGED_IN = {
    "user_id": _USER_ID,
    "username": "alice",
    "token": _TOKEN,
    "expires_at": 1797822000000,
    "roles": [],
}


def validated(serializer_class: Any, data: Any) -> dict[str, Any]:
    """The checked body; 9008 naming the first bad field otherwise."""
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


class LoginLimited(PublicView):
    """Log-in and registration: ten a minute for an address (H-5)."""

    def draws(self, request: Any) -> list[Draw]:
        return [Draw(f"login:a:{client_address(request)}", LOGIN)]


class Register(LoginLimited):
    @documented(
        "Register a user",
        request=RegisterIn,
        sent={"username": "alice", "password": "correct horse battery"},
        answer=RegisteredOut,
        example={"user_id": _USER_ID, "username": "alice", "token": _TOKEN},
        status=201,
        errors=(ACCOUNT_EXISTS, NOT_PERMITTED),
        common=PUBLIC,
        tag="auth",
    )
    def post(self, request: Any) -> Response:
        user = services.register(**validated(RegisterIn, request.data))
        _, text = services.make_login_token(user=user)
        return Response({"user_id": user.pk.hex, "username": user.username, "token": text}, status=201)


class Login(LoginLimited):
    @documented(
        "Sign in",
        request=TokenLoginIn,
        sent={"username": "alice", "password": "correct horse battery"},
        answer=LoggedInOut,
        example=_LOGGED_IN,
        errors=(AUTHENTICATION_FAILED,),
        common=PUBLIC,
        tag="auth",
    )
    def post(self, request: Any) -> Response:
        body = validated(TokenLoginIn, request.data)
        code = body.pop("second_factor", None)
        take([Draw(f"login:u:{body['username'].lower()}", LOGIN)])
        user = services.sign_in(request=request._request, **body)
        if code is not None:
            user.otp_device = check_code(user=user, code=code)  # what `is_owed` reads
        token, text = services.make_login_token(user=user)
        return Response(
            {
                "user_id": user.pk.hex,
                "username": user.username,
                "token": text,
                "expires_at": selectors.milliseconds(token.expiry),
                "roles": selectors.roles_of(user),
            }
        )


class Logout(ExchangeView):
    """Every scope may end itself."""

    scope = "read"

    @documented("End this token", answer=DoneOut, example={"done": True}, tag="auth")
    def post(self, request: Any) -> Response:
        if request.auth is None:
            request._request.session.flush()
        else:
            services.revoke_token(user=request.user, token_key=request.auth.token_key)
        return Response({"done": True})


class LogoutAll(ExchangeView):
    @documented("End every token of the user", answer=DoneOut, example={"done": True}, tag="auth")
    def post(self, request: Any) -> Response:
        services.revoke_tokens(user=request.user)
        return Response({"done": True})


class CurrentUser(ExchangeView):
    @documented(
        "Who am I",
        answer=UserOut,
        example={
            "user_id": _USER_ID,
            "username": "alice",
            "email": "",
            "phone": "",
            "language": "en",
            "roles": [],
            "is_staff": False,
            "created_at": 1795230000000,
        },
        tag="auth",
    )
    def get(self, request: Any) -> Response:
        return Response(selectors.user_data(request.user))


class Password(ExchangeView):
    def draws(self, request: Any) -> list[Draw]:
        user = request.user.pk.hex if request.user.is_authenticated else ""
        return [Draw(f"login:p:{user}:{client_address(request)}", LOGIN)]

    @documented(
        "Change the password; every other token ends",
        request=PasswordChangeIn,
        sent={"old_password": "correct horse battery", "new_password": "staple battery horse"},
        answer=DoneOut,
        example={"done": True},
        errors=(INVALID_FIELD,),
        tag="auth",
    )
    def post(self, request: Any) -> Response:
        body = validated(PasswordChangeIn, request.data)
        services.change_password(
            user=request.user, old=body["old_password"], new=body["new_password"], keep=request.auth
        )
        return Response({"done": True})


class Tokens(ExchangeView):
    @documented("The user's tokens", answer=TokensOut, example={"items": [_TOKEN_DATA]}, tag="auth")
    def get(self, request: Any) -> Response:
        return Response({"items": [selectors.token_data(row) for row in selectors.tokens_of(request.user)]})

    @documented(
        "Make a token",
        request=TokenIn,
        sent={"name": "robot", "scopes": ["read", "trade"], "expires_in_days": 30},
        answer=NewTokenOut,
        example={**_TOKEN_DATA, "token": _TOKEN},
        status=201,
        errors=(INVALID_FIELD,),
        tag="auth",
    )
    def post(self, request: Any) -> Response:
        body = validated(TokenIn, request.data)
        token, text = services.make_token(
            user=request.user,
            name=body["name"],
            scopes=body.get("scopes"),
            days=body.get("expires_in_days"),
            within=request.auth,
        )
        return Response({**selectors.token_data(token), "token": text}, status=201)

    @documented(
        "End one token; the body names it",
        answer=DoneOut,
        example={"done": True},
        errors=(NOT_FOUND, INVALID_FIELD),
        tag="auth",
    )
    def delete(self, request: Any) -> Response:
        body = validated(TokenKeyIn, request.data)
        services.revoke_token(user=request.user, token_key=body["token_key"])
        return Response({"done": True})


class OneToken(ExchangeView):
    @documented(
        "End one token",
        answer=DoneOut,
        example={"done": True},
        errors=(NOT_FOUND,),
        tag="auth",
        operation_id="auth_token_destroy",
    )
    def delete(self, request: Any, token_key: str) -> Response:
        services.revoke_token(user=request.user, token_key=token_key.replace("\x00", ""))
        return Response({"done": True})
