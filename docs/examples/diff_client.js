// A plain DIFF client for browsers (and Node 22 or newer): log in, watch a quote, place an order, cancel it.
//   diffClient("ws://127.0.0.1:8000/ws/diff", "USER", "PASSWORD", "SHFE.cu2701").then(console.log)

function merge(tree, patch) {
  // JSON merge patch (RFC 7386): null deletes, objects merge, anything else replaces.
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete tree[key];
    else if (typeof value === "object" && !Array.isArray(value)) merge((tree[key] ??= {}), value);
    else tree[key] = value;
  }
}

async function diffClient(url, user, password, symbol) {
  const tree = {};
  const socket = new WebSocket(url);
  const waiting = [];
  const send = (message) => socket.send(JSON.stringify(message));
  await new Promise((opened, failed) => Object.assign(socket, { onopen: opened, onerror: failed }));

  socket.onmessage = ({ data }) => {
    for (const patch of JSON.parse(data).data ?? []) merge(tree, patch);
    const one = waiting[0];
    const found = one?.condition();
    if (found) waiting.shift().resolve(found);
    else if (one) send({ aid: "peek_message" }); // one peek, one answer
  };

  const until = (condition) =>
    new Promise((resolve) => {
      const found = condition();
      if (found) return resolve(found);
      waiting.push({ condition, resolve });
      send({ aid: "peek_message" });
    });

  send({ aid: "req_login", bid: "main", user_name: user, password });
  send({ aid: "subscribe_quote", ins_list: symbol });
  await until(() => tree.trade?.[user]?.trade_more_data === false);
  const quote = await until(() => tree.quotes?.[symbol]);
  const balance = tree.trade[user].accounts.CNY.balance;

  const order_id = crypto.randomUUID ? crypto.randomUUID() : `js-${Date.now()}`;
  const [exchange_id, instrument_id] = symbol.split(".");
  send({
    aid: "insert_order", user_id: user, order_id, exchange_id, instrument_id, direction: "BUY", offset: "OPEN",
    volume: 1, price_type: "LIMIT", limit_price: quote.lower_limit, time_condition: "GFD", volume_condition: "ANY",
  });
  const order = () => tree.trade[user].orders[order_id];
  await until(() => order()?.status === "ALIVE");
  send({ aid: "cancel_order", user_id: user, order_id });
  await until(() => order().status === "FINISHED");
  socket.close(3000);
  return { balance, last_price: quote.last_price, order: order().last_msg };
}
