// The core's pre-check: what it will find for an item until taken back.

import { Refused, button, byId, call, guarded, h, keptList, toast } from "./dom.js";
import { findingRows, sentence } from "./findings.js";

/** Gives show(prechecks). `changed` is called after every change. */
export function prechecks(changed) {
  const item = byId("precheck-item");
  const names = byId("precheck-items");
  const add = h("button", { type: "button", text: "再加一条", onclick: () => rows.add(true) });
  const rows = findingRows("", () => add);
  rows.add(false);
  byId("precheck-form").append(rows.node, h("div", { class: "buttons" }, add, h("button", { class: "main", text: "以后都查出这些" })));
  byId("precheck-form").addEventListener("submit", guarded(set));
  let asked = 0;
  item.addEventListener("input", async () => {
    const own = ++asked;
    const found = await call("GET", `/core/items?q=${encodeURIComponent(item.value.trim())}`).catch(() => ({ items: [] }));
    if (own === asked) names.replaceChildren(...found.items.map((one) => h("option", { value: one.code, text: one.name })));
  });
  const show = keptList(byId("precheck-list"), { key: (one) => one.code, make: (one) => card(one, changed), empty: "现在什么也不会查出来。" });

  async function set() {
    const { items } = await call("GET", `/core/items?q=${encodeURIComponent(item.value.trim())}`);
    if (items.length !== 1) throw new Refused(items.length ? "有好几个事项，请在下拉里选一个" : "没有这个事项");
    await call("PUT", "/core/prechecks", { [items[0].code]: rows.read() });
    toast(`预审：${items[0].name} 会查出 ${rows.read().length} 条`);
    item.value = "";
    rows.clear();
    rows.add(false);
    await changed();
  }
  return (all) => show(Object.entries(all).map(([code, one]) => ({ code, ...one })));
}

function card(first, changed) {
  const list = h("ul");
  const undo = button("撤去", async () => {
    await call("PUT", "/core/prechecks", { [first.code]: [] });
    toast(`预审：${first.name} 不再查出问题`);
    await changed();
  });
  const node = h("article", { class: "card", "aria-label": `预审 ${first.name}` }, h("h3", { text: first.name }), h("p", { class: "hint number", text: first.code }), list, h("div", { class: "buttons small" }, undo));
  return { node, update: (one) => list.replaceChildren(...one.findings.map((each) => h("li", { text: sentence(each) }))) };
}
