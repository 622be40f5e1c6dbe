"""The exchange core: a pure function from commands to events (A-2, A-20).

Standard library only; no clock, no randomness, no input or output, no float.
"""
