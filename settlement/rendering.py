"""A statement as text in the usual 结算单 layout, as CSV and as PDF (T-93).

The layout is bilingual, as brokers print it, whatever the reader's language. The PDF names a
font every reader of Chinese PDFs has, so that nothing has to be shipped or fetched.
"""

import csv
import io
import unicodedata
from collections.abc import Sequence
from typing import Any

from trading.lists import cell

WIDTH = 118
SIDES = {"BUY": "买 B", "SELL": "卖 S", "LONG": "买 L", "SHORT": "卖 S"}
OFFSETS = {"OPEN": "开 O", "CLOSE": "平 C", "CLOSETODAY": "平今 CT"}
KINDS = {
    "deposit": "入金", "withdrawal": "出金", "transfer": "银期转账", "reversal": "冲正",
    "commission": "手续费", "pnl": "盈亏", "settlement": "结算",
}  # fmt: skip
FIGURES = (
    ("期初结存 Balance b/f", "pre_balance"),
    ("入金 Deposit", "deposit"),
    ("出金 Withdrawal", "withdraw"),
    ("平仓盈亏 Realized P/L", "close_profit"),
    ("持仓盯市盈亏 MTM P/L", "position_profit"),
    ("手续费 Commission", "commission"),
    ("期末结存 Balance c/f", "balance"),
    ("保证金占用 Margin Occupied", "margin"),
    ("可用资金 Fund Avail.", "available"),
)
TRADES = ("合约 Instrument", "买/卖 B/S", "开平 O/C", "成交价 Price", "手数 Lots", "成交额 Turnover",
          "手续费 Fee", "平仓盈亏 P/L", "成交序号 Trade No.")  # fmt: skip
POSITIONS = ("合约 Instrument", "买/卖 L/S", "手数 Lots", "开仓均价 Avg Open", "结算价 Settl.",
             "浮动盈亏 Float P/L", "保证金 Margin")  # fmt: skip
TRANSFERS = ("流水号 Flow", "类型 Kind", "金额 Amount", "余额 Balance", "摘要 Remark")
Table = tuple[str, Sequence[str], list[list[str]]]


def money(value: Any) -> str:
    """Yuan with two decimals, or four where the cents do not say all."""
    text = f"{value:,.4f}"
    return text[:-2] if text.endswith("00") else text


def tables(data: dict[str, Any]) -> list[Table]:
    """Title, columns and lines of the statement's three tables."""
    trades = [
        [row["instrument_id"], SIDES[row["direction"]], OFFSETS[row["offset"]], money(row["price"]),
         str(row["volume"]), money(row["turnover"]), money(row["commission"]), money(row["close_profit"]),
         row["exchange_trade_id"]]
        for row in data["trades"]
    ]  # fmt: skip
    positions = [
        [row["instrument_id"], SIDES[row["side"]], str(row["volume"]), money(row["open_price"]),
         money(row["settlement_price"]), money(row["float_profit"]), money(row["margin"])]
        for row in data["positions"]
    ]  # fmt: skip
    transfers = [
        [row["flow_id"], KINDS.get(row["kind"], row["kind"]), money(row["amount"]),
         money(row["balance_after"]), row["remark"]]
        for row in data["transfers"]
    ]  # fmt: skip
    return [
        ("成交记录 Transaction Record", TRADES, trades),
        ("持仓汇总 Positions", POSITIONS, positions),
        ("出入金明细 Deposit and Withdrawal", TRANSFERS, transfers),
    ]


