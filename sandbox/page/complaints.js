// The 12345 hotline's desk: what residents have to say, who has it, and the reply. And what they thought of their cases.

import { Refused, button, byId, call, fact, h, keptList, moment, shortNo, toast } from "./dom.js";

const KINDS = { complaint: "投诉", suggestion: "建议", consultation: "咨询" };
const STATES = { received: "已收到", assigned: "已派单", transferred: "已转办", replied: "已答复", reopened: "追问待办", closed: "已办结", not_accepted: "不予受理" };
const MOVES = { assigned: "派单", transferred: "转办", replied: "答复", closed: "办结", not_accepted: "不予受理" };
const GRADES = { 5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意" };
const STAGES = { acceptance: "受理环节", result: "办结环节" };
const ENDS = { open: "整改中", rectified: "已整改", mistaken: "申诉成立，不计入" };
const DUE_DAYS = 5; // what the desk gives a department, counted in days here

/** Gives show(complaints). `changed` is called after every move. */
export function complaints(changed) {
  const show = keptList(byId("complaints-list"), { key: (one) => one.complaint_id, make: (one) => card(one, changed), empty: "还没有诉求。居民在小程序里投诉、建议、咨询后会出现在这里。", step: 9 });
  return (all) => {
    const open = all.filter((one) => one.allowed.length).length;
    byId("complaints-count").textContent = open ? `${open} 件在办` : "";
    show(all);
  };
}

function card(first, changed) {
  const title = h("h3", { tabindex: "-1", text: `${KINDS[first.kind] ?? first.kind}：${first.title}` });
  const state = h("span", { class: "state" });
  const facts = h("dl", { class: "facts" });
  const steps = h("ol", { class: "steps" });
  const department = h("input", { autocomplete: "off", maxlength: "100" });
  const text = h("input", { autocomplete: "off", maxlength: "2000" });
  const form = h("div", { class: "line-form" }, h("label", {}, "部门（派单、转办用）", department), h("label", {}, "答复或说明", text));
  const moves = h("div", { class: "buttons small" });
  const talk = first.conversation.map((one) => h("li", { text: `${one.by === "resident" ? "居民" : "助手"}：${one.text}` }));
  const files = first.files.map((one) => h("li", {}, h("a", { href: `/world/core/files/${one.sha256}`, text: one.name })));
  const more = h("details", { hidden: !talk.length && !files.length }, h("summary", { text: "附件和与助手的对话" }), h("ul", { class: "files" }, ...files, ...talk));
  const node = h("article", { class: "card", "aria-label": `诉求 ${first.number}` }, h("div", { class: "card-head" }, title, state), facts, h("p", { class: "said", text: first.text }), more, steps, form, moves);
  let touched = false;
  for (const kind of ["click", "input"]) node.addEventListener(kind, () => { touched = true; });

  async function move(to) {
    if (to === "replied" && !text.value.trim()) {
      text.focus();
      throw new Refused("答复要写内容");
    }
    const sent = ["assigned", "transferred"].includes(to);
    const due = sent ? { due_at: new Date(Date.now() + DUE_DAYS * 86400000).toISOString() } : {};
    await call("POST", `/core/complaints/${encodeURIComponent(first.complaint_id)}/moves`, { to, text: text.value.trim(), ...due, ...(sent && department.value.trim() ? { department: department.value.trim() } : {}) });
    department.value = text.value = "";
    toast(`${MOVES[to]}：${first.title}`);
    await changed();
  }

  function update(one) {
    const hadFocus = moves.contains(document.activeElement);
    state.textContent = STATES[one.state] ?? one.state;
    state.dataset.state = one.state;
    facts.replaceChildren(
      ...fact("编号", one.number, "number"), ...fact("谁", one.person ?? "（查不到的人）"), ...(one.item_name ? fact("事项", one.item_name) : []),
      ...(one.case_no ? fact("办件", shortNo(one.case_no), "number") : []), ...one.satisfactions.flatMap((each) => fact("满意度", `${GRADES[each.grade]}${each.text ? `，${each.text}` : ""}`)),
    );
    steps.replaceChildren(...one.timeline.map(step));
    moves.replaceChildren(...one.allowed.map((to) => button(MOVES[to], () => move(to), { "data-move": to, class: to === "not_accepted" ? "grave" : "main" })));
    form.hidden = one.allowed.length === 0;
    department.parentNode.hidden = !one.allowed.includes("transferred");
    if (hadFocus) title.focus({ preventScroll: true });
  }
  return { node, update, busy: () => touched };
}

function step(one) {
  const words = [one.department, one.due_at ? `${moment(one.due_at)} 前答复` : "", one.text].filter(Boolean).join("，");
  return h("li", {}, h("strong", { text: STATES[one.state] ?? one.state }), h("time", { datetime: one.at, text: moment(one.at) }), words ? h("p", { text: words }) : null);
}

/** Gives show(ratings). */
export function ratings() {
  const show = keptList(byId("ratings-list"), { key: (one) => one.rating_id, make: ratingCard, empty: "还没有评价。", step: 9 });
  return (all) => {
    byId("ratings-count").textContent = all.length ? `${all.length} 条` : "";
    show(all);
  };
}

function ratingCard(first) {
  const end = h("dl", { class: "facts" });
  const state = h("span", { class: "state", "data-state": first.grade < 3 ? "rejected" : "rated", text: GRADES[first.grade] });
  const about = [...fact("环节", STAGES[first.stage] ?? first.stage), ...fact("谁", first.person ?? "（查不到的人）"), ...fact("办件", shortNo(first.case_no), "number"), ...fact("时间", moment(first.rated_at))];
  const reasons = first.indicators.length ? fact("指标", first.indicators.join("、")) : [];
  const said = first.text ? h("p", { class: "said", text: first.text }) : null;
  const node = h("article", { class: "card", "aria-label": `评价 ${first.item_name ?? first.case_no}` }, h("div", { class: "card-head" }, h("h3", { text: first.item_name ?? "（查不到的办件）" }), state), h("dl", { class: "facts" }, ...about, ...reasons), said, end);
  return { node, update: (one) => end.replaceChildren(...(one.outcome ? fact("结果", `${ENDS[one.outcome.state] ?? one.outcome.state}${one.outcome.text ? `：${one.outcome.text}` : ""}`) : [])) };
}
