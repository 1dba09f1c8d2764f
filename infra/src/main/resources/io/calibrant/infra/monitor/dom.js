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

export function facts(list, pairs) {
  list.replaceChildren(...pairs.map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

export function show(id, shown) {
  $(id).hidden = !shown;
}

// Four digits, as in the terminal's tables.
export function number(value) {
  if (typeof value !== "number") return "–";
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  return size >= 1e7 || size < 1e-3 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

export function percent(value) {
  return typeof value === "number" ? (100 * value).toFixed(1) + "%" : "–";
}

// As in the terminal's tables; what is still to come is now.
export function age(millis) {
  const seconds = Math.max(0, Math.floor((Date.now() - millis) / 1000));
  if (seconds < 120) return seconds + " s";
  if (seconds < 7200) return Math.floor(seconds / 60) + " min";
  return seconds < 172_800 ? Math.floor(seconds / 3600) + " h" : Math.floor(seconds / 86_400) + " days";
}

export function time(millis) {
  return new Date(millis).toLocaleTimeString();
}
