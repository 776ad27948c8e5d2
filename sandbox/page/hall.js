// The hall's desk: who comes when, and the slots of an item on a day.

import { Refused, button, byId, call, fact, guarded, h, keptList, moment, shortNo, toast } from "./dom.js";

const STATES = { booked: "已预约", arrived: "已到场", served: "已办理", no_show: "没有来", cancelled: "已取消", closed: "大厅取消" };
const MOVES = { arrived: "到场", served: "办理完毕", no_show: "没有来", closed: "大厅取消" };
const TIME = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai" });

/** Gives show(appointments). `changed` is called after every move. */
export function hall(changed) {
  slotsOfADay();
  const show = keptList(byId("hall-list"), { key: (one) => one.appointment_id, make: (one) => card(one, changed), empty: "还没有预约。居民在小程序里约了以后会出现在这里。", step: 9 });
  return (all) => {
    const coming = all.filter((one) => one.allowed.length).length;
    byId("hall-count").textContent = coming ? `${coming} 人要来` : "";
    show(all);
  };
}

function card(first, changed) {
  const title = h("h3", { tabindex: "-1", text: `${first.number} ${first.person ?? "（查不到的人）"}` });
  const state = h("span", { class: "state" });
  const facts = h("dl", { class: "facts" });
  const moves = h("div", { class: "buttons small" });
  const node = h("article", { class: "card", "aria-label": `预约 ${first.number} ${first.person ?? ""}` }, h("div", { class: "card-head" }, title, state), facts, moves);

  async function move(to) {
    await call("POST", `/core/appointments/${encodeURIComponent(first.appointment_id)}/moves`, { to });
    toast(`${MOVES[to]}：${first.number} ${first.person ?? ""}`);
    await changed();
  }

  function update(one) {
    const hadFocus = moves.contains(document.activeElement);
    state.textContent = STATES[one.state] ?? one.state;
    state.dataset.state = one.state;
    facts.replaceChildren(
      ...fact("时间", span(one)), ...fact("地点", one.hall.name), ...fact("办什么", one.item_name ?? one.item_code),
      ...(one.case_no ? fact("办件", shortNo(one.case_no), "number") : []), ...(one.text ? fact("说明", one.text) : []),
    );
    moves.replaceChildren(...one.allowed.map((to) => button(MOVES[to], () => move(to), { "data-move": to, class: to === "closed" ? "grave" : to === "no_show" ? null : "main" })));
    if (hadFocus) title.focus({ preventScroll: true });
  }
  return { node, update };
}

const span = (one) => `${moment(one.starts_at)} 至 ${TIME.format(new Date(one.ends_at))}`;

/** Slots are read when somebody asks for them, not every 1.5 s. */
function slotsOfADay() {
  const item = byId("slots-item"), names = byId("slots-items"), day = byId("slots-day"), box = byId("slots-list");
  day.value = DAY.format(new Date());
  let code = "", asked = 0;
  item.addEventListener("input", async () => {
    const own = ++asked;
    const found = await call("GET", `/core/items?q=${encodeURIComponent(item.value.trim())}`).catch(() => ({ items: [] }));
    if (own === asked) names.replaceChildren(...found.items.map((one) => h("option", { value: one.code, text: one.name })));
  });

  async function read() {
    const { slots } = await call("GET", `/core/slots?item_code=${encodeURIComponent(code)}&from=${day.value}&to=${day.value}`);
    box.replaceChildren(...(slots.length ? slots.map(row) : [h("p", { class: "empty", text: "这一天没有号源，大厅不上班。可以临时放一个。" })]));
  }

  async function chosen() {
    const { items } = await call("GET", `/core/items?q=${encodeURIComponent(item.value.trim())}`);
    if (items.length !== 1) throw new Refused(items.length ? "有好几个事项，请在下拉里选一个" : "没有这个事项");
    code = items[0].code;
  }

  const row = (one) => h(
    "div", { class: "slot" }, h("p", {}, h("strong", { text: `${TIME.format(new Date(one.starts_at))}–${TIME.format(new Date(one.ends_at))}` }), ` ${one.hall.name}，剩 ${one.left} / ${one.capacity}`),
    h("div", { class: "buttons small" }, change(one, "关闭", { closed: true }, "grave"), change(one, "开放", { closed: false }), change(one, "只留一个号", { capacity: 1 })),
  );
  const change = (one, text, news, kind = null) => button(text, async () => {
    await call("PUT", `/core/slots/${encodeURIComponent(one.slot_id)}`, news);
    toast(`${text}：${span(one)}`);
    await read();
  }, { class: kind, "aria-label": `${text} ${TIME.format(new Date(one.starts_at))} ${one.hall.name}` });

  byId("slots-form").addEventListener("submit", guarded(async (event) => {
    await chosen();
    if (event.submitter?.value === "extra") {
      const made = await call("POST", "/core/slots", { item_code: code, starts_at: new Date(Date.now() + 1800000).toISOString(), capacity: 1 });
      day.value = DAY.format(new Date(made.starts_at));
      toast(`放了一个号：${span(made)}`);
    }
    await read();
  }));
}
