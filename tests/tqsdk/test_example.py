"""The example of the documentation runs as it is written."""

import importlib.util
from typing import Any

from tests.sockets.conftest import place
from tests.tqsdk.conftest import PASSWORD, ROOT, SYMBOL, Person, Site, Web, known_here
from tests.tqsdk.test_charts import recorder  # noqa: F401  the market-data process


def example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_strategy_takes_its_position(web: Web, site: Site, alice: Person, bob: Person) -> None:
    known_here(alice)
    for direction, away in ((1, 1), (0, -1)):
        place(site, bob, direction, away, 5)
    lots, balance = example("two_averages").run(alice.user.username, PASSWORD, SYMBOL, 12)
    assert lots == 1
    assert 0 < 1_000_000 - balance < 1_000
