"""Build the core's hot modules with mypyc, in place (`make compile`); optional (A-32, Q-2).

The compiled modules take the place of the Python ones until `make clean-compiled`; they give
the same events and the same hashes.
"""

from mypyc.build import mypycify
from setuptools import setup

HOT = (
    "units", "book", "clientids", "entities", "rates", "ledger", "execution", "matching", "auction", "risk",
    "plain", "orders", "state", "apply", "clock",
)  # fmt: skip

setup(
    name="exchange-core",
    packages=[],
    ext_modules=mypycify([f"trading/engine/{name}.py" for name in HOT], opt_level="3"),
    script_args=["build_ext", "--inplace"],
)
