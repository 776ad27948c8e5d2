// The clerk's desk: cases, and the moves that are allowed now.

import { billForm } from "./bills.js";
import { button, byId, call, fact, guarded, h, keptList, moment, shortNo, toast } from "./dom.js";

const STATES = { submitted: "已提交", accepted: "已受理", corrections: "待补正", approved: "已通过", rejected: "不予批准", issued: "已发证", withdrawn: "已撤回" };
const MOVES = { accepted: "受理", corrections: "要求补正", approved: "通过", rejected: "不予批准", issued: "发证", withdrawn: "撤回" };
const TARGETS = { material: "材料", field: "字段", case: "整件" };
const FIELDS = { name: "姓名", id_number: "身份证号", phone: "手机号", address: "地址" };

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
  const form = correctionsForm(caseNo, Object.keys(first.answers ?? {}), (findings) => move("corrections", findings));
  const answers = h("details", {}, h("summary", { text: "申请人填写的内容" }), answersList(first.answers ?? {}));
  const node = h("article", { class: "card", "aria-label": `${first.item_name} ${caseNo}` }, h("div", { class: "card-head" }, title, state), facts, answers, steps, opinionRow, moves, form.node, done, billForm(caseNo, changed).node);

  let touched = false; // a card once worked on stays in sight
  for (const kind of ["click", "input"]) node.addEventListener(kind, () => { touched = true; });

  async function move(to, findings = []) {
    await call("POST", `/core/cases/${encodeURIComponent(caseNo)}/moves`, { to, text: opinion.value.trim(), findings });
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
    facts.replaceChildren(...fact("办件编号", one.case_no, "number"), ...fact("申请人", one.applicant ?? "（查不到）"), ...fact("提交时间", moment(one.submitted_at)));
    steps.replaceChildren(...one.timeline.map(step));
    moves.replaceChildren(...one.allowed.map(moveButton));
    opinionRow.hidden = one.allowed.length === 0;
    done.hidden = one.allowed.length > 0;
    form.stale(!one.allowed.includes("corrections"));
    if (hadFocus) title.focus({ preventScroll: true });
  }
  return { node, update, busy: () => touched };
}

function answersList(answers) {
  const rows = Object.entries(answers).flatMap(([name, value]) => fact(FIELDS[name] ?? name, readable(value)));
  return rows.length ? h("dl", { class: "facts" }, ...rows) : h("p", { class: "hint", text: "没有填写内容。" });
}

function readable(value) {
  if (typeof value === "boolean") return value ? "是" : "否";
  if (Array.isArray(value)) return value.map(readable).join("、");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value ?? "");
}

function step(one) {
  const findings = one.findings.map((each) => {
    const what = each.target === "case" ? TARGETS.case : `${TARGETS[each.target] ?? each.target}“${each.name || "未写名称"}”`;
    return h("li", { text: `${what}：${each.problem}${each.fix ? `（${each.fix}）` : ""}` });
  });
  return h(
    "li",
    {},
    h("strong", { text: STATES[one.state] ?? one.state }),
    h("time", { datetime: one.at, text: moment(one.at) }),
    one.text ? h("p", { text: one.text }) : null,
    findings.length ? h("ul", {}, ...findings) : null,
  );
}

/** Several findings at once, so that the resident is told everything the first time. */
function correctionsForm(caseNo, fields, send) {
  const rows = h("div", { class: "rows" });
  const names = h("datalist", { id: `fields-${caseNo}` }, ...fields.map((name) => h("option", { value: FIELDS[name] ?? name })));
  const late = h("p", { class: "warn", text: "办件的状态已经变了，现在不能再要求补正。", hidden: true });
  const add = h("button", { type: "button", text: "再加一条", onclick: () => addRow(true) });
  const cancel = h("button", { type: "button", text: "取消", onclick: close });
  const node = h("form", { class: "corrections", hidden: true, "aria-label": "要求补正", onsubmit: guarded(() => send(findings())) });
  node.append(h("h4", { text: "要求补正：一次写全" }), late, rows, names, h("div", { class: "buttons" }, add, h("button", { class: "main", text: "发出补正要求" }), cancel));

  function addRow(focus) {
    const target = h("select", { name: "target" }, ...Object.entries(TARGETS).map(([value, text]) => h("option", { value, text })));
    const name = h("input", { name: "name", autocomplete: "off", maxlength: "100" });
    const remove = h("button", { type: "button", class: "remove", text: "删去这条", onclick: () => { row.remove(); number(); add.focus(); } });
    const row = h(
      "fieldset",
      { class: "row" },
      h("legend"),
      h("label", {}, "对象", target),
      h("label", {}, "名称", name),
      h("label", { class: "long" }, "问题（必填）", h("input", { name: "problem", required: true, autocomplete: "off", maxlength: "300" })),
      h("label", { class: "long" }, "怎么改", h("input", { name: "fix", autocomplete: "off", maxlength: "300" })),
      remove,
    );
    target.addEventListener("change", () => {
      name.disabled = target.value === "case"; // the whole case has no name
      if (target.value === "field") name.setAttribute("list", names.id); else name.removeAttribute("list");
    });
    rows.append(row);
    number();
    if (focus) target.focus();
  }

  function number() {
    const all = [...rows.children];
    all.forEach((row, at) => {
      row.querySelector("legend").textContent = `第 ${at + 1} 条`;
      row.querySelector(".remove").hidden = all.length === 1;
    });
  }

  function findings() {
    return [...rows.children].map((row) => {
      const read = (name) => row.querySelector(`[name=${name}]`).value.trim();
      const target = read("target");
      return { target, name: target === "case" ? "" : read("name"), problem: read("problem"), fix: read("fix") };
    });
  }

  function open() {
    if (!rows.children.length) addRow(false);
    node.hidden = false;
    rows.querySelector("select").focus();
  }

  function close() {
    node.hidden = true;
    rows.replaceChildren();
  }
  return { node, open, close, stale: (is) => { late.hidden = !is; } };
}
