"""The gateway's wire protocols and the data service (G-20 … G-33)."""
