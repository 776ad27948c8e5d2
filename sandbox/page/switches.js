// Fault switches per party, the world's clock, and the end of the world.

import { button, byId, call, guarded, h, toast } from "./dom.js";

const LATENCY = { name: "latency_ms", text: "慢：每次多等", unit: "毫秒", max: 60000, step: 100 };
const ERRORS = { name: "error_rate", text: "出错：100 次里", unit: "次", max: 100, scale: 100 };
const LOSE = { name: "lose_replies", text: "收到但不回：办了，没回音" };
const DOWN = { name: "down", text: "停机：一律不可用" };
const SERVER = [LATENCY, ERRORS, LOSE, DOWN];
const PUSHED = [
  { name: "duplicate", text: "重复：每条多推", unit: "次", max: 20 },
  { name: "late_ms", text: "迟到：晚推", unit: "毫秒", max: 600000, step: 100 },
  { name: "forge", text: "伪造：另推签名不对的" },
];
const SHUFFLE = { name: "shuffle", text: "乱序：先后打乱" };
const STOPPED = { name: "down", text: "停推：推不出去" };
const HIDDEN = { name: "hide_orders_ms", text: "下单后查不到", unit: "毫秒", max: 600000, step: 100 };
const PARTIES = {
  wechat: {
    text: "微信",
    switches: [
      ...SERVER,
      { name: "quota_used", text: "订阅消息：今天的额度用完（45009）" },
      { name: "send_errcode", text: "订阅消息：一律回错误码", unit: "号", max: 600000 },
    ],
  },
  alipay: { text: "支付宝", switches: [...SERVER, { name: "refund_unknown", text: "退款结果不明：回系统错误" }] },
  wechat_pay: {
    text: "微信支付",
    switches: [
      ...SERVER,
      { name: "sign_test", text: "探测：送出签名不对的应答和通知" },
      { name: "mixed_serials", text: "换钥期：新旧两把平台密钥混用" },
      { name: "refund_processing", text: "退款一直处理中" },
      { name: "refund_abnormal", text: "退款异常：退不到账" },
      { name: "not_enough", text: "退款：商户余额不足" },
    ],
  },
  wechat_pay_notices: { text: "微信支付的通知", switches: [...PUSHED, SHUFFLE, { name: "md5", text: "v2 改用 MD5 签名" }, STOPPED] },
  alipay_notices: { text: "支付宝的通知", switches: [...PUSHED, SHUFFLE, { name: "gbk", text: "用 GBK 编码" }, STOPPED] },
  core: {
    text: "核心平台",
    switches: [
      LATENCY,
      ERRORS,
      { name: "hide_settlements_ms", text: "入账后查不到", unit: "毫秒", max: 600000, step: 100 },
      LOSE,
      DOWN,
      { name: "not_idempotent", text: "不去重：同一笔核销、冲销、补正、撤回、出示再记一次" },
    ],
  },
  wechat_messages: {
    text: "微信客服消息的推送",
    switches: [...PUSHED, STOPPED],
  },
  wechat_events: {
    text: "微信订阅消息的事件",
    switches: [...PUSHED.slice(0, 2), { name: "json", text: "改用 JSON 格式" }, { name: "off", text: "不推：什么也不说" }],
  },
  sms: {
    text: "短信网关",
    switches: [
      ...SERVER,
      { name: "flow_control", text: "流控：每个号码 1 条/分、5 条/时、10 条/天" },
      { name: "no_balance", text: "账户余额不足" },
      { name: "hide_details_ms", text: "发出后查不到", unit: "毫秒", max: 600000, step: 100 },
    ],
  },
  sf: { text: "顺丰", switches: [...SERVER, HIDDEN] },
  ems: { text: "EMS", switches: [...SERVER, HIDDEN] },
  kuaidi100: { text: "快递100", switches: SERVER },
  courier_pushes: { text: "快递的推送", switches: [...PUSHED, SHUFFLE, STOPPED] },
  core_webhook: {
    text: "核心平台的事件推送",
    switches: [...PUSHED, SHUFFLE, STOPPED],
  },
};

