"""Watching the exchange: measured figures, alerts, the control room's pages (O-1, O-6, O-33)."""
