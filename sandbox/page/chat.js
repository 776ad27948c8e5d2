// A person's WeChat: what they write to an account, and what it answers.

import { button, call, clockTime, guarded, h } from "./dom.js";

const ACCOUNTS = { miniprogram: "小程序客服", official: "公众号" };
const WHO = { person: "本人", city: "掌办", desk: "微信" };
const KINDS = [
  { kind: "user_enter_tempsession", text: "进入会话" },
  { kind: "image", text: "发一张图" },
];

/** Gives {node, update(lines), busy()}. What is being typed survives every poll. */
export function chatBox(person, name, changed) {
  const account = h("select", { "aria-label": "发给哪个账号" }, ...Object.entries(ACCOUNTS).map(([value, text]) => h("option", { value, text })));
  const text = h("input", { autocomplete: "off", maxlength: "600", placeholder: "例如：补办身份证要带什么", "aria-label": `${name}在微信里说` });
  const lines = h("ol", { class: "lines", role: "log", "aria-label": `${name}的微信对话` });
  const form = h("form", { class: "say", onsubmit: guarded(send) }, account, text, h("button", { class: "main", text: "发送" }));
  const others = KINDS.map((one) => button(one.text, () => say({ kind: one.kind })));
  const node = h("details", { class: "chat", ontoggle: down }, h("summary", { text: "微信里说话" }), lines, form, h("div", { class: "buttons small" }, ...others));
  let all = [];

  async function send() {
    if (!text.value.trim()) return text.focus();
    await say({ text: text.value });
    text.value = "";
    text.focus();
  }

  async function say(what) {
    await call("POST", "/wechat/messages", { person, account: account.value, ...what });
    await changed();
  }

  function down() {
    lines.scrollTop = lines.scrollHeight;
  }

  function show() {
    const mine = all.filter((one) => one.account === account.value);
    lines.replaceChildren(...mine.map(line));
    lines.hidden = mine.length === 0;
    down();
  }

  function update(given) {
    const more = given.length !== all.length || given.at(-1)?.n !== all.at(-1)?.n;
    all = given;
    if (more) show();
  }
  account.addEventListener("change", show);
  lines.hidden = true;
  return { node, update, busy: () => node.open };
}

function line(one) {
  const about = h("span", { class: "who" }, `${WHO[one.who] ?? one.who} `, h("time", { datetime: one.at, text: clockTime(one.at) }));
  return h("li", { class: `line ${one.who}` }, about, h("p", { text: one.text }));
}
