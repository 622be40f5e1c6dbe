"""Where the robots' process gets contracts and owners from: the database."""

import uuid

from accounts.models import User
from marketdata.robots.cast import CROWD, MAKER, PRODUCTS, Listing, robot
from trading.codec import to_units
from trading.models import Instrument, Venue


def ensure_users(venue: str) -> int:
    """Create the robots' owners that are missing, without a password; how many were made."""
    robots = [robot(venue, product, role) for product in PRODUCTS for role in (MAKER, CROWD)]
    users = [User(id=uuid.UUID(one.user_id), username=one.username) for one in robots]
    known = set(User.objects.filter(id__in=[user.id for user in users]).values_list("id", flat=True))
    missing = [user for user in users if user.id not in known]
    for user in missing:
        user.set_unusable_password()
    User.objects.bulk_create(missing, ignore_conflicts=True)
    return len(missing)


def listed(venue: str) -> tuple[int, list[Listing]]:
    """The venue's trading day and its contracts that trade, as the projector wrote them."""
    row = Venue.objects.filter(code=venue).first()
    if row is None:
        return 0, []
    contracts = Instrument.objects.filter(venue_id=row.id, status="TRADING")
    return row.trading_day, [
        Listing(
            symbol=one.symbol,
            product=f"{one.exchange_id}.{one.product_id}",
            expire_date=one.expire_date,
            open_interest=one.pre_open_interest,
            price_tick=to_units(one.price_tick),
            volume_multiple=one.volume_multiple,
            max_lots=one.max_limit_volume,
            position_limit=one.position_limit,
        )
        for one in contracts
    ]
