"""A slow, obvious exchange that judges the engine (R-4).

It keeps lists of orders, fills and flows and works every figure out from them anew, in
the words of the trading rules; it shares nothing with the engine but the message types.
"""