def heading(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Whose statement of which day it is."""
    return [
        ("客户号 Client ID", data["account_id"]),
        ("客户名称 Client Name", data["account_name"] or data["user_name"]),
        ("日期 Date", str(data["date"])),
        ("币种 Currency", data["currency"]),
    ]


def figures(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The account's summary."""
    ratio = ("风险度 Risk Degree", f"{data['risk_ratio']:.2%}")
    return [*((label, money(data[name])) for label, name in FIGURES), ratio]


# ----------------------------------------------------------------------------- text


def shown_width(text: str) -> int:
    """Columns a terminal needs: two for a Chinese character."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def pad(text: str, width: int, right: bool = False) -> str:
    """Text filled with blanks to a width in columns."""
    blanks = " " * max(width - shown_width(text), 0)
    return blanks + text if right else text + blanks


def centred(text: str) -> str:
    return " " * max((WIDTH - shown_width(text)) // 2, 0) + text


def as_text(data: dict[str, Any]) -> str:
    """The 结算单."""
    lines = [centred("交易结算单(盯市) Settlement Statement(MTM)"), ""]
    lines += [f"{label}：{value}" for label, value in heading(data)]
    lines += ["", centred("资金状况 Account Summary"), "-" * WIDTH]
    pairs = [f"{pad(label + '：', 30)}{pad(value, 22, True)}" for label, value in figures(data)]
    lines += [f"{pairs[n]}      {pairs[n + 1]}" for n in range(0, len(pairs), 2)]
    for title, columns, rows in tables(data):
        if rows:
            lines += ["", centred(title), *table_text(columns, rows)]
    return "\n".join([*lines, ""])


def table_text(columns: Sequence[str], rows: list[list[str]]) -> list[str]:
    """A table between bars, columns as wide as they must be."""
    widths = [max(shown_width(line[n]) for line in [list(columns), *rows]) for n in range(len(columns))]
    rule = "-" * (sum(widths) + 3 * len(widths) + 1)
    shown = []
    for row in [list(columns), *rows]:
        cells = (pad(text, width, is_number(text)) for text, width in zip(row, widths, strict=True))
        shown.append(f"| {' | '.join(cells)} |")
    return [rule, shown[0], rule, *shown[1:], rule]


def is_number(text: str) -> bool:
    """A figure, which stands at the right of its column."""
    return text.replace(",", "").replace(".", "").removeprefix("-").isdigit()


# ------------------------------------------------------------------------------ csv


def as_csv(data: dict[str, Any]) -> str:
    """The same as CSV: each line begins with its section."""
    output = io.StringIO()
    writer = csv.writer(output)
    for label, value in [*heading(data), *figures(data)]:
        writer.writerow(["summary", label, cell(value)])
    for name, (_title, columns, rows) in zip(("trades", "positions", "transfers"), tables(data), strict=True):
        writer.writerow([name, *columns])
        writer.writerows([name, *map(csv_cell, row)] for row in rows)
    return output.getvalue()


def csv_cell(text: str) -> Any:
    """Numbers without thousands' commas; a minus is no formula."""
    plain = text.replace(",", "")
    return plain if plain.removeprefix("-").replace(".", "", 1).isdigit() else cell(text)


# ------------------------------------------------------------------------------ pdf


def as_pdf(data: dict[str, Any]) -> bytes:
    """The same as a PDF of A4 pages, landscape."""
    from reportlab.lib.pagesizes import A4, landscape
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    styles = _styles()
    title = "交易结算单(盯市) Settlement Statement(MTM)"
    story: list[Any] = [Paragraph(title, styles["title"]), Spacer(1, 8)]
    story.append(_table([[f"{label}：{_escape(value)}" for label, value in heading(data)]], styles, False))
    pairs = figures(data)
    story.append(Paragraph("资金状况 Account Summary", styles["head"]))
    story.append(_table([[*pairs[n], *pairs[n + 1]] for n in range(0, len(pairs), 2)], styles, False))
    for name, columns, rows in tables(data):
        if rows:
            story += [Paragraph(name, styles["head"]), _table([list(columns), *rows], styles, True)]
    output = io.BytesIO()
    page = landscape(A4)
    SimpleDocTemplate(output, pagesize=page, title=title, leftMargin=36, rightMargin=36).build(story)
    return output.getvalue()


def _escape(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(text)


def _styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    plain = ParagraphStyle("plain", fontName="STSong-Light", fontSize=8, leading=11)
    return {
        "plain": plain,
        "title": ParagraphStyle("title", plain, fontSize=14, leading=18, alignment=1),
        "head": ParagraphStyle("head", plain, fontSize=10, leading=14, spaceBefore=10, spaceAfter=4),
    }


def _table(rows: list[list[str]], styles: dict[str, Any], has_head: bool) -> Any:
    from reportlab.lib import colors
    from reportlab.platypus import Table as PdfTable
    from reportlab.platypus import TableStyle

    table = PdfTable(rows, repeatRows=1 if has_head else 0, hAlign="LEFT")
    looks: list[Any] = [("FONT", (0, 0), (-1, -1), "STSong-Light", 8)]
    if has_head:
        looks += [("LINEBELOW", (0, row), (-1, row), 0.5, colors.black) for row in (0, -1)]
    table.setStyle(TableStyle(looks))
    return table
