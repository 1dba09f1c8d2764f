// Text comes from topics, which anybody may write to: it becomes text, never markup.

export const $ = id => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

export function row(...cells) {
  return element("tr", {}, ...cells.map(cell => element("td", {}, cell)));
}

// Rows {key, make} of a table: those that stay are not touched, so that a click or a focus on them is not lost.
export function keepRows(body, items) {
  const keys = new Set(items.map(item => item.key));
  for (const node of [...body.rows]) {
    if (!keys.has(node.dataset.row) && !node.contains(document.activeElement)) node.remove();
  }
  const there = new Map([...body.rows].map(node => [node.dataset.row, node]));
  let next = body.firstElementChild;
  for (const { key, make } of items) {
    const node = there.get(key) ?? make();
    node.dataset.row = key;
    if (node === next) next = next.nextElementSibling;
    else body.insertBefore(node, next);
  }
}

// A text that is read aloud when it changes, and only then.
export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

export function facts(list, pairs) {
  list.replaceChildren(...pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

export function show(id, shown) {
  $(id).hidden = !shown;
}

export const counted = (count, one) => count === 1 ? "1 " + one : `${grouped(count)} ${one}s`;

// A count, every digit of it.
export function grouped(count) {
  return typeof count === "number" ? count.toLocaleString("en", { useGrouping: "min2" }) : "–";
}

// A place on a topic or a version, as logs and other tools write it.
export function exact(value) {
  return typeof value === "number" ? String(value) : "–";
}

// What was measured: four digits, as in the terminal's tables.
export function number(value) {
  if (typeof value !== "number") return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  return size >= 1e7 || size < 1e-3 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

export function unit(value, of) {
  return typeof value === "number" ? `${number(value)} ${of}` : "–";
}

export function percent(value) {
  return typeof value === "number" ? (100 * value).toFixed(1) + "%" : "–";
}

let ahead = 0; // of the monitor's clock, milliseconds

export function setClock(millis) {
  ahead = millis - Date.now();
}

export function now() {
  return Date.now() + ahead;
}

// As in the terminal's tables; what is still to come is now.
export function duration(millis) {
  const seconds = Math.max(0, Math.floor(millis / 1000));
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min";
  return seconds < 172_800 ? Math.floor(seconds / 3600) + " h" : Math.floor(seconds / 86_400) + " days";
}

// With its zone: a link shows the same to somebody in another one.
export function time(millis) {
  return new Date(millis).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
}

const words = (millis, attributes) => (attributes.before ?? "") + duration(now() - millis) + (attributes.after ?? " ago");

// How long ago something was; goes on by itself.
export function ago(millis, attributes = {}) {
  if (!millis) return "–";
  const node = element("time", { datetime: new Date(millis).toISOString(), title: time(millis) }, words(millis, attributes));
  node.dataset.at = millis;
  if (attributes.before) node.dataset.before = attributes.before;
  if (attributes.after !== undefined) node.dataset.after = attributes.after;
  return node;
}

setInterval(() => {
  for (const node of document.querySelectorAll("time[data-at]")) {
    const next = words(Number(node.dataset.at), node.dataset);
    if (node.textContent !== next) node.textContent = next;
  }
}, 1000);

// A box that scrolls sideways fades where there is more, and says so.
const boxes = new ResizeObserver(entries => entries.forEach(entry => mark(entry.target.closest(".scroll"))));

export function scrolls(box) {
  box.addEventListener("scroll", () => mark(box), { passive: true });
  boxes.observe(box);
  boxes.observe(box.firstElementChild);
}

function mark(box) {
  const hidden = box.scrollWidth - box.clientWidth;
  box.classList.toggle("more-left", box.scrollLeft > 4);
  box.classList.toggle("more-right", hidden - box.scrollLeft > 4);
  const hint = box.nextElementSibling;
  if (hint?.classList.contains("hint")) hint.hidden = hidden <= 4;
}
