"""The caller's accounts over REST: open, read, money in and out (H, T-63, T-100)."""

from typing import Any

from rest_framework.response import Response

from accounts.selectors import user_id_of
from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from trading import account_schemas as shapes
from trading import account_services as services
from trading import order_selectors, selectors
from trading.command_view import carry_out, validated
from trading.engine.codes import (
    ACCOUNT_EXISTS,
    ACCOUNT_FROZEN,
    ACCOUNT_NOT_FOUND,
    DEPOSIT_REFUSED,
    INVALID_FIELD,
    WAITS_FOR_APPROVAL,
    WITHDRAWAL_REFUSED,
    WORKER_NOT_RUNNING,
)
from trading.lists import NUMBERED, PAGES, ReadView, paged
from trading.representations import flow_data, order_data

TAG = "accounts"
_MOVED = {"account_id": shapes.ACCOUNT_ID, "amount": "1000.00", "method": "bank", "remark": ""}
_OPENED = {"account_id": shapes.ACCOUNT_ID, "status": "ACTIVE"}


def own(request: Any, user_id: Any) -> str:
    """The caller's id; 1006 for a given one that is not theirs (H-7)."""
    mine = str(request.user.pk.hex)
    if user_id is not None and user_id_of(str(user_id)) != mine:
        raise ExchangeError(ACCOUNT_NOT_FOUND)
    return mine


class OpenAccountView(ReadView):
    @documented(
        "Open an account",
        request=shapes.OpenIn,
        sent={"account_name": "main", "account_type": "individual", "init_cash": "1000000"},
        answer=shapes.OpenedOut,
        example=_OPENED,
        status=201,
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        body = validated(shapes.OpenIn, request.data)
        own(request, body.get("user_id"))
        return carry_out(
            request,
            self.venue,
            lambda command_id: services.open_account(
                venue=self.venue,
                user=request.user,
                command_id=command_id,
                account_name=body["account_name"],
                account_type=body["account_type"],
                init_cash=body.get("init_cash", 0),
            ),
        )


class CreateAccountView(ReadView):
    @documented(
        "Open an account, its id perhaps chosen",
        request=shapes.CreateIn,
        sent={"account_name": "main", "account_type": "individual", "init_balance": "1000000"},
        answer=shapes.OpenedOut,
        example=_OPENED,
        status=201,
        errors=(ACCOUNT_NOT_FOUND, ACCOUNT_EXISTS, INVALID_FIELD, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any, user_id: str) -> Response:
        own(request, user_id)
        body = validated(shapes.CreateIn, request.data)
        return carry_out(
            request,
            self.venue,
            lambda command_id: services.open_account(
                venue=self.venue,
                user=request.user,
                command_id=command_id,
                account_name=body["account_name"],
                account_type=body["account_type"],
                init_cash=body.get("init_balance", body.get("init_cash", 0)),
                account_id=body.get("account_id", ""),
            ),
        )


class UserAccounts(ReadView):
    @documented(
        "The user's accounts",
        answer=shapes.AccountsOut,
        example={"items": [shapes.ACCOUNT], "total": 1, "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND,),
        parameters=NUMBERED,
        tag=TAG,
    )
    def get(self, request: Any, user_id: str) -> Response:
        mine = own(request, user_id)
        rows = selectors.accounts_of(self.venue).filter(user_id=mine)
        return paged(request, rows, lambda found: selectors.accounts_data(self.venue, found), numbered=True)


class OneAccount(ReadView):
    @documented(
        "An account at the prices of this moment",
        answer=shapes.AccountOut,
        example=shapes.ACCOUNT,
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        return Response(selectors.accounts_data(self.venue, [account])[0])


class AccountDetail(ReadView):
    @documented(
        "An account with its positions and working orders",
        answer=shapes.AccountDetailOut,
        example={**shapes.ACCOUNT, "positions": [shapes.POSITION], "orders": []},
        errors=(ACCOUNT_NOT_FOUND,),
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        return Response(account_detail(self.venue, account))


def account_detail(venue: str, account: Any) -> dict[str, Any]:
    """Balances, positions and the newest 500 working orders of an account."""
    filters = order_selectors.Filters(account_ids=[account.account_id], status="working")
    working = order_selectors.orders(venue, filters).order_by("-id")[:500]
    return {
        **selectors.accounts_data(venue, [account])[0],
        "positions": selectors.positions_data(venue, [account.account_id]),
        "orders": [order_data(row, account.user_id) for row in working],
    }


class DepositView(ReadView):
    @documented(
        "Practice money in, where the venue grants it",
        request=shapes.MoneyMoveIn,
        sent=_MOVED,
        answer=shapes.FlowOut,
        example=shapes.FLOW,
        errors=(ACCOUNT_NOT_FOUND, DEPOSIT_REFUSED, INVALID_FIELD, WORKER_NOT_RUNNING),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        return move(self, request, services.deposit_own)


class WithdrawView(ReadView):
    @documented(
        "Money out, at most what is available",
        request=shapes.MoneyMoveIn,
        sent=_MOVED,
        answer=shapes.FlowOut,
        example={**shapes.FLOW, "kind": "withdrawal", "amount": -1000.0},
        errors=(
            ACCOUNT_NOT_FOUND,
            ACCOUNT_FROZEN,
            WITHDRAWAL_REFUSED,
            WAITS_FOR_APPROVAL,
            INVALID_FIELD,
            WORKER_NOT_RUNNING,
        ),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        return move(self, request, services.withdraw_own)


def move(view: ReadView, request: Any, service: Any) -> Response:
    """Carry out a movement of money that a body asks for."""
    body = validated(shapes.MoneyMoveIn, request.data)
    own(request, body.pop("user_id", None))
    return carry_out(
        request,
        view.venue,
        lambda command_id: service(venue=view.venue, user=request.user, command_id=command_id, **body),
    )


class Flows(ReadView):
    @documented(
        "Movements of money, newest first",
        answer=shapes.FlowsOut,
        example={"items": [shapes.FLOW], "next_cursor": None},
        errors=(ACCOUNT_NOT_FOUND, INVALID_FIELD),
        parameters=PAGES,
        tag=TAG,
    )
    def get(self, request: Any, account_id: str) -> Response:
        account = selectors.account_for(self.venue, account_id, request.user.pk.hex)
        rows = order_selectors.flows(self.venue, account.account_id)
        return paged(request, rows, lambda found: [flow_data(row) for row in found])
