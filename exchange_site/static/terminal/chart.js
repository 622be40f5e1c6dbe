// K-lines of the chosen instrument with moving averages, volume and the account's own trades.
import { _, byId, h, isNumber, replace } from "./dom.js";
import { query } from "./api.js";
import { CandlestickSeries, HistogramSeries, LineSeries, createChart, createSeriesMarkers } from "../vendor/lightweight-charts-5.2.1.mjs";

const PERIODS = [["1m", 60, "1min"], ["5m", 300, "5min"], ["15m", 900, "15min"], ["1h", 3600, "60min"], ["1d", 86400, "day"]];
const WIDTH = 300;
const AVERAGES = [[5, "#e0a53c"], [20, "#4f8fe0"]];
const UTC8_S = 8 * 3600;
const PATIENCE_MS = 1500;
const NANO = 1e9;

export class Chart {
  constructor(app) {
    this.app = app;
    this.period = PERIODS.find(([name]) => name === localStorage.getItem("period")) || PERIODS[0];
    this.build();
    this.buttons();
    this.stamp = "";
    addEventListener("theme", () => this.colour());
  }

  build() {
    const box = byId("chart");
    this.chart = createChart(box, {
      autoSize: true,
      layout: { attributionLogo: false, background: { color: "transparent" } },
      timeScale: { timeVisible: true, rightOffset: 4 },
      localization: { locale: document.documentElement.lang.startsWith("zh") ? "zh-CN" : "en-GB" },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, {});
    this.volumes = this.chart.addSeries(HistogramSeries, { priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
    this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.averages = AVERAGES.map(([, color]) => this.chart.addSeries(LineSeries, { color, lineWidth: 1, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false }));
    this.markers = createSeriesMarkers(this.candles, []);
    this.colour();
  }

  colour() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    const [up, down, line] = [of("--up"), of("--down"), of("--line")];
    this.chart.applyOptions({ layout: { textColor: of("--dim") }, grid: { vertLines: { color: line }, horzLines: { color: line } } });
    this.candles.applyOptions({ upColor: up, borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
    this.volumes.applyOptions({ color: line });
  }

  buttons() {
    replace(byId("periods"), ...PERIODS.map((period) => h("button", {
      type: "button", "aria-pressed": String(period === this.period), onclick: () => this.choose(period),
    }, period[0])));
  }

  choose(period) {
    this.period = period;
    localStorage.setItem("period", period[0]);
    this.buttons();
    this.show(this.symbol);
  }

  show(symbol) {
    this.symbol = symbol;
    this.stamp = "";
    this.stored = [];
    this.isNew = true;
    for (const series of [this.candles, this.volumes, ...this.averages]) series.setData([]);
    this.app.store.keep("chart", { aid: "set_chart", chart_id: "main", ins_list: symbol, duration: this.period[1] * NANO, view_width: WIDTH });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(symbol, this.period), PATIENCE_MS);
  }

  /** Bars over REST where the socket has none yet. */
  async read(symbol, period) {
    if (this.fromSocket().length) return;
    try {
      const { items } = await query(`/api/klines/${encodeURIComponent(symbol)}/${period[2]}`, { count: WIDTH });
      if (symbol !== this.symbol || period !== this.period) return;
      this.stored = items.map((bar) => ({ ...bar, second: bar.timestamp / 1000 }));
      this.app.store.draw();
      this.timer = setTimeout(() => this.read(symbol, period), 3 * PATIENCE_MS);
    } catch {
      this.timer = setTimeout(() => this.read(symbol, period), 3 * PATIENCE_MS);
    }
  }

  fromSocket() {
    const series = this.app.store.tree.klines?.[this.symbol]?.[String(this.period[1] * NANO)];
    return Object.entries(series?.data || {}).map(([id, bar]) => ({ ...bar, id: Number(id), second: bar.datetime / NANO }))
      .filter((bar) => isNumber(bar.close)).sort((a, b) => a.id - b.id).slice(-WIDTH);
  }

  draw() {
    if (!this.symbol) return;
    const live = this.fromSocket();
    const bars = live.length ? live : this.stored;
    const last = bars.at(-1);
    const stamp = last ? `${bars.length} ${last.second} ${last.close} ${last.volume} ${last.high} ${last.low}` : "";
    if (stamp !== this.stamp) this.write(bars, stamp);
    this.mark(bars);
  }

  write(bars, stamp) {
    this.stamp = stamp;
    const rising = bars.filter((bar, n) => !n || bar.second > bars[n - 1].second);
    const at = (bar) => bar.second + UTC8_S; // the library shows UTC
    const places = this.app.quote.price_decs ?? 2;
    this.candles.applyOptions({ priceFormat: { type: "price", precision: places, minMove: 10 ** -places } });
    this.candles.setData(rising.map((bar) => ({ time: at(bar), open: bar.open, high: bar.high, low: bar.low, close: bar.close })));
    this.volumes.setData(rising.map((bar) => ({ time: at(bar), value: bar.volume })));
    this.averages.forEach((series, n) => series.setData(average(rising, AVERAGES[n][0]).map(([bar, value]) => ({ time: at(bar), value }))));
    if (this.isNew && rising.length) {
      this.chart.timeScale().setVisibleLogicalRange({ from: Math.max(0, rising.length - 80), to: rising.length + 3 });
      this.isNew = false;
    }
    byId("chart").dataset.bars = rising.length;
  }

  /** Own trades of the day on their bars. */
  mark(bars) {
    const mine = Object.values(this.app.store.trade.trades || {}).filter((row) => `${row.exchange_id}.${row.instrument_id}` === this.symbol);
    const stamp = `${this.symbol} ${this.period[0]} ${mine.length} ${bars.length}`;
    if (stamp === this.marked) return;
    this.marked = stamp;
    const first = bars[0]?.second ?? Infinity;
    const marks = mine.filter((row) => row.trade_date_time / NANO >= first).sort((a, b) => a.trade_date_time - b.trade_date_time);
    this.markers.setMarkers(marks.map((row) => {
      const isBuy = row.direction === "BUY";
      const second = row.trade_date_time / NANO;
      const bar = bars.findLast((each) => each.second <= second) || bars[0];
      return { time: bar.second + UTC8_S, position: isBuy ? "belowBar" : "aboveBar", shape: isBuy ? "arrowUp" : "arrowDown", color: isBuy ? "#d8434a" : "#12965f", text: `${row.volume}` };
    }));
  }
}

function average(bars, length) {
  const found = [];
  let sum = 0;
  bars.forEach((bar, n) => {
    sum += bar.close - (n >= length ? bars[n - length].close : 0);
    if (n >= length - 1) found.push([bar, sum / length]);
  });
  return found;
}
