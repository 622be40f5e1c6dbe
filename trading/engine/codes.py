"""The one table of error codes (http-api.md "Codes", A-22).

``CODES`` maps a code to its HTTP status and its English and Chinese names; texts with
figures are made from a code and its params at the edge (``exchange_site.exceptions``).
"""

from typing import NamedTuple

OK = 0
INSUFFICIENT_FUNDS = 1001
POSITION_LIMIT = 1002
ORDER_AMOUNT_TOO_LARGE = 1003
RISK_RATIO_TOO_HIGH = 1004
SELF_TRADE = 1005
ACCOUNT_NOT_FOUND = 1006
INSTRUMENT_NOT_FOUND = 1007
ILLEGAL_ORDER_PARAMETER = 1008
INSTRUMENT_NOT_TRADING = 1009
PRICE_OUTSIDE_LIMITS = 1010
PRICE_OFF_TICK = 1011
ORDER_TYPE_NOT_SUPPORTED = 1012
ORDER_ID_USED = 1013
ACCOUNT_EXISTS = 2001
ACCOUNT_FROZEN = 2002
DEPOSIT_REFUSED = 2003
WITHDRAWAL_REFUSED = 2004
INSUFFICIENT_POSITION = 2005
WAITS_FOR_APPROVAL = 2006
ORDER_NOT_FOUND = 3001
ORDER_NOT_CANCELLABLE = 3002
ORDER_NOT_SUBMITTED = 3003
ORDER_NOT_CHANGEABLE = 3004
WORKER_NOT_RUNNING = 4001
ORDER_BOOK_ERROR = 4002
INTERNAL_ERROR = 5000
CONFIGURATION_ERROR = 5001
STORAGE_ERROR = 5002
MALFORMED_DATA = 5003
SETTLEMENT_PRICE_MISSING = 6001
SETTLEMENT_FAILED = 6002
NO_LIQUIDITY = 6003
SETTLEMENT_UNDER_WAY = 6004
NO_FEED_ROOM = 7001
FEED_REFUSED = 7002
QUERY_NOT_ALLOWED = 8001
QUERY_TOO_SLOW = 8002
AUTHENTICATION_FAILED = 9001
NOT_AUTHENTICATED = 9002
MALFORMED_MESSAGE = 9003
TOO_MANY_REQUESTS = 9004
SERVICE_UNAVAILABLE = 9005
NOT_PERMITTED = 9006
NOT_FOUND = 9007
INVALID_FIELD = 9008
UNKNOWN_ERROR = 9999


class Code(NamedTuple):
    http: int
    name_en: str
    name_zh: str


CODES: dict[int, Code] = {
    INSUFFICIENT_FUNDS: Code(422, "insufficient funds", "资金不足"),
    POSITION_LIMIT: Code(422, "position limit", "超过持仓限额"),
    ORDER_AMOUNT_TOO_LARGE: Code(422, "order amount too large", "订单金额过大"),
    RISK_RATIO_TOO_HIGH: Code(422, "risk ratio too high", "风险度过高"),
    SELF_TRADE: Code(422, "self trade", "自成交风险"),
    ACCOUNT_NOT_FOUND: Code(404, "account not found", "账户不存在"),
    INSTRUMENT_NOT_FOUND: Code(404, "instrument not found", "合约不存在"),
    ILLEGAL_ORDER_PARAMETER: Code(400, "illegal order parameter", "订单参数非法"),
    INSTRUMENT_NOT_TRADING: Code(422, "instrument is not trading now", "合约当前不可交易"),
    PRICE_OUTSIDE_LIMITS: Code(422, "price outside the limits", "价格超出涨跌停"),
    PRICE_OFF_TICK: Code(422, "price not on the tick", "价格不是最小变动价位的整数倍"),
    ORDER_TYPE_NOT_SUPPORTED: Code(422, "order type or condition not supported here", "当前不支持该报单类型"),
    ORDER_ID_USED: Code(409, "order id already used", "单号重复"),
    ACCOUNT_EXISTS: Code(409, "account or user exists", "账户已存在"),
    ACCOUNT_FROZEN: Code(403, "account frozen", "账户已冻结"),
    DEPOSIT_REFUSED: Code(422, "deposit refused", "入金失败"),
    WITHDRAWAL_REFUSED: Code(422, "withdrawal refused", "出金失败"),
    INSUFFICIENT_POSITION: Code(422, "insufficient position", "持仓不足"),
    WAITS_FOR_APPROVAL: Code(409, "waits for approval", "等待审批"),
    ORDER_NOT_FOUND: Code(404, "order not found", "订单不存在"),
    ORDER_NOT_CANCELLABLE: Code(409, "order cannot be cancelled in this status", "订单状态不允许撤销"),
    ORDER_NOT_SUBMITTED: Code(503, "order could not be submitted", "订单提交失败"),
    ORDER_NOT_CHANGEABLE: Code(422, "order cannot be changed so", "订单不允许如此修改"),
    WORKER_NOT_RUNNING: Code(503, "matching worker not running", "撮合引擎未初始化"),
    ORDER_BOOK_ERROR: Code(500, "order book error", "订单簿错误"),
    INTERNAL_ERROR: Code(500, "internal error", "内部错误"),
    CONFIGURATION_ERROR: Code(500, "configuration", "配置错误"),
    STORAGE_ERROR: Code(503, "storage", "存储错误"),
    MALFORMED_DATA: Code(400, "malformed or unserialisable data", "数据格式错误"),
    SETTLEMENT_PRICE_MISSING: Code(422, "settlement price missing", "结算价未设置"),
    SETTLEMENT_FAILED: Code(500, "settlement failed", "结算失败"),
    NO_LIQUIDITY: Code(503, "liquidation found no liquidity", "强平失败"),
    SETTLEMENT_UNDER_WAY: Code(409, "settlement already done or under way", "结算已完成或进行中"),
    NO_FEED_ROOM: Code(503, "no feed connection has room", "行情连接容量不足"),
    FEED_REFUSED: Code(502, "feed refused", "行情源拒绝"),
    QUERY_NOT_ALLOWED: Code(400, "query not allowed or malformed", "查询不允许或格式错误"),
    QUERY_TOO_SLOW: Code(408, "query too slow", "查询超时"),
    AUTHENTICATION_FAILED: Code(401, "authentication failed", "认证失败"),
    NOT_AUTHENTICATED: Code(401, "not authenticated", "未认证"),
    MALFORMED_MESSAGE: Code(400, "malformed message", "消息格式错误"),
    TOO_MANY_REQUESTS: Code(429, "too many requests", "请求频率过高"),
    SERVICE_UNAVAILABLE: Code(503, "service unavailable", "服务不可用"),
    NOT_PERMITTED: Code(403, "not permitted", "无权限"),
    NOT_FOUND: Code(404, "not found", "未找到"),
    INVALID_FIELD: Code(400, "invalid field", "字段无效"),
    UNKNOWN_ERROR: Code(500, "unknown", "未知错误"),
}  # fmt: skip

MONEY_PARAMS = frozenset(
    {
        "required",
        "available",
        "amount",
        "limit_amount",
        "price",
        "tick",
        "lower",
        "upper",
        "balance",
    }
)
"""Params that are in 1/10 000 yuan and are shown as yuan."""

RATIO_PARAMS = frozenset({"ratio_ppm", "limit_ppm"})
"""Params that are parts per million and are shown as per cent; −1 is above everything."""
