"""Where a venue's market data is in the cache instance, and how it is encoded (M-4).

x:{v}:bars           stream, field b: msgpack [[symbol, duration_ns, BarRow], …]
x:{v}:ticks          stream, field b: msgpack [[symbol, TickRow], …]
x:{v}:bars:SYMBOL    msgpack [[duration_ns, [BarRow, …]], …]: bars the tables may lack, the current last
x:{v}:ticks:SYMBOL   list of TickRows, newest first
"""

import msgspec

from exchange_site.streams import Keys
from marketdata.rows import BarRow, TickRow

STREAM_LENGTH = 10_000
TICKS_KEPT = 1_000

BarUpdates = list[tuple[str, int, BarRow]]
TickUpdates = list[tuple[str, TickRow]]
Current = list[tuple[int, list[BarRow]]]

encode = msgspec.msgpack.Encoder().encode
decode_bars = msgspec.msgpack.Decoder(BarUpdates).decode
decode_ticks = msgspec.msgpack.Decoder(TickUpdates).decode
decode_current = msgspec.msgpack.Decoder(Current).decode
decode_tick = msgspec.msgpack.Decoder(TickRow).decode


class MarketKeys(Keys):
    """Names of a venue's keys, those of market data too."""

    __slots__ = ("bars", "ticks")

    def __init__(self, venue: str) -> None:
        super().__init__(venue)
        self.bars = self.prefix + "bars"
        self.ticks = self.prefix + "ticks"

    def bars_of(self, symbol: str) -> str:
        """The newest bars of a symbol."""
        return f"{self.bars}:{symbol}"

    def ticks_of(self, symbol: str) -> str:
        """The last ticks of a symbol."""
        return f"{self.ticks}:{symbol}"
