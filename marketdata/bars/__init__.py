"""Bars, ticks and continuous series from events: pure, on ints, without Django (M-10 … M-16)."""
