"""A strategy as TqSdk users write it: long above its slow average, flat below.

    TQ_AUTH_URL=http://127.0.0.1:8000 \
    TQ_MD_URL=ws://127.0.0.1:8000/ws/diff TQ_TD_URL=ws://127.0.0.1:8000/ws/diff \
    python docs/examples/two_averages.py demo exchange-demo DCE.m2701
"""

import sys
import time

from tqsdk import TargetPosTask, TqAccount, TqApi, TqAuth

FAST, SLOW, LOTS = 5, 20, 1


def run(user: str, password: str, symbol: str, seconds: float = 60) -> tuple[int, float]:
    """Trade for so long; (net position, balance) at the end."""
    account = TqAccount("exchange", user, password)
    with TqApi(account, auth=TqAuth(user, password), debug=False) as api:
        bars = api.get_kline_serial(symbol, 60, data_length=SLOW)
        position, funds = api.get_position(symbol), api.get_account()
        target = TargetPosTask(api, symbol)
        until = time.time() + seconds
        while api.wait_update(deadline=until):
            closes = bars.close.iloc[-SLOW:]
            target.set_target_volume(LOTS if closes.iloc[-FAST:].mean() >= closes.mean() else 0)
            if api.is_changing(position, "pos"):
                print(f"{symbol}: {position.pos} lots, balance {funds.balance:.2f}")
        return position.pos, funds.balance


if __name__ == "__main__":
    print(run(*sys.argv[1:4], *map(float, sys.argv[4:5])))
