"""Instrument queries in GraphQL, with the type names TqSdk's fragments use (D-23).

Answers are encoded once and kept until the instruments change, so that a hundred strategies
that ask the same cost one evaluation.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from marketdata.fanout.catalogue import Catalogue, Contents
from marketdata.fanout.catalogue_rows import CONT, INDEX, Listing, decimals, delivery
from trading.engine.units import NS_PER_SECOND, SCALE

MOST_TOKENS = 40_000
MOST_DEPTH = 16
MOST_FIELDS = 400_000
"""Fields one query may have evaluated: 3 000 instruments with all of theirs."""
CACHED, CACHED_BYTES = 256, 32 << 20
_SCHEMA = build_schema((Path(__file__).parent / "instruments.graphql").read_text(encoding="utf8"))
_TYPES = {"FUTURE": "future", "OPTION": "option", "STOCK": "stock", CONT: "cont", INDEX: "index"}
_encode = msgspec.json.Encoder().encode
_worker = ThreadPoolExecutor(1, thread_name_prefix="queries")
Node = dict[str, Any]


class QueryRefused(ValueError):
    """The query cannot be answered; the text says why."""


class _Work:
    """What one evaluation may still cost."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.left = MOST_FIELDS

    def nodes(self, wanted: Iterable[Listing]) -> list[Node]:
        return [_node(row, self) for row in wanted]


# ------------------------------------------------------------------------ nodes


def _node(row: Listing, work: _Work) -> Node:
    """An instrument as its GraphQL object; edges are made when asked for."""
    year, month = delivery(row)
    volumes = {
        f"{prefix}{end}_{kind}_order_volume": getattr(row, f"{end}_{kind}_volume")
        for prefix in ("", "open_", "close_")
        for end in ("max", "min")
        for kind in ("limit", "market")
    }
    return {
        "__typename": _TYPES.get(row.ins_class, "future"),
        "instrument_id": row.symbol,
        "ins_id": row.instrument_id,
        "exchange_id": row.exchange_id,
        "instrument_name": row.name_zh,
        "instrument_name_wh": row.name_zh,
        "english_name": row.name_en,
        "class": row.ins_class,
        "price_tick": row.price_tick / SCALE,
        "price_decs": decimals(row.price_tick),
        "trading_day": str(work.contents.trading_day),
        "trading_time": row.trading_time,
        "pre_close": _money(row.pre_close),
        "volume_multiple": float(row.volume_multiple),
        "index_multiple": float(row.volume_multiple),
        "quote_multiple": 1.0,
        "upper_limit": _money(row.upper_limit),
        "lower_limit": _money(row.lower_limit),
        "pre_open_interest": row.pre_open_interest,
        "expired": row.expired,
        "product_id": row.product_id,
        "product_short_name": row.name_zh,
        "delivery_year": year,
        "delivery_month": month,
        "expire_datetime": row.expire_s * NS_PER_SECOND if row.expire_s else None,
        "settlement_price": _money(row.pre_settlement),
        "margin": row.margin / SCALE,
        "commission": row.commission / SCALE,
        "mmsa": False,
        "open_limit": 0,
        "position_limit": row.position_limit,
        "categories": [],
        **volumes,
        "underlying": lambda: _underlying(row, work),
        "derivatives": lambda **wanted: _derivatives(row, work, wanted),
        "derivative": lambda **wanted: _derivatives(row, work, wanted),
    }


def _money(units: int) -> float | None:
    return units / SCALE if units else None


def _connection(nodes: list[Node]) -> Node:
    return {
        "count": len(nodes),
        "edges": [{"underlying_multiple": 1.0, "node": node} for node in nodes],
    }


def _underlying(row: Listing, work: _Work) -> Node | None:
    found = work.contents.listings.get(row.underlying_symbol)
    return None if found is None else _connection(work.nodes([found]))


def _derivatives(row: Listing, work: _Work, wanted: dict[str, Any]) -> Node:
    rows = (each for each in work.contents.listings.values() if each.underlying_symbol == row.symbol)
    return _connection(work.nodes(_selected(rows, wanted)))


# ------------------------------------------------------------------------ roots


