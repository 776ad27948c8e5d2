// What was filed with a case: for whom, the materials with their files, the licences shown in place of papers.

import { fact, h, moment } from "./dom.js";

const HAND_IN = { window: "到窗口交", courier: "寄来", online: "网上交" };
const LICENCE = { valid: "有效", expired: "已过期", revoked: "已吊销" };

/** Whom the case is for, as rows of facts. */
export function parties(one) {
  const enterprise = one.subject?.startsWith("enterprise:");
  return [
    ...(enterprise ? fact("申请主体", `${one.subject_name ?? "（查不到）"} ${one.subject.slice(11)}`) : []),
    ...fact(enterprise ? "经办人" : "申请人", one.applicant ?? "（查不到）"),
    ...(one.by && one.by !== one.applicant ? fact("代为办理", one.by) : []),
    ...(one.project_code ? fact("项目代码", one.project_code, "number") : []),
    ...(one.joint_id ? fact("联办", one.joint_id, "number") : []),
  ];
}

export function materials(all) {
  if (!all.length) return [h("p", { class: "hint", text: "没有提交材料。" })];
  return [h("ul", { class: "papers" }, ...all.map(material))];
}

function material(one) {
  const files = (one.files ?? []).map((file) => h("li", {}, h("a", { href: `/world/core/files/${encodeURIComponent(file.sha256)}`, text: file.name }), h("span", { class: "hint", text: ` ${size(file.size)}` })));
  return h("li", {}, h("p", {}, h("strong", { text: one.name }), ` ${HAND_IN[one.hand_in] ?? one.hand_in}`), files.length ? h("ul", { class: "files" }, ...files) : null, one.presentation ? shown(one.presentation) : null);
}

function shown(one) {
  const void_ = one.state !== "valid" || new Date(one.valid_until) <= new Date();
  const told = `出示证照：${one.name ?? "证照"} ${one.number ?? ""}，${LICENCE[one.state] ?? one.state}，调阅码 ${one.code}，至 ${moment(one.valid_until)}`;
  return h("p", { class: void_ ? "warn number" : "number", text: told });
}

const size = (bytes) => (bytes < 1024 ? `${bytes} 字节` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`);
