"""Settlement over REST, for the settlement group (T-90 … T-95)."""

from typing import Any

from rest_framework.response import Response

from exchange_site.documented import IDEMPOTENCY, documented
from exchange_site.exceptions import ExchangeError
from settlement import run_selectors as selectors
from settlement import run_services as services
from settlement import schemas as shapes
from trading.command_view import audited, validated
from trading.engine import codes
from trading.lists import PAGES, StaffReadView, paged, query
from trading.order_services import Answer

TAG = "staff: settlement"
_PRICING = (
    codes.INSTRUMENT_NOT_FOUND,
    codes.PRICE_OFF_TICK,
    codes.PRICE_OUTSIDE_LIMITS,
    codes.INVALID_FIELD,
    codes.SETTLEMENT_UNDER_WAY,
    codes.WORKER_NOT_RUNNING,
)


def day_of(text: str, field: str = "date") -> int:
    """yyyymmdd or yyyy-mm-dd as a number; 9008 for anything else."""
    digits = text.replace("-", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) == 8):
        raise ExchangeError(codes.INVALID_FIELD, {"field": field})
    return int(digits)


class SettlementView(StaffReadView):
    right = "settlement.settle"

    def priced(self, request: Any, action: str, entries: list[dict[str, Any]], confirmed: bool) -> Response:
        """Set prices, all or none; the first fault is the refusal, `extra.faults` names all."""

        def perform(command_id: str) -> Answer:
            run = services.current_run(venue=self.venue)
            pairs = [(entry["instrument_id"], entry["settlement_price"]) for entry in entries]
            faults = services.set_prices(
                run=run, entries=pairs, user_id=request.user.pk.hex, confirmed=confirmed
            )
            if faults:
                extra = {name: faults[0][name] for name in ("instrument_id", "confirm") if name in faults[0]}
                raise ExchangeError(faults[0]["code"], {}, {**extra, "faults": faults[:100]})
            return Answer(selectors.run_data(run))

        target = entries[0]["instrument_id"] if len(entries) == 1 else f"{len(entries)} instruments"
        return audited(request, self.venue, action, "settlement price", target, perform)


class SetPrice(SettlementView):
    @documented(
        "Set the settlement price of one instrument for the present trading day",
        request=shapes.SetPriceIn,
        sent={"instrument_id": shapes.SYMBOL, "settlement_price": "74390", "reason": "exchange notice"},
        answer=shapes.SettlementRunOut,
        example=shapes.RUN,
        errors=_PRICING,
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        body = validated(shapes.SetPriceIn, request.data)
        return self.priced(request, "set_settlement_price", [body], body["confirm"])


class BatchSetPrices(SettlementView):
    @documented(
        "Set many settlement prices, all or none",
        request=shapes.PricesIn,
        sent={"prices": [{"instrument_id": shapes.SYMBOL, "settlement_price": "74390"}]},
        answer=shapes.SettlementRunOut,
        example=shapes.RUN,
        errors=_PRICING,
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        body = validated(shapes.PricesIn, request.data)
        return self.priced(request, "set_settlement_prices", body["prices"], body["confirm"])


class Execute(SettlementView):
    @documented(
        "Settle the present trading day, or ask a second person to, where the venue wants two",
        request=shapes.SettleIn,
        sent={"reason": "end of day"},
        answer=shapes.SettlementRunOut,
        example={**shapes.RUN, "status": "RUNNING"},
        errors=(
            codes.SETTLEMENT_PRICE_MISSING,
            codes.SETTLEMENT_FAILED,
            codes.SETTLEMENT_UNDER_WAY,
            codes.WAITS_FOR_APPROVAL,
            codes.INVALID_FIELD,
            codes.WORKER_NOT_RUNNING,
        ),
        parameters=(IDEMPOTENCY,),
        tag=TAG,
    )
    def post(self, request: Any) -> Response:
        validated(shapes.SettleIn, request.data)

        def perform(command_id: str) -> Answer:
            run = services.current_run(venue=self.venue)
            services.compute_prices(run=run)
            done = services.execute(run=run, user_id=request.user.pk.hex)
            return Answer(selectors.run_data(done))

        return audited(request, self.venue, "settle", "venue", self.venue, perform)


class Run(SettlementView):
    right = "trading.view_settlementday"

    @documented(
        "The run of the present trading day",
        answer=shapes.SettlementRunOut,
        example=shapes.RUN,
        errors=(codes.WORKER_NOT_RUNNING,),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        return Response(selectors.run_data(services.current_run(venue=self.venue)))


class Preview(SettlementView):
    right = "trading.view_settlementday"

    @documented(
        "What the run would make of the accounts with positions (the first 200)",
        answer=shapes.SettlementPreviewOut,
        example={"items": [shapes.ACCOUNT_DAY], "next_cursor": None},
        errors=(codes.WORKER_NOT_RUNNING,),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        run = services.current_run(venue=self.venue)
        return Response({"items": list(selectors.previews(run)), "next_cursor": None})


class History(SettlementView):
    right = "trading.view_settlementday"

    @documented(
        "Settled days, newest first",
        answer=shapes.SettlementHistoryOut,
        example={"items": [shapes.RESULT], "next_cursor": None},
        errors=(codes.INVALID_FIELD,),
        parameters=(query("start_date", "yyyymmdd"), query("end_date", "yyyymmdd, inclusive"), *PAGES),
        tag=TAG,
    )
    def get(self, request: Any) -> Response:
        rows = selectors.history(self.venue)
        for name, lookup in (("start_date", "trading_day__gte"), ("end_date", "trading_day__lte")):
            text = request.query_params.get(name, "")
            if text:
                rows = rows.filter(**{lookup: day_of(text, name)})
        return paged(request, rows, lambda found: [selectors.result_data(row) for row in found])


class Detail(SettlementView):
    right = "trading.view_settlementday"

    @documented(
        "The result of a day, with its accounts",
        answer=shapes.SettlementDetailOut,
        example={**shapes.RESULT, "accounts": [shapes.ACCOUNT_DAY], "next_cursor": None},
        errors=(codes.INVALID_FIELD, codes.NOT_FOUND),
        parameters=PAGES,
        tag=TAG,
    )
    def get(self, request: Any, date: str) -> Response:
        day = selectors.history(self.venue).filter(trading_day=day_of(date)).first()
        if day is None:
            raise ExchangeError(codes.NOT_FOUND)
        rows = selectors.account_days(self.venue, day.trading_day)
        page = paged(request, rows, lambda found: selectors.account_days_data(self.venue, list(found))).data
        result = selectors.result_data(day)
        return Response({**result, "accounts": page["items"], "next_cursor": page["next_cursor"]})