def _selected(rows: Iterable[Listing], wanted: dict[str, Any]) -> Iterator[Listing]:
    """Rows that every given argument lets through; scalars stand for lists of one."""
    named = {
        name: set(value if isinstance(value, list) else [value])
        for name, value in wanted.items()
        if value is not None and name in ("instrument_id", "class", "exchange_id", "product_id")
    }
    expired, has_night = wanted.get("expired"), wanted.get("has_night")
    if wanted.get("has_derivatives") or wanted.get("categories"):
        return  # no options, no categories here
    for row in rows:
        own = {
            "instrument_id": row.symbol,
            "class": row.ins_class,
            "exchange_id": row.exchange_id,
            "product_id": row.product_id,
        }
        if all(own[name] in values for name, values in named.items()):
            if expired in (None, row.expired) and has_night in (None, row.has_night):
                yield row


def _root(work: _Work, **wanted: Any) -> list[Node]:
    listings = work.contents.listings
    ids = wanted.get("instrument_id")
    if ids:
        given = ids if isinstance(ids, list) else [ids]
        rows: Iterable[Listing] = [listings[each] for each in dict.fromkeys(given) if each in listings]
    else:
        rows = listings.values()
    return work.nodes(_selected(rows, wanted))


def _resolve(source: Any, info: Any, **arguments: Any) -> Any:
    work: _Work = info.context
    work.left -= 1
    if work.left < 0:
        raise QueryRefused("the query asks for too much")
    if source is None:
        return _root(work, **arguments)
    value = source.get(info.field_name)
    return value(**arguments) if callable(value) else value


# -------------------------------------------------------------------- evaluation


def _depth(document: DocumentNode) -> int:
    """The deepest nesting of fields; a fragment counts as deep as its own."""
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }

    def of(node: Any, seen: tuple[str, ...]) -> int:
        selections = node.selection_set.selections if getattr(node, "selection_set", None) else ()
        deepest = 0
        for each in selections:
            if isinstance(each, FragmentSpreadNode):
                name = each.name.value
                inner = fragments.get(name)
                deepest = max(deepest, 0 if inner is None or name in seen else of(inner, (*seen, name)))
            else:
                deepest = max(deepest, isinstance(each, FieldNode) + of(each, seen))
            if deepest > MOST_DEPTH:
                break
        return deepest

    return max((of(node, ()) for node in document.definitions), default=0)


def evaluate(contents: Contents, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The data of a query; QueryRefused for one that is malformed or asks for too much."""
    try:
        document = parse(query, max_tokens=MOST_TOKENS)
    except (GraphQLError, RecursionError) as error:
        raise QueryRefused(str(error)[:300]) from error
    if _depth(document) > MOST_DEPTH:
        raise QueryRefused("the query is nested too deep")
    faults = validate(_SCHEMA, document, max_errors=5)
    if faults:
        raise QueryRefused(faults[0].message[:300])
    found = execute_sync(
        _SCHEMA,
        document,
        context_value=_Work(contents),
        variable_values=variables,
        field_resolver=_resolve,
        type_resolver=lambda value, *_: value["__typename"],
    )
    if found.errors:
        raise QueryRefused(found.errors[0].message[:300])
    data: dict[str, Any] = _without_null(found.data)
    return data


def _without_null(value: Any) -> Any:
    """Leave missing values out: null would delete (D-2)."""
    if isinstance(value, dict):
        return {name: _without_null(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_null(each) for each in value if each is not None]
    return value


def answer_of(contents: Contents, query: str, variables: dict[str, Any]) -> bytes:
    """`symbols.{query_id}` as JSON: query and variables as they came, result or error."""
    known = {"query": query, "variables": _without_null(variables)}
    try:
        return _encode({**known, "result": evaluate(contents, query, variables)})
    except QueryRefused as error:
        return _encode({**known, "result": {}, "error": str(error)})


class Queries:
    """Answers queries in a thread of their own, each once for one reading of the instruments."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._contents = catalogue.contents
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0

    async def answer(self, query: str, variables: dict[str, Any]) -> bytes:
        """The answer as JSON."""
        contents = self._catalogue.contents
        if contents is not self._contents:
            self._contents, self._size = contents, 0
            self._answers.clear()
        key = _encode([query, variables])
        found = self._answers.get(key)
        if found is None:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(_worker, answer_of, contents, query, variables)
            if contents is self._contents:
                self._keep(key, found)
        else:
            self._answers.move_to_end(key)
        return found

    def _keep(self, key: bytes, answer: bytes) -> None:
        self._answers[key] = answer
        self._size = sum(len(name) + len(kept) for name, kept in self._answers.items())
        while self._answers and (len(self._answers) > CACHED or self._size > CACHED_BYTES):
            name, kept = self._answers.popitem(last=False)
            self._size -= len(name) + len(kept)
