// 外面的世界: the people outside, their phones, the core's pushes; asks the sandbox every 1.5 s.

import { bills } from "./bills.js";
import { cashier } from "./cashier.js";
import { chatBox } from "./chat.js";
import { complaints, ratings } from "./complaints.js";
import { couriers } from "./couriers.js";
import { desk } from "./desk.js";
import { button, byId, call, clockTime, copy, guarded, h, keptList, shortNo, toast } from "./dom.js";
import { hall } from "./hall.js";
import { papers } from "./papers.js";
import { phoneView } from "./phone.js";
import { prechecks } from "./prechecks.js";
import { switches } from "./switches.js";

const POLL_MS = 1500;
const CODES = [
  { text: "取微信登录码", ask: (person) => call("POST", "/wechat/codes", { person, kind: "login" }), told: "微信登录码，5 分钟内用一次" },
  { text: "取手机号码授权码", ask: (person) => call("POST", "/wechat/codes", { person, kind: "phone" }), told: "手机号码授权码，5 分钟内用一次" },
  { text: "取支付宝授权码", ask: (person) => call("POST", "/alipay/auth-codes", { person }), told: "支付宝授权码，3 分钟内用一次" },
];

// people

const arrived = new Map(); // the ledger of people has no dates: those first seen later stand first
let justMade = ""; // whoever was made on this page last stands on top
const showPeople = keptList(byId("people-list"), { key: (one) => one.person, make: personCard, empty: "还没有人。先新建一个。", step: 6 });

function peopleNow(people, lines) {
  for (const one of people) if (!arrived.has(one.person)) arrived.set(one.person, arrived.size);
  const order = (a, b) => (b.person === justMade) - (a.person === justMade) || (b.pending > 0) - (a.pending > 0) || arrived.get(b.person) - arrived.get(a.person);
  byId("people-count").textContent = people.length ? `${people.length} 人` : "";
  const said = grouped(lines);
  showPeople([...people].sort(order).map((one) => ({ ...one, lines: said.get(one.person) ?? [] })));
}

function grouped(lines) {
  const made = new Map();
  for (const one of lines) made.set(one.person, [...(made.get(one.person) ?? []), one]);
  return made;
}

function personCard(first) {
  const person = first.person;
  const facts = h("dl", { class: "facts" }, h("dt", { text: "身份证号" }), h("dd", { class: "number", text: first.id_number }), h("dt", { text: "手机号" }), h("dd", { class: "number", text: first.phone }));
  const pending = h("div", { class: "pending", hidden: true });
  const code = h("div", { class: "code", role: "status" });
  const buttons = CODES.map((one) => button(one.text, async () => code.replaceChildren(codeBox(one.told, await one.ask(person)))));
  const chat = chatBox(person, first.name, () => refresh());
  const own = papers(person, first.name, () => refresh());
  const node = h("article", { class: "card", "aria-label": first.name }, h("h3", { text: first.name }), pending, facts, h("div", { class: "buttons small" }, ...buttons), code, own.node, chat.node);

  async function answer(what, told) {
    await call("POST", `/people/${encodeURIComponent(person)}/${what}`, {});
    toast(`${first.name}：${told}`);
    await refresh();
  }
  pending.append(
    h("p", { text: "有实名认证在等本人确认" }),
    h("div", { class: "buttons" }, button("确认实名", () => answer("approve-real-name", "已确认实名"), { class: "main" }), button("拒绝实名", () => answer("refuse-real-name", "已拒绝实名"))),
  );

  function update(one) {
    pending.hidden = one.pending === 0;
    node.classList.toggle("waiting", one.pending > 0);
    chat.update(one.lines);
    own.update(one);
  }
  return { node, update, busy: () => code.hasChildNodes() || chat.busy() || own.busy() };
}

function codeBox(told, answer) {
  const input = h("input", { readonly: true, value: answer.code ?? answer.auth_code, "aria-label": told, onfocus: (event) => event.target.select() });
  return h("div", { class: "code-box" }, h("p", { text: `${told}：` }), h("div", { class: "code-line" }, input, button("复制", () => copy(input))));
}

