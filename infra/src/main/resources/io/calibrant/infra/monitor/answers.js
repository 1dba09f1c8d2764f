import { $, element, facts, number, percent, row, show, svg, time } from "./dom.js";
import { lines, square } from "./charts.js";

const METHODS = [["map", "MAP"], ["temperature", "Temperature"], ["calibrated", "Calibrated, as served"]];
const NEW_MILLIS = 10_000;
const ROWS = 8;
const SCATTER = 95;

export function answers(section) {
  show("answers-empty", section.total === 0);
  show("answers-some", section.total > 0);
  if (section.total === 0) return;
  facts($("answer-figures"), [
    ["Answers", number(section.total)], ["A second, over the last minute", number(section.perSecond)],
    ["Posterior in use", section.inUse ?? "–"], ["Its version", number(section.inUseVersion)],
  ]);
  $("throughput").querySelector("b").textContent = section.stretch > 1 ? `each over ${section.stretch} s` : "";
  lines($("throughput"), `${number(section.total)} answers, ${number(section.perSecond)} a second over the last minute`,
    section.seconds, [{ label: "answers a second", values: section.rates, color: "calibrated" }], { time: true });
  const points = section.points.filter(point => point.confidence !== null && point.novelty !== null);
  const newest = Math.max(...section.points.map(point => point.time));
  const dots = points.map(point => svg("circle", {
    class: newest - point.time < NEW_MILLIS ? "dot new" : "dot", r: 2,
    cx: 30 + 200 * point.confidence, cy: SCATTER - (SCATTER - 8) * point.novelty,
  }));
  $("scatter").querySelector("b").textContent = `the newest ${points.length}; those of the last 10 s stand out`;
  $("scatter").querySelector("svg")?.remove();
  $("scatter").append(square(`${points.length} answers by confidence and novelty`, SCATTER, "confidence", "novelty", ...dots));
  $("answers").tBodies[0].replaceChildren(...section.points.slice(-ROWS).reverse().map(point => row(
    point.question, point.label, percent(point.confidence), percent(point.map), number(point.novelty),
    `${point.fit} ${point.version}${point.tier === "all" ? "" : ", tier " + point.tier}`)));
}

export function calibration(section) {
  const unmet = [];
  if (section.labelsWithoutAnswer) unmet.push(`${section.labelsWithoutAnswer} labels wait for an answer`);
  if (section.otherTexts) unmet.push(`${section.otherTexts} answers and labels were refused: their id stands for another text`);
  words(section);
  $("unmet").textContent = unmet.join("; ");
  show("unmet", unmet.length > 0);
  show("calibration-empty", section.n === 0);
  show("calibration-some", section.n > 0);
  if (section.n === 0) return;
  $("diagrams").replaceChildren(...METHODS.filter(([key]) => section[key]).map(([key, name]) => reliability(key, name, section[key])));
  const series = section.series;
  for (const [id, suffix, figure] of [["ece", "Ece", "ece"], ["nll", "Nll", "nll"]]) {
    lines($(id), METHODS.filter(([key]) => section[key]).map(([key, name]) => `${name} ${number(section[key][figure])}`).join(", "),
      series.at, METHODS.map(([key, name]) => ({ label: name, values: series[key + suffix], color: key })), { time: series.windows });
    $(id).querySelector("b").textContent = `served ${number(section.calibrated[figure])}`;
  }
  const partial = section.temperatureN > 0 && section.temperatureN < section.n
    ? ` Temperature is known for ${section.temperatureN} of these ${section.n} answers, so it is not compared.` : "";
  $("calibration-axis").textContent = (series.windows ? "by the hour" : "of all labelled answers, as labels came: over their number") + partial;
}

// What serves and why, how often it is right, and the alarms that are on.
function words(section) {
  $("alarm").textContent = section.alarms.join(" ");
  show("alarm", section.alarms.length > 0);
  $("says").replaceChildren(...section.says.map(sentence => element("li", {}, sentence)));
  const hours = section.accuracy?.at.length ?? 0;
  show("accuracy", hours > 0);
  show("accuracy-key", hours > 0);
  if (hours === 0) return;
  const { at, expected, byLabels, realised } = section.accuracy;
  const last = percent(expected[expected.length - 1]);
  $("accuracy").querySelector("b").textContent = `${last} expected`;
  lines($("accuracy"), `Share of right answers by the hour: ${last} expected in the last one`, at, [
    { label: "expected without labels", values: expected, color: "calibrated" },
    { label: "by some labels", values: byLabels, color: "temperature" },
    { label: "realised", values: realised, color: "map" },
  ], { time: true });
}

function reliability(key, name, method) {
  const most = Math.max(1, ...method.bins.map(bin => bin.count));
  const nodes = [svg("line", { class: "ideal", x1: 30, y1: 150, x2: 230, y2: 8 })];
  const width = 200 / method.bins.length;
  method.bins.forEach((bin, i) => {
    if (bin.count === 0) return;
    const x = 30 + width * i;
    nodes.push(
      svg("rect", { class: "bar", x: x + 1, width: width - 2, y: 150 - 142 * bin.accuracy, height: 142 * bin.accuracy }),
      svg("rect", { class: "count", x: x + 1, width: width - 2, y: 180, height: 1 + 21 * bin.count / most }),
      svg("text", { x: x + width / 2, y: 213, "text-anchor": "middle", class: "tiny" }, bin.count > 999 ? Math.round(bin.count / 1000) + "k" : String(bin.count)));
  });
  const picture = square(`${name}: accuracy by confidence, ideal is the diagonal`, 150, "confidence, and answers in each bin", "accuracy", ...nodes);
  picture.setAttribute("viewBox", "0 0 240 216");
  const table = element("table", { class: "unseen" },
    element("caption", {}, `${name}, reliability`),
    element("thead", {}, element("tr", {}, ...["bin", "answers", "confidence", "accuracy"].map(title => element("th", { scope: "col" }, title)))),
    element("tbody", {}, ...method.bins.map((bin, i) => row(String(i + 1), String(bin.count), number(bin.confidence), number(bin.accuracy)))));
  return element("figure", { class: key, id: "reliability-" + key },
    element("figcaption", {}, element("span", { class: "key" }, name)),
    element("p", { class: "small" }, `n ${method.n}, right ${percent(method.accuracy)}, ECE ${number(method.ece)}, NLL ${number(method.nll)}`),
    picture, table);
}

export function deadLetters(section) {
  const counts = Object.entries(section.counts);
  show("letters-empty", counts.length === 0);
  show("letters", counts.length > 0);
  $("letters-count").textContent = counts.map(([topic, count]) => `${count} on ${topic}`).join(", ")
    + (section.letters.length ? `; the newest ${section.letters.length}:` : "");
  $("letters").tBodies[0].replaceChildren(...section.letters.map(letter =>
    row(time(letter.time), letter.origin || letter.topic, letter.key, letter.reason || "no reason given")));
}
