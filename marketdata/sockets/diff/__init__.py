"""The DIFF protocol on `/ws/diff`: TqSdk, the terminal and QIFI clients (D-1 … D-35)."""