async function makePerson(wanted) {
  const made = await call("POST", "/people", wanted);
  justMade = made.person;
  toast(`新建了 ${made.name}`);
  await refresh();
}

byId("new-person").addEventListener("click", guarded(() => makePerson({})));
byId("person-form").addEventListener("submit", guarded(async (event) => {
  const form = event.target;
  await makePerson(Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value)));
  form.reset();
}));

let names = new Map();
const nameOf = (person) => names.get(person) ?? "（查不到的人）";

// the core's pushes

const showPushes = keptList(byId("pushes-list"), { key: (one) => one.place, make: pushRow, empty: "还没有推送。" });

function pushesNow(entries) {
  byId("pushes-count").textContent = entries.length ? `共 ${entries.length} 次` : "";
  showPushes(entries.map((one, place) => ({ ...one, place })).slice(-50).reverse());
}

function pushRow(one) {
  const taken = /^2\d\d$/.test(one.result);
  const forged = one.forged ? h("span", { class: "tag", text: "伪造" }) : null;
  const node = h(
    "tr",
    {},
    h("td", { text: clockTime(one.at) }),
    h("td", { class: "number", title: one.case_no, text: one.case_no ? shortNo(one.case_no) : "—" }),
    h("td", { class: "number roomy", title: one.event_id, text: String(one.event_id).slice(0, 8) }),
    h("td", { text: one.attempt }),
    h("td", { class: taken === one.forged ? "bad" : "" }, forged, resultText(one.result, taken)),
  );
  return { node };
}

function resultText(result, taken) {
  if (taken) return `收下（${result}）`;
  if (result === "down") return "没推：停推中";
  return /^\d+$/.test(result) ? `没收（${result}）` : `没送到（${result}）`;
}

// asking again and again

const showCases = desk(refresh);
const showFaults = switches(refresh);
const showBills = bills(refresh);
const showOrders = cashier(refresh);
const showPrechecks = prechecks(refresh);
const showParcels = couriers(refresh);
const showHall = hall(refresh);
const showComplaints = complaints(refresh);
const showRatings = ratings();
const phone = phoneView(refresh);
let asked = 0;
let told = 0;

/** Everything at once; an answer older than one already shown is dropped. */
async function refresh() {
  const own = ++asked;
  const whose = phone.chosen();
  const paths = ["/people", "/core/cases", "/ledger/messages", "/ledger/webhooks", "/faults", "/wechat/messages", "/core/bills", "/wallets/orders", "/core/prechecks", "/couriers", "/core/appointments", "/core/complaints", "/core/ratings"];
  let answers;
  try {
    const consents = whose ? call("GET", `/people/${encodeURIComponent(whose)}/consents`).catch(() => null) : null; // somebody a wiped world has not any more
    answers = await Promise.all([...paths.map((path) => call("GET", path)), consents]);
  } catch (error) {
    linked(false, error.message);
    return;
  }
  if (own < told) return;
  told = own;
  const [people, cases, messages, webhooks, faults, chats, owed, wallets, checks, carried, booked, said, rated, allowed] = answers;
  names = new Map(people.people.map((one) => [one.person, one.name]));
  peopleNow(people.people, chats.lines);
  showCases(cases.cases);
  const came = messages.entries.filter((one) => one.kind === "message"); // replies to a chat are shown in the chat
  phone.show(people.people, came, allowed && { whose, ...allowed });
  pushesNow(webhooks.entries);
  showFaults(faults);
  showBills(owed.bills.map((one) => ({ ...one, name: nameOf(one.person_id) })));
  showOrders(wallets.orders.map((one) => ({ ...one, name: nameOf(one.person) })));
  showPrechecks(checks.prechecks);
  showParcels(carried.parcels);
  showHall(booked.appointments);
  showComplaints(said.complaints);
  showRatings(rated.ratings);
  linked(true);
}

/** The line is written only when it changes, so that screen readers are not told every 1.5 s. */
function linked(well, why = "") {
  const text = well ? "已连接，自动更新" : `${why}，正在重试…`;
  const line = byId("link");
  if (line.textContent !== text) line.textContent = text;
  line.classList.toggle("broken", !well);
}

async function forever() {
  if (!document.hidden) await refresh();
  setTimeout(forever, POLL_MS);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
forever();
