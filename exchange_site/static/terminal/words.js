// The protocol's texts are Chinese, as its clients know them; readers of English get English.
import { _, isChinese } from "./dom.js";

const PHRASES = [
  ["报单成功", "Accepted"], ["全部成交", "All filled"], ["市价指令剩余撤销", "Remainder cancelled"], ["待确认", "Pending"], ["已撤单", "Cancelled"],
  ["管理员撤单", "by an operator"], ["剩余撤销", "remainder"], ["交易节结束", "end of section"], ["集合竞价结束", "end of auction"], ["交易日结束", "end of day"],
  ["合约到期", "contract expired"], ["到期", "date reached"], ["防自成交", "self trade"], ["账户冻结", "account frozen"], ["交易所停止交易", "venue halted"], ["强行平仓", "liquidation"],
  ["下单成功", "Order placed"], ["撤单成功", "Order cancelled"], ["成交通知,合约:", "Traded: "], [",手数:", ", lots: "], ["登录成功", "Signed in"],
];

const OWN = { WARNING: _("Refused"), ERROR: _("Refused") };

export function inWords(text) {
  if (isChinese || !text) return text || "";
  return PHRASES.reduce((found, [zh, en]) => found.replaceAll(zh, en), text);
}

/** A notify's text; a refusal keeps its number where it has no English. */
export function noteText(note) {
  const text = inWords(note.content);
  if (isChinese || !/[\u4e00-\u9fff]/.test(text)) return text;
  return `${OWN[note.level] || ""} (${note.error_code || note.code})`;
}
