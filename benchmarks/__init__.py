"""The figures of this product, each measured beside its peer in one run (A-32)."""
