"""Statements as DIFF clients get them (D-12, T-93)."""


def text_of(venue: str, account_id: str, trading_day: int) -> str:
    """The statement of a day as text; day 0 is the last settled one. "" when there is none."""
    from exchange_site.exceptions import ExchangeError
    from settlement.rendering import as_text
    from settlement.statements import account_of, days_of, statement
    from trading.engine import codes

    account = account_of(venue, account_id, None)
    day = trading_day or days_of(account).values_list("trading_day", flat=True).first()
    if not day:
        return ""
    try:
        return as_text(statement(account, day))
    except ExchangeError as error:
        if error.code != codes.NOT_FOUND:
            raise
        return ""
