"""Robots that make a market live: a maker and a crowd per contract (M-20).

`process`, `quoting` and `desk` are pure and know neither clock nor network; `runner` gives
them time, events and a way to send; `control` is what the admin and the command line call.
"""
