// The couriers' desk: parcels in hand, and what happens to them on the road.

import { button, byId, call, fact, guarded, h, keptList, moment, toast } from "./dom.js";

const COURIERS = { sf: "顺丰", ems: "EMS", kuaidi100: "别家快递（快递100 跟踪）" };
const STATES = {
  booked: "等揽收", collected: "已揽收", in_transit: "运输中", delivering: "派送中", at_pickup_point: "待自取", exception: "疑难",
  rejected: "拒收", returning: "退回中", returned: "已退回", lost: "丢失", cancelled: "已取消", signed: "已签收",
};
const PAYERS = { sender: "寄付", receiver: "到付", third: "第三方付" };
const FIRST = [{ kind: "collect", text: "揽收" }];
const ROAD = [{ kind: "transit", text: "转运" }, { kind: "deliver", text: "派送" }, { kind: "sign", text: "签收" }];
const BACK = [{ kind: "return", text: "退回" }, { kind: "returned", text: "退到寄件人" }];
const ODD = [
  { kind: "pickup_point", text: "放到驿站" }, { kind: "exception", text: "联系不上" }, { kind: "reject", text: "拒收", grave: true },
  { kind: "return", text: "退回" }, { kind: "returned", text: "退到寄件人" }, { kind: "lose", text: "丢失", grave: true },
];
const PUSHES = [
  { body: { kind: "transit", times: 3 }, text: "转运，推三次", told: "同一条轨迹推了三次" },
  { body: { kind: ["transit", "deliver"], shuffle: true }, text: "转运、派送，乱序推", told: "两条轨迹，先后打乱" },
  { body: { kind: "transit", as: "never" }, text: "转运，不推送", told: "只有来查的人才知道" },
  { body: { kind: "sign", as: "claimed" }, text: "误报签收", told: "快递推送说签收了，自己的系统里并没有" },
  { body: { kind: "sign", as: "forged" }, text: "伪造签收", told: "送出一条冒充快递的签收推送" },
];

/** Gives show(parcels). `changed` is called after every scan. */
export function couriers(changed) {
  const showOpen = keptList(byId("parcels-list"), { key, make: (one) => parcelCard(one, changed), empty: "还没有在路上的快件。掌办下了快递单，或者居民自己寄出、在下面揽收后会出现在这里。", step: 9 });
  const showDone = keptList(byId("parcels-done-list"), { key, make: (one) => parcelCard(one, changed), empty: "还没有。", step: 6 });
  byId("own-parcel").addEventListener("submit", guarded(async () => {
    const number = byId("own-waybill");
    await scan("kuaidi100", number.value.trim(), { kind: "collect" }, "已揽收，寄件人自己找的快递", changed);
    number.value = "";
  }));
  return (parcels) => {
    const open = parcels.filter((one) => !one.ended);
    byId("parcels-count").textContent = open.length ? `${open.length} 件在途` : "";
    byId("parcels-done").hidden = parcels.length === open.length;
    showOpen(open);
    showDone(parcels.filter((one) => one.ended));
  };
}

const key = (one) => `${one.courier}/${one.waybill}`;

async function scan(courier, no, body, told, changed) {
  await call("POST", `/couriers/${courier}/parcels/${encodeURIComponent(no)}/scans`, body);
  toast(told);
  await changed();
}

function parcelCard(first, changed) {
  const title = h("h3", { tabindex: "-1", text: COURIERS[first.courier] ?? first.courier });
  const state = h("span", { class: "state" });
  const facts = h("dl", { class: "facts" });
  const steps = h("ol", { class: "steps" });
  const road = h("div", { class: "buttons" });
  const odd = h("details", { class: "ways" }, h("summary", { text: "出了岔子…" }), h("div", { class: "buttons small" }, ...ODD.map(act)));
  const pushes = h("details", { class: "ways" }, h("summary", { text: "推送出岔子…" }), h("div", { class: "buttons small" }, ...PUSHES.map(act)));
  const node = h("article", { class: "card", "aria-label": `${COURIERS[first.courier] ?? first.courier} ${first.waybill}` }, h("div", { class: "card-head" }, title, state), facts, steps, road, odd, pushes);
  let shown = "";

  function act(one) {
    const body = one.body ?? { kind: one.kind };
    const told = `${COURIERS[first.courier]}：${one.told ?? one.text}`;
    return button(one.text, () => scan(first.courier, first.waybill, body, told, changed), { title: one.told, class: one.grave ? "grave" : one.main ? "main" : null });
  }

  function update(one) {
    const next = one.ended ? [] : ["rejected", "returning"].includes(one.state) ? BACK : one.scans.length ? ROAD : FIRST;
    state.textContent = STATES[one.state] ?? one.state;
    state.dataset.state = one.state;
    facts.replaceChildren(
      ...fact("运单号", one.waybill, "number"),
      ...(one.order_no ? fact("订单号", one.order_no, "number") : []),
      ...(one.goods ? fact("里面是", `${one.goods}，${PAYERS[one.payer] ?? one.payer}`) : []),
      ...(one.receiver.name ? fact("寄往", `${one.receiver.city}${one.receiver.county}，${one.receiver.name}`) : []),
    );
    steps.replaceChildren(...one.scans.map((each) => h("li", {}, h("strong", { text: each.text }), h("time", { datetime: new Date(each.at * 1000).toISOString(), text: moment(each.at * 1000) }))));
    if (shown !== JSON.stringify(next)) {
      const hadFocus = road.contains(document.activeElement);
      shown = JSON.stringify(next);
      road.replaceChildren(...next.map((each) => act({ ...each, main: true })));
      if (hadFocus) title.focus({ preventScroll: true });
    }
    for (const box of [road, odd, pushes]) box.hidden = one.ended;
    odd.hidden = one.ended || !one.scans.length;
  }
  return { node, update, busy: () => !odd.hidden && (odd.open || pushes.open) };
}
