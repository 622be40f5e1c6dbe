"""The data service: one envelope over many sources, on a port of its own (G-30 … G-33)."""
