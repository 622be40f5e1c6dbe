"""What a DIFF client says of condition orders, by `aid` (D-34)."""

from msgspec import Struct, field

Amount = float | int | str


class ConditionIn(Struct):
    """One condition; `price_source` and the kind `trailing` are ours."""

    contingent_type: str
    exchange_id: str = ""
    instrument_id: str = ""
    contingent_time: Amount = 0
    contingent_price: Amount | None = None
    price_relation: str = ""
    contingent_price_range_left: Amount | None = None
    contingent_price_range_right: Amount | None = None
    break_even_price: Amount | None = None
    break_even_direction: str = ""
    price_source: str = "LAST"


class ConditionOrderIn(Struct):
    """What is placed when the conditions are met."""

    instrument_id: str
    direction: str
    offset: str
    exchange_id: str = ""
    close_today_prior: bool = True
    volume_type: str = "NUM"
    volume: Amount = 0
    price_type: str = "MARKET"
    limit_price: Amount | None = None


class InsertConditionOrder(Struct, tag_field="aid", tag="insert_condition_order"):
    user_id: str
    condition_list: list[ConditionIn] = field(default_factory=list)
    order_list: list[ConditionOrderIn] = field(default_factory=list)
    order_id: str = ""
    conditions_logic_operator: str = "OR"
    time_condition_type: str = "GFD"
    gtd_date: int = field(default=0, name="GTD_date")
    is_cancel_origin_close_order: bool = True


class _Change(Struct):
    user_id: str
    order_id: str


class CancelConditionOrder(_Change, tag_field="aid", tag="cancel_condition_order"):
    pass


class PauseConditionOrder(_Change, tag_field="aid", tag="pause_condition_order"):
    pass


class ResumeConditionOrder(_Change, tag_field="aid", tag="resume_condition_order"):
    pass


class QryConditionOrder(Struct, tag_field="aid", tag="qry_condition_order"):
    user_id: str


class QryHisConditionOrder(Struct, tag_field="aid", tag="qry_his_condition_order"):
    user_id: str
    action_day: int


ChangeMessage = CancelConditionOrder | PauseConditionOrder | ResumeConditionOrder
ConditionMessage = InsertConditionOrder | ChangeMessage | QryConditionOrder | QryHisConditionOrder
