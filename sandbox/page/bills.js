// Bills of the core: the clerk opens one on a case, changes or cancels it while nobody has paid, and sees what was settled for it.

import { Refused, button, byId, call, fact, fen, guarded, h, keptList, moment, shortNo, toast, yuan } from "./dom.js";

const STATES = { unpaid: "未缴", paid: "已缴", cancelled: "已撤销" };
const WALLETS = { wechat: "微信", alipay: "支付宝" };

/** Gives show(bills). `changed` is called after every change. */
export function bills(changed) {
  const show = keptList(byId("bills-list"), { key: (one) => one.bill_id, make: (one) => billCard(one, changed), empty: "还没有缴费单。在办件上开一张。", step: 9 });
  return (all) => {
    byId("bills-count").textContent = all.length ? `${all.length} 张` : "";
    show(all);
  };
}

/** The small form on a case: an amount in yuan, and what it is for. */
export function billForm(caseNo, changed) {
  const amount = amountInput("金额（元）");
  const title = h("input", { autocomplete: "off", maxlength: "100" });
  const node = h(
    "details",
    { class: "bill-form" },
    h("summary", { text: "开缴费单…" }),
    h("form", { class: "line-form", "aria-label": "开缴费单", onsubmit: guarded(open) }, amount.label, h("label", {}, "收什么费（可不填）", title), h("button", { class: "main", text: "开出" })),
  );

  async function open() {
    const made = await call("POST", `/core/cases/${encodeURIComponent(caseNo)}/bills`, { amount_fen: amount.fen(), ...(title.value.trim() ? { title: title.value.trim() } : {}) });
    amount.input.value = title.value = "";
    node.open = false;
    toast(`开了缴费单：${made.title} ${yuan(made.amount_fen)}`);
    await changed();
  }
  return { node };
}

function amountInput(text) {
  const input = h("input", { autocomplete: "off", inputmode: "decimal", required: true, maxlength: "12", placeholder: "例如 120.00" });
  return { input, label: h("label", {}, text, input), fen: () => inFen(input) };
}

function inFen(input) {
  const amount = fen(input.value);
  if (amount !== null) return amount;
  input.focus();
  throw new Refused("金额要写成元，例如 120 或 120.50");
}

function billCard(first, changed) {
  const state = h("span", { class: "state" });
  const facts = h("dl", { class: "facts" });
  const settled = h("ul", { class: "settled" });
  const amount = amountInput("改为（元）");
  const form = h("form", { class: "line-form", "aria-label": "改金额", onsubmit: guarded(() => change({ amount_fen: amount.fen() }, "已改金额")) }, amount.label, h("button", { text: "改金额" }));
  const cancel = button("撤销缴费单", () => change({ state: "cancelled" }, "已撤销"), { class: "grave" });
  const edit = h("details", {}, h("summary", { text: "改金额、撤销…" }), form, h("div", { class: "buttons" }, cancel));
  const node = h("article", { class: "card", "aria-label": `${first.title} ${first.bill_id}` }, h("div", { class: "card-head" }, h("h3", { text: first.title }), state), facts, settled, edit);

  async function change(news, told) {
    await call("PUT", `/core/bills/${encodeURIComponent(first.bill_id)}`, news);
    edit.open = false;
    amount.input.value = "";
    toast(`${told}：${first.title} ${shortNo(first.bill_id)}`);
    await changed();
  }

  function update(one) {
    state.textContent = STATES[one.state] ?? one.state;
    state.dataset.state = one.state;
    const until = one.expires_at ? fact("缴费期限", moment(one.expires_at)) : [];
    facts.replaceChildren(
      ...fact("金额", yuan(one.amount_fen), "number"), ...fact("缴款人", one.name), ...fact("执收单位", one.payee),
      ...fact("缴费单号", `${one.bill_id}（第 ${one.version} 版）`, "number"), ...fact("办件", shortNo(one.case_no), "number"), ...fact("开单时间", moment(one.issued_at)), ...until,
    );
    settled.replaceChildren(...one.settlements.map(settlement));
    settled.hidden = one.settlements.length === 0;
    edit.hidden = one.state !== "unpaid";
  }
  return { node, update, busy: () => edit.open && !edit.hidden };
}

function settlement(one) {
  const back = one.reversed_fen ? `，已冲销 ${yuan(one.reversed_fen)}` : "";
  const paper = one.e_bill ? h("p", { class: "hint number", text: `电子票据 ${one.e_bill.code} ${one.e_bill.number}，校验码 ${one.e_bill.check_code}` }) : null;
  const doubled = one.bookings > 1 ? h("p", { class: "warn", text: `同一笔入账了 ${one.bookings} 次` }) : null;
  return h("li", {}, h("p", { text: `${WALLETS[one.channel] ?? one.channel} ${yuan(one.amount_fen)}，${moment(one.settled_at)} 核销${back}` }), paper, doubled);
}
