"""Who the robots are: contracts they make a market in, their users, accounts and money."""

import uuid
from collections.abc import Iterable
from typing import Any, NamedTuple

from marketdata.robots.desk import Desk, Terms, View
from trading.engine.messages import InstrumentStatus, OpenAccount, Phase
from trading.engine.units import SCALE

PRODUCTS = (
    "SHFE.cu", "SHFE.al", "SHFE.zn", "SHFE.au", "SHFE.ag", "SHFE.rb", "SHFE.ru",
    "INE.sc", "INE.lu",
    "DCE.m", "DCE.y", "DCE.p", "DCE.i", "DCE.jm",
    "CZCE.SR", "CZCE.CF", "CZCE.TA", "CZCE.MA", "CZCE.SA",
    "GFEX.si", "GFEX.lc",
    "CFFEX.IF", "CFFEX.IC", "CFFEX.T",
)  # fmt: skip
"""Products with robots: active ones of all six exchanges."""

MAKER, CROWD = "maker", "crowd"
CASH = 1_000_000_000 * SCALE
"""Practice money of each robot."""
TOP_UP = CASH // 2
MARK = "b07b07b0"
"""Robots' account and command ids begin so: a batch of events without it concerns none of them."""
LONGEST_USERNAME = 32
_NAMES = uuid.UUID("8b0f6a52-6f0e-4f0e-9d57-6d7f3f1f9b11")


class Listing(NamedTuple):
    """A listed contract as the choice of main contracts needs it."""

    symbol: str
    product: str  # EXCHANGE.product
    expire_date: int  # yyyymmdd, 0 = never
    open_interest: int  # at the last settlement
    price_tick: int
    volume_multiple: int
    max_lots: int
    position_limit: int


class Robot(NamedTuple):
    """One robot of a product; the same in every run, whatever contract is the main one."""

    role: str
    product: str
    user_id: str
    account_id: str
    username: str


def main_contracts(
    listings: Iterable[Listing], trading_day: int, products: Iterable[str] = PRODUCTS
) -> list[Listing]:
    """Each product's main contract: most open interest, then the nearest not in delivery (M-16)."""
    month = trading_day // 100
    wanted = dict.fromkeys(products)
    best: dict[str, Listing] = {}
    for listing in listings:
        if listing.product not in wanted:
            continue
        known = best.get(listing.product)
        if known is None or _rank(listing, month) < _rank(known, month):
            best[listing.product] = listing
    return [best[product] for product in wanted if product in best]


def _rank(listing: Listing, month: int) -> tuple[bool, int, int, str]:
    """Smaller is more main; a contract in its last month only when there is no other."""
    expires = listing.expire_date or 99_999_999
    return expires // 100 <= month, -listing.open_interest, expires, listing.symbol


def robot(venue: str, product: str, role: str) -> Robot:
    """The robot of a product, its ids made from its name."""
    made = uuid.uuid5(_NAMES, f"{venue}:{product}:{role}")
    username = f"robot_{role}_{venue}_{product}".replace(".", "_").replace("-", "_").lower()
    if len(username) > LONGEST_USERNAME:
        username = f"robot_{made.hex[:20]}"
    return Robot(role, product, made.hex, f"ACC_{MARK}{made.hex[len(MARK) :]}", username)


def command_id() -> str:
    """A new command id of a robot."""
    return MARK + uuid.uuid4().hex[len(MARK) :]


def opening(one: Robot) -> OpenAccount:
    """The command that opens a robot's account with its practice money."""
    return OpenAccount(
        one.account_id, one.user_id, one.username, "institutional", group="robots",
        is_market_maker=one.role == MAKER, is_robot=True, init_cash=CASH,
    )  # fmt: skip


def make_desk(venue: str, listing: Listing, seed: int) -> Desk:
    """The desk of a main contract."""
    terms = Terms(
        listing.symbol, listing.price_tick, listing.volume_multiple, listing.max_lots,
        listing.position_limit,
    )  # fmt: skip
    maker, crowd = (robot(venue, listing.product, role) for role in (MAKER, CROWD))
    return Desk(terms, maker.account_id, crowd.account_id, f"{seed}:{listing.product}")


def all_robots(venue: str, listings: Iterable[Listing]) -> list[Robot]:
    """Makers and crowds of some contracts."""
    return [robot(venue, listing.product, role) for listing in listings for role in (MAKER, CROWD)]


def view_from(quote: dict[str, Any], price_tick: int) -> View:
    """The desk's view of a published quote (M-2); prices become ticks."""
    trades = quote["status"] == InstrumentStatus.TRADING.name
    phase = Phase[quote["phase"]] if trades else Phase.CLOSED
    bids, asks = quote["bids"], quote["asks"]
    return View(
        phase=int(phase),
        as_of_seq=quote["as_of_seq"],
        bid=bids[0][0] // price_tick if bids else 0,
        ask=asks[0][0] // price_tick if asks else 0,
        last=quote["last_price"] // price_tick,
        anchor=quote["pre_settlement"] // price_tick,
        lower=-(-quote["lower_limit"] // price_tick),
        upper=quote["upper_limit"] // price_tick,
    )
