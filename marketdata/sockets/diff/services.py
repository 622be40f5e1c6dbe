"""Statements, passwords, banks and transfers over DIFF (D-12)."""

from typing import TYPE_CHECKING, Any

import msgspec
import redis
from django.db import DatabaseError

from accounts.models import User
from accounts.services import change_password
from exchange_site.exceptions import ExchangeError
from exchange_site.exceptions import message as text_of
from exchange_site.ratelimit import LOGIN, Draw, client_address, take
from marketdata.fanout.image import Change
from marketdata.fanout.threads import in_database_thread
from marketdata.sockets.diff import hooks, messages
from marketdata.sockets.diff.branch import Branch
from trading.codec import to_units
from trading.diff_texts import CHINESE, TRANSFER_DONE, TRANSFER_FAILED
from trading.engine.codes import (
    ACCOUNT_NOT_FOUND,
    INVALID_FIELD,
    NOT_PERMITTED,
    SERVICE_UNAVAILABLE,
)

if TYPE_CHECKING:
    from marketdata.sockets.diff.trade import TradeDesk

PASSWORD_CHANGED, PASSWORD_REFUSED = 326, 351
_encode = msgspec.json.Encoder().encode


async def serve(desk: "TradeDesk", message: Any) -> None:
    """Carry out a message that needs the tables; refusals are notifies with their code."""
    try:
        branch = _branch(desk, message)
        await _SERVICES[type(message)](desk, branch, message)
    except ExchangeError as error:
        number, lead = _REFUSED.get(type(message), (error.code, ""))
        text = text_of(error.code, error.params, CHINESE)
        desk.socket.notify(number, "ERROR", f"{lead}{text}", error.code)
    except (DatabaseError, redis.RedisError, OSError):
        desk.refuse(SERVICE_UNAVAILABLE)


def _branch(desk: "TradeDesk", message: Any) -> Branch:
    """The login a message speaks of: by account, by user id, else the first."""
    named = getattr(message, "future_account", "") or getattr(message, "user_id", "")
    if not named:
        return next(iter(desk.branches.values()))
    found = desk.branch_of(named)
    for branch in desk.branches.values():
        if found is None and branch.account_id == named:
            found = branch
    if found is None:
        raise ExchangeError(ACCOUNT_NOT_FOUND)
    return found


# -------------------------------------------------------------------- statements


async def _statement(desk: "TradeDesk", branch: Branch, message: messages.QrySettlementInfo) -> None:
    """The statement of a day, as a message of its own and in the tree."""
    if hooks.statement is None:
        raise ExchangeError(SERVICE_UNAVAILABLE)
    try:
        day = int(message.trading_day)
    except ValueError as error:
        raise ExchangeError(INVALID_FIELD, {"field": "trading_day"}) from error
    if not 0 <= day <= 99_991_231:
        raise ExchangeError(INVALID_FIELD, {"field": "trading_day"})
    text = await in_database_thread(hooks.statement, desk.socket.hub.venue, branch.account_id, day)
    answer = {
        "aid": "qry_settlement_info",
        "trading_day": day,
        "user_name": branch.name,
        "settlement_info": text,
    }
    desk.socket.push(_encode(answer))
    desk.socket.root(_encode({"trade": {branch.name: {"his_settlements": {str(day): text}}}}))


# --------------------------------------------------------------------- passwords


async def _password(desk: "TradeDesk", branch: Branch, message: messages.ChangePassword) -> None:
    """Set a new password; every socket of the user then ends with 4001 (W-3)."""
    address = client_address(desk.request)
    await in_database_thread(_set_password, branch, message, address)
    desk.socket.notify(PASSWORD_CHANGED, "INFO", "修改密码成功")


def _set_password(branch: Branch, message: messages.ChangePassword, address: str) -> None:
    credential = branch.credential
    if credential.token_digest:
        raise ExchangeError(NOT_PERMITTED)  # a token is no password
    take([Draw(f"login:p:{credential.user_id}:{address}", LOGIN)])
    user = User.objects.get(pk=credential.user_id)
    change_password(user=user, old=message.old_password, new=message.new_password)


# ----------------------------------------------------------------------- transfers


async def _transfer(desk: "TradeDesk", branch: Branch, message: messages.ReqTransfer) -> None:
    if hooks.transfer is None:
        raise ExchangeError(SERVICE_UNAVAILABLE)
    if not branch.credential.may_trade:
        raise ExchangeError(NOT_PERMITTED)
    try:
        amount = to_units(message.amount, "amount")
    except ValueError as error:
        raise ExchangeError(INVALID_FIELD, {"field": "amount"}) from error
    wanted = {
        "bank_id": message.bank_id,
        "amount": amount,
        "currency": message.currency,
        "bank_password": message.bank_password,
        "future_password": message.future_password,
    }
    await in_database_thread(
        hooks.transfer, desk.socket.hub.venue, branch.credential, branch.account_id, wanted
    )
    desk.socket.notify(TRANSFER_DONE, "INFO", "转账成功")


async def _transfers(desk: "TradeDesk", branch: Branch, _: Any) -> None:
    """The day's transfers again."""
    if branch.image is not None:
        branch.mark(Change(flows=set(branch.image.flows)))
        desk.socket.flush()


async def _account(desk: "TradeDesk", branch: Branch, _: Any) -> None:
    """The account again."""
    branch.mark(Change(account=True))
    desk.socket.flush()


async def show_banks(desk: "TradeDesk", branch: Branch, _: Any = None) -> None:
    """The account's banks, where somebody provides them."""
    if hooks.banks is not None:
        rows = await in_database_thread(hooks.banks, desk.socket.hub.venue, branch.account_id)
        branch.extra["banks"].update({str(row["id"]): row for row in rows})
        desk.socket.flush()


_SERVICES: dict[type[Any], Any] = {
    messages.QrySettlementInfo: _statement,
    messages.ChangePassword: _password,
    messages.ReqTransfer: _transfer,
    messages.QryTransferSerial: _transfers,
    messages.QryAccountInfo: _account,
    messages.QryAccountRegister: show_banks,
}
_REFUSED: dict[Any, tuple[int, str]] = {
    messages.ReqTransfer: (TRANSFER_FAILED, "转账失败: "),
    messages.ChangePassword: (PASSWORD_REFUSED, "修改密码失败: "),
}
