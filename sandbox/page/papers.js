// A person's papers at the core: enterprises they act for, minors in their care, licences of all of these.

import { button, call, guarded, h, moment, toast } from "./dom.js";

const ROLES = { legal_representative: "法定代表人", handler: "经办人" };
const STATES = { valid: "有效", expired: "已过期", revoked: "已吊销" };
const TYPES = ["居民身份证", "居民户口簿", "营业执照", "不动产权证书", "结婚证", "出生医学证明", "机动车驾驶证", "临江市居住证", "社会保障卡", "残疾人证", "学历证书"];

/** Gives {node, update(person), busy()}. */
export function papers(person, name, changed) {
  const summary = h("summary");
  const enterprises = h("ul", { class: "papers" });
  const wards = h("ul", { class: "papers" });
  const licences = h("ul", { class: "papers" });
  const holder = h("select", { name: "subject" });
  const own = `types-${person}`;
  const give = small("发一张证照", [
    h("label", {}, "证照类型", h("input", { name: "type", required: true, autocomplete: "off", maxlength: "100", list: own })),
    h("datalist", { id: own }, ...TYPES.map((value) => h("option", { value }))),
    h("label", {}, "持证主体", holder),
    h("label", {}, "有效期至（可不填）", h("input", { name: "expires_at", type: "date" })),
  ], "发证", async (read) => {
    const until = read("expires_at");
    const asked = { type: read("type"), ...(read("subject") ? { subject: read("subject") } : {}), ...(until ? { expires_at: `${until}T23:59:59+08:00` } : {}) };
    const made = await call("POST", `/people/${encodeURIComponent(person)}/licences`, asked);
    toast(`发了证照：${made.name} ${made.number}`);
  }, changed);
  const join = small("登记到一家企业", [
    h("label", {}, "企业名称（可不填）", h("input", { name: "name", autocomplete: "off", maxlength: "100" })),
    h("label", {}, "已有企业的信用代码（可不填）", h("input", { name: "uscc", autocomplete: "off", maxlength: "18" })),
    h("label", {}, "身份", h("select", { name: "role" }, ...Object.entries(ROLES).map(([value, text]) => h("option", { value, text })))),
  ], "登记", async (read) => {
    const asked = Object.fromEntries(["name", "uscc", "role"].map((one) => [one, read(one)]).filter(([, value]) => value));
    const made = await call("POST", `/people/${encodeURIComponent(person)}/enterprises`, asked);
    toast(`${name} 是 ${made.name} 的${ROLES[made.role]}`);
  }, changed);
  const care = small("加一个被监护的孩子", [
    h("label", {}, "姓名（可不填）", h("input", { name: "name", autocomplete: "off", maxlength: "30" })),
    h("label", {}, "出生日期（可不填）", h("input", { name: "born", type: "date" })),
  ], "加上", async (read) => {
    const made = await call("POST", `/people/${encodeURIComponent(person)}/wards`, Object.fromEntries(["name", "born"].map((one) => [one, read(one)]).filter(([, value]) => value)));
    toast(`${made.name} 由 ${name} 监护`);
  }, changed);
  const node = h("details", { class: "papers-box" }, summary, part("代表的企业", enterprises), join, part("监护的孩子", wards), care, part("电子证照", licences), give);

  async function leave(one) {
    await call("DELETE", `/people/${encodeURIComponent(person)}/enterprises/${one.uscc}`);
    toast(`${name} 不再代表 ${one.name}`);
    await changed();
  }

  async function turn(one, state) {
    await call("PUT", `/core/licences/${encodeURIComponent(one.licence_id)}`, { state });
    toast(`${one.name}：${STATES[state]}`);
    await changed();
  }

  function licence(one, names) {
    const whose = one.subject.startsWith("enterprise:") ? `，${names.get(one.subject.slice(11)) ?? "企业"}的` : "";
    const until = one.expires_at ? `，至 ${new Date(one.expires_at).toLocaleDateString("zh-CN", { timeZone: "Asia/Shanghai" })}` : "，长期";
    const act = one.state === "revoked" ? button("恢复有效", () => turn(one, "valid")) : button("吊销", () => turn(one, "revoked"), { class: "grave" });
    return h("li", {}, h("p", {}, h("strong", { text: one.name }), ` ${STATES[one.state] ?? one.state}${until}${whose}`), h("p", { class: "hint number", text: one.number }), h("div", { class: "buttons small" }, act));
  }

  function update(one) {
    const names = new Map(one.enterprises.map((each) => [each.uscc, each.name]));
    const count = one.enterprises.length + one.wards.length + one.licences.length;
    summary.textContent = count ? `证照、企业和孩子（${count}）` : "证照、企业和孩子";
    const chosen = holder.value;
    holder.replaceChildren(h("option", { value: "", text: "本人" }), ...one.enterprises.map((each) => h("option", { value: each.uscc, text: each.name })));
    holder.value = names.has(chosen) ? chosen : "";
    fill(enterprises, one.enterprises.map((each) => {
      const until = each.valid_until ? `，至 ${moment(each.valid_until)}` : "";
      return h("li", {}, h("p", {}, h("strong", { text: each.name }), ` ${ROLES[each.role] ?? each.role}${until}`), h("p", { class: "hint number", text: each.uscc }), h("div", { class: "buttons small" }, button("不再代表", () => leave(each), { class: "grave" })));
    }));
    fill(wards, one.wards.map((each) => h("li", {}, h("p", {}, h("strong", { text: each.name }), ` ${each.relation}`), h("p", { class: "hint number", text: each.id_number }))));
    fill(licences, one.licences.map((each) => licence(each, names)));
  }
  return { node, update, busy: () => node.open };
}

const part = (title, list) => h("div", {}, h("h4", { text: title }), list);

function fill(list, rows) {
  list.replaceChildren(...(rows.length ? rows : [h("li", { class: "hint", text: "没有" })]));
}

/** A form behind a line; it closes once its work is done. */
function small(title, fields, told, work, changed) {
  const form = h("form", { class: "line-form", "aria-label": title, onsubmit: guarded(submit) }, ...fields, h("button", { class: "main", text: told }));
  const node = h("details", {}, h("summary", { text: `${title}…` }), form);

  async function submit() {
    await work((field) => form.elements[field].value.trim());
    form.reset();
    node.open = false;
    await changed();
  }
  return node;
}
