// The clerk's desk: cases, and the moves that are allowed now.

import { billForm } from "./bills.js";
import { materials, parties } from "./content.js";
import { button, byId, call, fact, guarded, h, keptList, moment, shortNo, toast } from "./dom.js";
import { findingRows, sentence } from "./findings.js";

const STATES = { submitted: "已提交", accepted: "已受理", corrections: "待补正", approved: "已通过", rejected: "不予批准", issued: "已发证", withdrawn: "已撤回", supplemented: "已补正", special_procedure: "特别程序中" };
const MOVES = { accepted: "受理", corrections: "要求补正", special_procedure: "转特别程序", approved: "通过", rejected: "不予批准", issued: "发证", withdrawn: "撤回" };
const FIELDS = { name: "姓名", id_number: "身份证号", phone: "手机号", address: "地址", uscc: "统一社会信用代码", enterprise_name: "单位名称" };

/** Gives show(cases). `changed` is called after every move. */
export function desk(changed) {
  const show = keptList(byId("desk-list"), { key: (one) => one.case_no, make: (one) => caseCard(one, changed), empty: "还没有办件。居民在小程序里提交后会出现在这里。", step: 10 });
  return (cases) => {
    byId("desk-count").textContent = cases.length ? `${cases.length} 件` : "";
    show(cases);
  };
}

/** The card's form, its opinion field and its opened parts are made once; only the news is made again. */
function caseCard(first, changed) {
  const caseNo = first.case_no;
  const title = h("h3", { tabindex: "-1", text: first.item_name });
  const state = h("span", { class: "state" });
  const facts = h("dl", { class: "facts" });
  const steps = h("ol", { class: "steps" });
  const opinion = h("input", { autocomplete: "off", maxlength: "500", id: `opinion-${caseNo}` });
  const opinionRow = h("div", { class: "opinion" }, h("label", { for: opinion.id, text: "意见（可不填）" }), opinion);
  const moves = h("div", { class: "buttons" });
  const done = h("p", { class: "hint", text: "没有可做的操作了。" });
  const form = correctionsForm(caseNo, Object.keys(first.answers ?? {}), (findings, due) => move("corrections", { findings, ...(due ? { due_at: due } : {}) }));
  const answers = h("div");
  const filed = h("div");
  const content = h("details", {}, h("summary", { text: "填写的内容和材料" }), answers, h("h4", { text: "材料" }), filed);
  const node = h("article", { class: "card", "aria-label": `${first.item_name} ${caseNo}` }, h("div", { class: "card-head" }, title, state), facts, content, steps, opinionRow, moves, form.node, done, billForm(caseNo, changed).node);

  let touched = false; // a card once worked on stays in sight
  for (const kind of ["click", "input"]) node.addEventListener(kind, () => { touched = true; });

  async function move(to, more = {}) {
    await call("POST", `/core/cases/${encodeURIComponent(caseNo)}/moves`, { to, text: opinion.value.trim(), ...more });
    opinion.value = "";
    form.close();
    toast(`${MOVES[to]}：${first.item_name} ${shortNo(caseNo)}`);
    await changed();
  }

  function moveButton(to) {
    if (to === "corrections") return h("button", { type: "button", "data-move": to, text: `${MOVES[to]}…`, onclick: form.open });
    return button(MOVES[to], () => move(to), { "data-move": to, class: to === "rejected" ? "grave" : "main" });
  }

  function update(one) {
    const hadFocus = moves.contains(document.activeElement);
    state.textContent = STATES[one.state] ?? one.state;
    state.dataset.state = one.state;
    facts.replaceChildren(...fact("办件编号", one.case_no, "number"), ...parties(one), ...fact("提交时间", moment(one.submitted_at)), ...(one.corrections ? fact("补正", `交来 ${one.corrections} 次`) : []));
    answers.replaceChildren(answersList(one));
    filed.replaceChildren(...materials(one.materials ?? []));
    steps.replaceChildren(...one.timeline.map(step));
    moves.replaceChildren(...one.allowed.map(moveButton));
    opinionRow.hidden = one.allowed.length === 0;
    done.hidden = one.allowed.length > 0;
    form.stale(!one.allowed.includes("corrections"));
    if (hadFocus) title.focus({ preventScroll: true });
  }
  return { node, update, busy: () => touched };
}

function answersList({ answers, labels, words }) {
  const rows = Object.entries(answers ?? {}).flatMap(([name, value]) => fact(labels[name] ?? FIELDS[name] ?? name, words[name]?.[value] ?? readable(value)));
  return rows.length ? h("dl", { class: "facts" }, ...rows) : h("p", { class: "hint", text: "没有填写内容。" });
}

function readable(value) {
  if (typeof value === "boolean") return value ? "是" : "否";
  if (Array.isArray(value)) return value.map(readable).join("、");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
}

function step(one) {
  const findings = one.findings.map((each) => h("li", { text: sentence(each) }));
  return h(
    "li",
    {},
    h("strong", { text: STATES[one.state] ?? one.state }),
    h("time", { datetime: one.at, text: moment(one.at) }),
    papers(one),
    one.text ? h("p", { text: one.text }) : null,
    findings.length ? h("ul", {}, ...findings) : null,
  );
}

/** The numbered paper behind a step. */
function papers({ notice, receipt }) {
  if (notice) return h("p", { class: "hint number", text: `补正通知 ${shortNo(notice.notice_no)}，第 ${notice.ordinal} 次${notice.due_at ? `，期限 ${moment(notice.due_at)}` : ""}` });
  return receipt ? h("p", { class: "hint number", text: `受理号 ${shortNo(receipt.receipt_no)}，自 ${moment(receipt.received_at)} 起算` }) : null;
}

/** Several findings at once, so that the resident is told everything the first time. */
function correctionsForm(caseNo, fields, send) {
  const names = h("datalist", { id: `fields-${caseNo}` }, ...fields.map((name) => h("option", { value: FIELDS[name] ?? name })));
  const late = h("p", { class: "warn", text: "办件的状态已经变了，现在不能再要求补正。", hidden: true });
  const add = h("button", { type: "button", text: "再加一条", onclick: () => rows.add(true) });
  const rows = findingRows(names.id, () => add);
  const due = h("input", { type: "date" });
  const cancel = h("button", { type: "button", text: "取消", onclick: close });
  const node = h("form", { class: "corrections", hidden: true, "aria-label": "要求补正", onsubmit: guarded(() => send(rows.read(), due.value ? `${due.value}T18:00:00+08:00` : "")) });
  node.append(h("h4", { text: "要求补正：一次写全" }), late, rows.node, names, h("label", { class: "due" }, "补正期限（可不填）", due), h("div", { class: "buttons" }, add, h("button", { class: "main", text: "发出补正要求" }), cancel));

  function open() {
    if (rows.isEmpty()) rows.add(false);
    node.hidden = false;
    rows.node.querySelector("select").focus();
  }

  function close() {
    node.hidden = true;
    due.value = "";
    rows.clear();
  }
  return { node, open, close, stale: (is) => { late.hidden = !is; } };
}