/** Gives show(faults). `changed` is called after every change. */
export function switches(changed) {
  const cards = Object.entries(PARTIES).map(([party, about]) => partyCard(party, about, changed));
  byId("parties").append(...cards.map((card) => card.node));
  let known = [];
  byId("heal").addEventListener("click", guarded(async () => {
    await call("PUT", "/faults", Object.fromEntries(known.map((party) => [party, {}])));
    cards.forEach((card) => card.forget());
    toast("全部恢复正常");
    await changed();
  }));
  clock();
  wipe(cards, changed);
  return (faults) => {
    known = Object.keys(faults);
    const on = cards.map((card) => card.show(faults)).filter(Boolean).length;
    byId("faults-on").hidden = on === 0;
    byId("faults-on").textContent = `${on} 方有故障`;
  };
}

/** A form that follows the world until somebody starts changing it. It shows those switches only that this world has. */
function partyCard(party, { text, switches: all }, changed) {
  const told = h("span", { class: "state", role: "status" });
  const inputs = new Map(all.map((one) => [one.name, one.unit ? numberInput(one) : h("input", { type: "checkbox" })]));
  const rows = new Map(all.map((one) => [one.name, switchRow(one, inputs.get(one.name))]));
  const undo = button("不改了", async () => { forget(); await changed(); }, { hidden: true });
  const node = h(
    "form",
    { class: "card party", "aria-label": text, oninput: () => { dirty = true; tell(); }, onsubmit: guarded(apply) },
    h("div", { class: "card-head" }, h("h3", { text }), told),
    ...rows.values(),
    h("div", { class: "buttons" }, h("button", { text: "应用" }), undo),
  );
  let dirty = false;
  let broken = false;
  let here = all;

  function tell() {
    told.textContent = dirty ? "有改动，还没应用" : broken ? "有故障" : "正常";
    told.dataset.state = dirty ? "changed" : broken ? "broken" : "healthy";
    undo.hidden = !dirty;
  }

  async function apply() {
    await call("PUT", "/faults", { [party]: Object.fromEntries(here.map((one) => [one.name, valueOf(one, inputs.get(one.name))])) });
    forget();
    toast(`${text}：已应用`);
    await changed();
  }

  function forget() {
    dirty = false;
  }

  function show(faults) {
    const now = faults[party] ?? {};
    here = all.filter((one) => one.name in now);
    node.hidden = here.length === 0;
    for (const [name, row] of rows) row.hidden = !(name in now);
    broken = Object.values(now).some(Boolean);
    if (!dirty) for (const one of here) fill(one, inputs.get(one.name), now[one.name]);
    tell();
    return broken;
  }
  return { node, show, forget };
}

const numberInput = (one) => h("input", { type: "number", min: "0", max: String(one.max), step: String(one.step ?? 1), inputmode: "numeric" });
const switchRow = (one, input) => (one.unit ? h("label", { class: "amount" }, h("span", { text: one.text }), input, h("span", { text: one.unit })) : h("label", { class: "tick" }, input, h("span", { text: one.text })));
const valueOf = (one, input) => (one.unit ? Number(input.value || 0) / (one.scale ?? 1) : input.checked);

function fill(one, input, value) {
  if (!one.unit) input.checked = Boolean(value);
  else if (input !== document.activeElement) input.value = String(Math.round(Number(value ?? 0) * (one.scale ?? 1) * 100) / 100);
}

function clock() {
  byId("clock-form").addEventListener("submit", guarded(async () => {
    const { speed } = await call("POST", "/clock", { speed: Number(byId("speed").value) });
    byId("clock-told").textContent = `现在 ${speed}×`;
    toast(`时钟现在是 ${speed}×`);
  }));
}

function wipe(cards, changed) {
  const ask = byId("wipe-ask");
  const sure = byId("wipe-sure");
  const close = () => { sure.hidden = true; ask.hidden = false; ask.focus(); };
  ask.addEventListener("click", () => { sure.hidden = false; ask.hidden = true; byId("wipe-no").focus(); });
  byId("wipe-no").addEventListener("click", close);
  byId("wipe-yes").addEventListener("click", guarded(async () => {
    await call("POST", "/reset", {});
    cards.forEach((card) => card.forget());
    byId("speed").value = "1";
    byId("clock-told").textContent = "现在 1×";
    close();
    toast("世界已清空");
    await changed();
  }));
}
