// Reliability diagrams: how often answers of a confidence are right. Bins of few answers are narrow, and have wide intervals.

import { element, number, percent, row, svg } from "./dom.js";
import { LEFT, OTHER, SIDE, TOP, level, square } from "./charts.js";
import { slider, underPointer } from "./readout.js";

const BOTTOM = 150;

// other is {name, method} of the fit that is laid over, or null: a line in each bin, how often its answers are right.
export function reliability(key, name, method, other) {
  const most = Math.max(1, ...method.bins.map(bin => bin.count));
  const slot = SIDE / method.bins.length;
  const nodes = [svg("line", { class: "ideal", x1: LEFT, y1: BOTTOM, x2: LEFT + SIDE, y2: TOP })];
  const filled = [];
  method.bins.forEach((bin, i) => {
    const laid = other?.method.bins[i];
    if (bin.count === 0 && !laid?.count) return;
    const left = LEFT + slot * i;
    if (bin.count) nodes.push(...bar(bin, most, left, slot));
    if (laid?.count) {
      const up = level(laid.accuracy, BOTTOM);
      nodes.push(svg("line", { class: "laid", x1: left + 1, x2: left + slot - 1, y1: up, y2: up }));
    }
    const lines = said(bin, i, method.bins.length, other?.name, laid);
    const hit = svg("rect", { class: "hit", x: left, width: slot, y: TOP, height: BOTTOM - TOP });
    nodes.push(hit);
    underPointer(hit, () => lines);
    filled.push({ hit, lines });
  });
  const picture = square(`${name}: accuracy by confidence, ideal is the diagonal`, BOTTOM, "confidence; answers in each bin", "accuracy", ...nodes);
  picture.setAttribute("viewBox", "0 0 240 216");
  const reader = slider(name + ", reliability", filled.length, place => {
    const { hit, lines } = filled[place] ?? {};
    if (!hit) return null;
    const box = hit.getBoundingClientRect();
    return { x: box.left + box.width / 2, y: box.top + box.height / 2, lines };
  });
  const table = element("table", { class: "unseen" },
    element("caption", {}, `${name}, reliability`),
    element("thead", {}, element("tr", {}, ...["bin", "answers", "confidence", "accuracy"].map(title => element("th", { scope: "col" }, title)))),
    element("tbody", {}, ...method.bins.map((bin, i) => row(String(i + 1), String(bin.count), number(bin.confidence), number(bin.accuracy)))));
  const over = other ? element("p", { class: "small" }, element("span", { class: "key line other" }, other.name), `: ${figures(other.method)}`) : "";
  return element("figure", { class: key, id: "reliability-" + key },
    element("figcaption", {}, element("span", { class: "key" }, name)),
    element("p", { class: "small" }, figures(method)), over,
    element("div", { class: "plot" }, picture, reader), table);
}

const figures = method => `n ${method.n}, right ${percent(method.accuracy)}, ECE ${number(method.ece)}, NLL ${number(method.nll)} nats`;

function bar({ count, accuracy }, most, left, slot) {
  const part = Math.log1p(count) / Math.log1p(most);
  const width = (slot - 2) * (0.15 + 0.85 * part);
  const middle = left + slot / 2;
  const up = level(accuracy, BOTTOM);
  const { low, high } = interval(accuracy, count);
  return [
    svg("rect", { class: "bar", "data-count": count, "fill-opacity": (0.25 + 0.55 * part).toFixed(2), x: middle - width / 2, width, y: up, height: BOTTOM - up }),
    svg("line", { class: "interval", x1: middle, x2: middle, y1: level(low, BOTTOM), y2: level(high, BOTTOM) }),
    svg("rect", { class: "count", x: left + 1, width: slot - 2, y: 180, height: 1 + 21 * count / most }),
    svg("text", { x: middle, y: 213, "text-anchor": "middle", class: "tiny" }, count > 999 ? Math.round(count / 1000) + "k" : String(count)),
  ];
}

function said(bin, i, bins, otherName, laid) {
  const range = `confidence ${number(i / bins)} to ${number((i + 1) / bins)}`;
  const lines = bin.count ? [`${range}, ${number(bin.confidence)} on average`, ...shares(bin)] : [range];
  if (laid?.count) lines.push({ text: `${otherName}: ${shares(laid).join(", ")}`, color: OTHER });
  return lines;
}

function shares({ accuracy, count }) {
  const { low, high } = interval(accuracy, count);
  return [`right ${percent(accuracy)} of ${count}`, `95% interval ${percent(low)} to ${percent(high)}`];
}

// Wilson's interval of a share, 95%.
function interval(share, n) {
  const z = 1.959964;
  const middle = (share + z * z / (2 * n)) / (1 + z * z / n);
  const half = z / (1 + z * z / n) * Math.sqrt(share * (1 - share) / n + z * z / (4 * n * n));
  return { low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}
