// Small helpers: elements, calls to the world, toasts, lists that keep what a person is doing.

/** An element. Data only ever becomes text or attributes, never markup. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "text") node.textContent = String(value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((one) => one !== null && one !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** What the world refused, with all that was wrong. */
export class Refused extends Error {
  constructor(title, errors = []) {
    super(title);
    this.errors = errors;
  }
}

/** One world control. Throws Refused, in Chinese, whatever went wrong. */
export async function call(method, path, body) {
  const sent = body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let reply;
  try {
    reply = await fetch(`/world${path}`, { method, cache: "no-store", signal: AbortSignal.timeout(10000), ...sent });
  } catch {
    throw new Refused("连不上沙箱，请看看它是否还在运行");
  }
  const answer = await reply.json().catch(() => null);
  if (reply.ok && answer !== null) return answer;
  throw new Refused(answer?.title ?? `沙箱没有正常回答（${reply.status}）`, Array.isArray(answer?.errors) ? answer.errors : []);
}

/** Errors stay until closed; good news goes away by itself. At most four at a time. */
export function toast(title, errors = [], bad = false) {
  const close = h("button", { type: "button", class: "close", "aria-label": "关闭提示", text: "×", onclick: () => box.remove() });
  const list = errors.length ? h("ul", {}, ...errors.map((one) => h("li", { text: one }))) : null;
  const box = h("div", { class: bad ? "toast bad" : "toast", role: bad ? "alert" : "status" }, h("div", {}, h("strong", { text: title }), list), close);
  byId("toasts").append(box);
  while (byId("toasts").children.length > 4) byId("toasts").firstChild.remove();
  if (!bad) setTimeout(() => box.remove(), 4000);
}

export const toastError = (error) => toast(error.message, error.errors ?? [], true);

/** A button or form that ignores a second tap while the first is under way, and tells what was refused. */
export function guarded(work) {
  let running = false;
  return async (event) => {
    event.preventDefault();
    if (running) return;
    running = true;
    const button = event.submitter ?? event.currentTarget;
    button.setAttribute("aria-busy", "true");
    try {
      await work(event);
    } catch (error) {
      toastError(error);
    } finally {
      running = false;
      button.removeAttribute("aria-busy");
    }
  };
}

export function button(text, work, props = {}) {
  return h("button", { type: "button", text, onclick: guarded(work), ...props });
}

/** Clipboard where the browser allows it, the old way elsewhere. */
export async function copy(input) {
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    input.select();
    if (!document.execCommand("copy")) throw new Refused("浏览器不让复制，请手动选中复制");
  }
  toast("已复制");
}

const NARROW = matchMedia("(max-width: 600px)").matches;

/**
 * A list whose elements live as long as their keys: an open form, a caret or a selection survives every poll.
 * make(item) gives {node, update?(item), busy?()}; update is called only when the item changed.
 * Newer items push older ones behind "more", but never one that is busy.
 */
export function keptList(box, { key, make, empty, step = Infinity }) {
  const kept = new Map();
  if (NARROW) step = Math.ceil(step / 2);
  let shown = step;
  let latest = [];
  const words = { class: "empty", text: empty };
  const none = box.tagName === "TBODY" ? h("tr", {}, h("td", { colspan: "9", ...words })) : h("p", words);
  const more = step === Infinity ? null : h("button", { type: "button", class: "more", onclick: () => { shown += step; show(latest); } });

  function entry(item) {
    const text = JSON.stringify(item);
    let one = kept.get(key(item));
    if (one && one.text === text) return one.node;
    if (!one || !one.update) {
      one?.node.remove();
      one = make(item);
      kept.set(key(item), one);
    }
    one.update?.(item);
    one.text = text;
    return one.node;
  }

  function show(items) {
    latest = items;
    const focused = document.activeElement;
    const wanted = items.filter((item, place) => place < shown || kept.get(key(item))?.busy?.());
    const keys = new Set(wanted.map(key));
    for (const [own, one] of kept) if (!keys.has(own)) { one.node.remove(); kept.delete(own); }
    const nodes = wanted.map(entry);
    if (!items.length) nodes.push(none); else none.remove();
    if (more) {
      more.textContent = `再显示一些（还有 ${items.length - wanted.length} 个）`;
      if (items.length > wanted.length) nodes.push(more); else more.remove();
    }
    let at = box.firstChild; // nodes already in place are not moved: moving takes the focus away
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else box.insertBefore(node, at);
    }
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
  }
  return show;
}

const DAY = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECOND = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

export const moment = (at) => DAY.format(new Date(at));
export const clockTime = (at) => SECOND.format(new Date(at));
/** 12000 -> "120.00 元" */
export const yuan = (amount) => `${(amount / 100).toFixed(2)} 元`;

/** "120.5" -> 12050; null for what is no amount of yuan. Done on the text: 19.99 * 100 is not 1999. */
export function fen(text) {
  const found = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text.trim());
  const amount = found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : 0;
  return amount > 0 ? amount : null;
}

/** A row of a list of facts. */
export const fact = (name, value, kind) => [h("dt", { text: name }), h("dd", { class: kind, text: value })];

/** Day and serial number: the end of a long case number that people can tell apart. */
export const shortNo = (caseNo) => `…${String(caseNo).slice(-8)}`;
