"""Pure figures of the settlement, on ints in core units (A-20)."""
