// Phones: what came by WeChat, by Alipay and by SMS, what a person allows, and what is left of it.

import { button, byId, call, h, keptList, moment, toast } from "./dom.js";

const CHANNELS = { wechat: "微信", alipay: "支付宝", sms: "短信" };
const TAPS = {
  wechat: [
    { result: "accept", text: "同意", told: "同意了" },
    { result: "reject", text: "拒绝", told: "拒绝了" },
    { result: "ban", text: "封禁", told: "模板被封禁了", title: "微信封禁了这个模板：剩下的也收不到" },
  ],
  alipay: [
    { result: "accept", text: "同意", told: "同意了" },
    { result: "reject", text: "拒绝", told: "拒绝了" },
  ],
};
const UNSUBSCRIBE = { wechat: { result: "reject", where: "settings" }, alipay: { result: "reject" } };

/** Gives {chosen(), show(people, messages, consents)}. `changed` is called after every tap. */
export function phoneView(changed) {
  const person = byId("phone-person");
  const showMessages = keptList(byId("phone-list"), { key: (one) => one.place, make: bubble, empty: "还没有消息。", step: 8 });
  const showConsents = keptList(byId("phone-consents-list"), { key: (one) => `${one.channel}/${one.template_id}`, make: (one) => consentRow(one, () => person.value, changed), empty: "没有消息模板。" });
  let channel = "";
  let latest = [[], [], null];
  let people = "";
  person.addEventListener("change", () => { draw(); changed(); });

  function draw() {
    const [all, messages, consents] = latest;
    const mine = messages.map((one, place) => ({ ...one, place, name: all.get(one.person) ?? "（没有这个人）" })).filter((one) => !person.value || one.person === person.value);
    byId("phone-count").textContent = mine.length ? `${mine.length} 条` : "";
    drawTabs(mine);
    showMessages(mine.filter((one) => !channel || one.channel === channel).reverse());
    const known = consents !== null && consents.whose === person.value;
    byId("phone-consents").hidden = !known || channel === "sms";
    if (known) showConsents(Object.keys(TAPS).filter((one) => !channel || one === channel).flatMap((one) => consents[one].map((entry) => ({ ...entry, channel: one }))));
  }

  /** Made once, so that the focus stays. */
  function drawTabs(mine) {
    const box = byId("phone-tabs");
    if (!box.hasChildNodes()) {
      for (const one of ["", ...Object.keys(CHANNELS)]) box.append(h("button", { type: "button", "data-channel": one, onclick: () => { channel = one; draw(); } }));
    }
    for (const tab of box.children) {
      const own = tab.dataset.channel;
      const count = mine.filter((one) => !own || one.channel === own).length;
      tab.textContent = `${CHANNELS[own] ?? "全部"} ${count}`;
      tab.setAttribute("aria-pressed", String(own === channel));
    }
  }

  /** The list of people is made anew only when it changed: an open menu stays open. */
  function fillPeople(given) {
    const text = JSON.stringify(given.map((one) => [one.person, one.name]));
    if (text === people) return;
    people = text;
    const before = person.value;
    person.replaceChildren(h("option", { value: "", text: "所有人" }), ...given.map((one) => h("option", { value: one.person, text: `${one.name}（${one.phone}）` })));
    person.value = given.some((one) => one.person === before) ? before : "";
  }

  function show(given, messages, consents) {
    fillPeople(given);
    latest = [new Map(given.map((one) => [one.person, one.name])), messages, consents];
    draw();
  }
  return { chosen: () => person.value, show };
}

let templates = {};
call("GET", "/templates").then((given) => { templates = given.templates; }, () => {});

function bubble(one) {
  const about = templates[one.template];
  const label = (key) => about?.fields.find((entry) => entry.field === key || entry.keyword === key)?.label ?? key;
  const values = Object.entries(one.data ?? {}).flatMap(([key, value]) => [h("dt", { text: label(key) }), h("dd", { text: String(value?.value ?? value) })]);
  const head = h("div", { class: "bubble-head" }, h("span", { class: "channel", text: CHANNELS[one.channel] ?? one.channel }), h("strong", { text: one.name }), h("time", { datetime: one.at, text: moment(one.at) }));
  const body = one.channel === "sms" ? [h("p", { class: "text", text: one.text })] : [h("h3", { text: about?.title ?? one.template }), h("dl", { class: "facts" }, ...values)];
  return { node: h("article", { class: "bubble" }, head, ...body) };
}

function consentRow(first, whose, changed) {
  const state = h("span", { class: "state" });
  const taps = TAPS[first.channel].map((one) => button(one.text, () => tap(one, one.told), { title: one.title, "aria-label": `${one.text} ${first.title}` }));
  const end = button("退订", () => tap(UNSUBSCRIBE[first.channel], "退订了"), { class: "grave", "aria-label": `退订 ${first.title}` });
  const head = h("div", { class: "consent-head" }, h("span", {}, h("span", { class: "tag", text: CHANNELS[first.channel] }), first.title), state);
  const node = h("div", { class: "consent", role: "group", "aria-label": `${CHANNELS[first.channel]} ${first.title}` }, head, h("div", { class: "buttons small" }, ...taps, end));

  async function tap({ result, where }, told) {
    await call("POST", `/${first.channel}/consents`, { person: whose(), template_id: first.template_id, result, where });
    toast(`${first.title}：${told}`);
    await changed();
  }

  function update(one) {
    state.textContent = one.long_term ? (one.left ? "长期，已同意" : "长期，没有同意") : one.left ? `还能收 ${one.left} 条` : "没有同意";
    state.dataset.state = one.left ? "allowed" : "none";
    end.hidden = !one.left || (first.channel === "alipay" && !one.long_term); // Alipay has no switch for a one-time template
  }
  return { node, update };
}
