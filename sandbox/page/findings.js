// Rows of findings: what is wrong, with what, and what to do. For notices of corrections and for the pre-check.

import { h } from "./dom.js";

export const TARGETS = { material: "材料", field: "字段", case: "整件" };

/** What one finding says, in a sentence. */
export function sentence(one) {
  const what = one.target === "case" ? TARGETS.case : `${TARGETS[one.target] ?? one.target}“${one.name || "未写名称"}”`;
  return `${what}：${one.problem}${one.fix ? `（${one.fix}）` : ""}`;
}

/** Gives {node, add(focus), read(), clear(), isEmpty()}. `names`: the id of a datalist for the names of fields. */
export function findingRows(names, back) {
  const node = h("div", { class: "rows" });

  function add(focus) {
    const target = h("select", { name: "target" }, ...Object.entries(TARGETS).map(([value, text]) => h("option", { value, text })));
    const name = h("input", { name: "name", autocomplete: "off", maxlength: "100" });
    const remove = h("button", { type: "button", class: "remove", text: "删去这条", onclick: () => { row.remove(); number(); back().focus(); } });
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
      if (target.value === "field" && names) name.setAttribute("list", names); else name.removeAttribute("list");
    });
    node.append(row);
    number();
    if (focus) target.focus();
  }

  function number() {
    const all = [...node.children];
    all.forEach((row, at) => {
      row.querySelector("legend").textContent = `第 ${at + 1} 条`;
      row.querySelector(".remove").hidden = all.length === 1;
    });
  }

  function read() {
    return [...node.children].map((row) => {
      const value = (name) => row.querySelector(`[name=${name}]`).value.trim();
      const target = value("target");
      return { target, name: target === "case" ? "" : value("name"), problem: value("problem"), fix: value("fix") };
    });
  }
  return { node, add, read, clear: () => node.replaceChildren(), isEmpty: () => node.children.length === 0 };
}
