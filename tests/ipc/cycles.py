"""`python -m tests.ipc.cycles VENUE`: how many objects in cycles fifty pings leave behind.

A process of its own: what other tests left running must not be counted.
"""

import gc
import sys

from exchange_site.ipc import Bus

PINGS = 50


def main(venue: str) -> int:
    listener, sender = Bus("a.1", venue).start(), Bus("b.1", venue).start()
    try:
        sender.request("a.1", "ping", timeout_s=20)
        gc.collect()
        gc.disable()
        for _ in range(PINGS):
            sender.request("a.1", "ping", timeout_s=20)
        sender.request("nobody", "ping", timeout_s=0.5)  # the listeners wake up for nothing
        return gc.collect()
    finally:
        sender.stop()
        listener.stop()


if __name__ == "__main__":
    import django

    django.setup()
    print(main(sys.argv[1]))
