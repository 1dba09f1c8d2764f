// The value under the cursor: one tooltip for the page, and at every chart a slider that the keyboard moves and a screen
// reader reads.

import { element } from "./dom.js";

const tip = element("div", { id: "tip", "aria-hidden": "true" });
tip.hidden = true;
document.body.append(tip);

// Lines are texts, or {text, color}; the first is a heading. x and y are places in the window.
export function showTip(x, y, lines) {
  (document.querySelector("dialog[open]") ?? document.body).append(tip);
  tip.replaceChildren(...lines.map(line => typeof line === "string" ? element("div", {}, line)
    : element("div", { class: "key " + line.color }, line.text)));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  const left = x + 14 + width > document.documentElement.clientWidth ? x - 14 - width : x + 14;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.max(4, Math.min(y - height / 2, document.documentElement.clientHeight - height - 4)) + "px";
}

export function hideTip() {
  tip.hidden = true;
}

function spoken(lines) {
  return lines.map(line => typeof line === "string" ? line : line.text).join(", ");
}

// A slider over the points of a chart: at(i) is {x, y, lines} in the window, or null; keys hears of the other keys.
export function slider(label, count, at, { leave = () => {}, keys = () => {} } = {}) {
  const input = element("input", { type: "range", class: "reader", min: "0", max: String(Math.max(0, count - 1)), step: "1",
    "aria-label": label + ": read the values" });
  input.value = input.max;
  const read = () => {
    const point = at(Number(input.value));
    if (!point) return;
    input.setAttribute("aria-valuetext", spoken(point.lines));
    showTip(point.x, point.y, point.lines);
  };
  input.addEventListener("input", read);
  input.addEventListener("focus", read);
  input.addEventListener("blur", () => { hideTip(); leave(); });
  input.addEventListener("keydown", event => {
    if (keys(event, Number(input.value))) event.preventDefault();
  });
  return input;
}

// Shows a tooltip where the pointer is on a node: said(event) are the lines, or null. A finger leaves as soon as it is
// lifted, so what it has shown stays.
export function underPointer(node, said) {
  const open = event => {
    const lines = said(event);
    if (lines) showTip(event.clientX, event.clientY, lines); else hideTip();
  };
  node.addEventListener("pointerdown", open);
  node.addEventListener("pointermove", open);
  node.addEventListener("pointerleave", event => { if (event.pointerType !== "touch") hideTip(); });
}

// Shows a tooltip over a node while the pointer or the focus is on it.
export function explained(node, lines) {
  const open = () => {
    const box = node.getBoundingClientRect();
    showTip(box.right, box.top + box.height / 2, lines());
  };
  node.addEventListener("pointerenter", open);
  node.addEventListener("focus", open);
  node.addEventListener("pointerleave", event => { if (event.pointerType !== "touch") hideTip(); });
  node.addEventListener("blur", hideTip);
}

// The keyboard's focus scrolls a chart into sight: its values stay with it then.
addEventListener("scroll", () => {
  const active = document.activeElement;
  if (active?.classList.contains("reader")) active.dispatchEvent(new Event("input")); else hideTip();
}, { passive: true });
addEventListener("keydown", event => { if (event.key === "Escape") hideTip(); });
addEventListener("pointerdown", event => { if (event.pointerType === "touch") hideTip(); }, { capture: true });
