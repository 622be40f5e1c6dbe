"""CTP and other market feeds: links, their pool, simulated fronts, the feed process (G-1 … G-15)."""
