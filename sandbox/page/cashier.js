// The till: orders that wait in either wallet, paid properly or in one of the odd ways.

import { button, byId, call, fact, h, keptList, moment, toast, yuan } from "./dom.js";

const WALLETS = { wechat: "微信支付", alipay: "支付宝" };
const STATES = { unpaid: "待付款", paid: "已付款", closed: "已关闭", expired: "已过期" };
const WAYS = [
  { as: "twice", text: "付两次通知", told: "付了一次，通知同时到两次" },
  { as: "late", text: "通知迟到", told: "付了，通知 10 秒后才到" },
  { as: "never", text: "不通知", told: "付了，不会有通知" },
  { as: "forged", text: "伪造通知", told: "没有付，送出一个签名不对的通知" },
  { as: "wrong_amount", text: "金额不对", told: "没有付，送出一个金额不对的通知" },
];

/** Gives show(orders). `changed` is called after every payment. */
export function cashier(changed) {
  const showOpen = keptList(byId("till-list"), { key, make: (one) => orderCard(one, changed), empty: "没有待付的订单。居民在小程序里点“去缴费”后会出现在这里。", step: 9 });
  const showDone = keptList(byId("till-done-list"), { key, make: (one) => orderCard(one, changed), empty: "还没有。", step: 6 });
  return (orders) => {
    const open = orders.filter((one) => one.state === "unpaid");
    byId("till-count").textContent = open.length ? `${open.length} 笔待付` : "";
    byId("till-done").hidden = orders.length === open.length;
    showOpen(open);
    showDone(orders.filter((one) => one.state !== "unpaid"));
  };
}

const key = (one) => `${one.wallet}/${one.order_no}`;

function orderCard(first, changed) {
  const state = h("span", { class: "state" });
  const facts = h("dl", { class: "facts" });
  const ways = h("details", { class: "ways" }, h("summary", { text: "别的付法…" }), h("div", { class: "buttons small" }, ...WAYS.map((one) => button(one.text, () => pay(one.told, { as: one.as }), { title: one.told }))));
  const pays = h("div", {}, h("div", { class: "buttons" }, button("付款", () => pay("付款成功"), { class: "main", "aria-label": `付款 ${first.title}` })), ways);
  const late = h("div", { class: "buttons small" }, button("关单之后到账", () => pay("关单之后到账了", { even_closed: true }), { title: "付款和关单撞在一起时会这样" }));
  const node = h("article", { class: "card", "aria-label": `${WALLETS[first.wallet]} ${first.title}` }, h("div", { class: "card-head" }, h("h3", { text: first.title }), state), facts, pays, late);

  async function pay(told, how = {}) {
    await call("POST", `/wallets/${encodeURIComponent(first.wallet)}/pay`, { order_no: first.order_no, ...how });
    toast(`${WALLETS[first.wallet] ?? first.wallet}：${told}`);
    await changed();
  }

  function update(one) {
    state.textContent = STATES[one.state] ?? one.state;
    state.dataset.state = one.state;
    const back = one.refunded_fen ? fact("已退", yuan(one.refunded_fen), "number") : [];
    const until = one.state === "unpaid" && one.expires_at ? fact("付款期限", moment(one.expires_at)) : [];
    facts.replaceChildren(
      ...fact("金额", yuan(one.amount_fen), "number"), ...back, ...fact("钱包", `${WALLETS[one.wallet] ?? one.wallet}，${one.name}`), ...fact("订单号", one.order_no, "number"), ...until,
    );
    pays.hidden = one.state !== "unpaid";
    late.hidden = one.state !== "closed" && one.state !== "expired";
  }
  return { node, update, busy: () => ways.open && !pays.hidden };
}
