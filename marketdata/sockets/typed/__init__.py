"""The typed protocol of `/ws`: JSON messages with a `type`, in both directions (W-10 … W-12)."""
