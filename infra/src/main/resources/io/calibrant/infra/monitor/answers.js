import { $, ago, counted, element, exact, facts, grouped, keepRows, now, number, percent, row, say, show, svg } from "./dom.js";
import { LEFT, OTHER, SIDE, level, lines, overlay, square } from "./charts.js";
import { address, choose } from "./choice.js";
import { slider, underPointer } from "./readout.js";
import { reliability } from "./reliability.js";

export const METHODS = [["map", "MAP"], ["temperature", "Temperature"], ["calibrated", "Served"]];
const NEW_MILLIS = 10_000;
const ROWS = 12;
const SCATTER = 95;
const DECISIONS = { ACCEPT: "accept", UNSURE: "unsure", UNFAMILIAR: "unfamiliar", NO_GUARANTEE: "no guarantee" };

let drawn = [];
let reader = null;
let readPlace = null; // of the answer that the slider has read

export const decision = value => DECISIONS[value] ?? "–";

export function answers(section) {
  show("answers-empty", section.total === 0);
  show("answers-some", section.total > 0);
  if (section.total === 0) return;
  const newest = Math.max(...section.points.map(point => point.time));
  facts($("answer-figures"), [
    ["Answers", grouped(section.total)], ["Rate, last minute", `${number(section.perSecond)} a second`],
    ["Newest", ago(newest)],
    ["Posterior in use", section.inUse ?? "–"], ["Its version", exact(section.inUseVersion)],
  ]);
  $("throughput").querySelector("b").textContent = section.stretch > 1 ? `each over ${section.stretch} s` : "";
  lines($("throughput"), `${grouped(section.total)} answers, ${number(section.perSecond)} a second over the last minute`,
    section.seconds, [{ label: "answers a second", values: section.rates, color: "plain" }],
    { axis: { time: true, label: "", each: "" } });
  scatter(section);
  keepRows($("answers").tBodies[0], section.points.slice(-ROWS).reverse().map(point => ({ key: place(point), make: () => row(
    opener({ answer: place(point) }, point.question), point.label, percent(point.map), percent(point.temperature), percent(point.confidence),
    number(point.novelty), decision(point.decision), `${point.fit} ${point.version}${point.tier === "all" ? "" : ", tier " + point.tier}`, ago(point.time)) })));
}

const place = point => `${point.partition}:${point.offset}`;

function opener(opens, text) {
  const key = Object.entries(opens)[0].join(":");
  return element("a", { href: opened(opens), "data-key": key, "aria-haspopup": "dialog" }, text);
}

// One record is open at a time.
const opened = opens => address({ answer: null, letter: null, ...opens });

// Links open beside whatever else is chosen by then.
export function refreshLinks() {
  for (const link of document.querySelectorAll("#answers a, #letters a")) {
    const [kind, ...rest] = link.dataset.key.split(":");
    link.href = opened({ [kind]: rest.join(":") });
  }
}

function scatter(section) {
  drawn = section.points.filter(point => point.confidence !== null && point.novelty !== null);
  const dots = drawn.map(point => svg("circle", { class: "dot", r: 2, cx: across(point), cy: up(point) }));
  const figure = $("scatter");
  figure.querySelector("b").textContent = drawn.length === 0 ? "none has a novelty at its tier" : `the newest ${drawn.length}; those of the last 10 s are ringed`;
  figure.querySelector("svg")?.remove();
  const picture = square(`${drawn.length} answers by confidence and novelty`, SCATTER, "confidence, as served", "novelty", ...dots);
  underPointer(picture, event => {
    const near = nearestDot(picture, event.clientX, event.clientY);
    return near < 0 ? null : dotLines(drawn[near]);
  });
  picture.addEventListener("click", event => {
    const near = nearestDot(picture, event.clientX, event.clientY);
    if (near >= 0) choose({ answer: place(drawn[near]) });
  });
  const frame = figure.querySelector(".plot");
  frame.prepend(picture);
  ring();
  if (!reader) {
    reader = slider("Confidence and novelty, Enter opens an answer", drawn.length, at => {
      const dot = figure.querySelectorAll("circle")[at];
      if (!dot) return null;
      const box = dot.getBoundingClientRect();
      readPlace = place(drawn[at]);
      return { x: box.left + box.width / 2, y: box.top + box.height / 2, lines: dotLines(drawn[at]) };
    }, { keys: event => event.key === "Enter" && readPlace ? (choose({ answer: readPlace }), true) : false,
      leave: () => { readPlace = null; } });
    frame.append(reader);
  }
  // Answers that come move the others: the slider stays with the one that it has read.
  const read = readPlace ? drawn.findIndex(point => place(point) === readPlace) : -1;
  const atEnd = reader.value === reader.max;
  reader.max = String(Math.max(0, drawn.length - 1));
  if (read >= 0) reader.value = String(read);
  else if (atEnd) reader.value = reader.max;
}

// Dots are new for some seconds.
function ring() {
  document.querySelectorAll("#scatter circle").forEach((dot, i) => dot.classList.toggle("new", now() - drawn[i].time < NEW_MILLIS));
}

setInterval(ring, 1000);

const across = point => LEFT + SIDE * point.confidence;
const up = point => level(point.novelty, SCATTER);

const dotLines = point => [point.question, { text: `${point.label}, ${percent(point.confidence)} as served`, color: "calibrated" },
  `novelty ${number(point.novelty)}`];

function nearestDot(picture, x, y) {
  const screen = picture.getScreenCTM();
  let best = -1;
  let least = 14;
  drawn.forEach((point, i) => {
    const distance = Math.hypot(screen.a * across(point) + screen.e - x, screen.d * up(point) + screen.f - y);
    if (distance < least) {
      least = distance;
      best = i;
    }
  });
  return best;
}

export function calibration(section, compared, axis) {
  const unmet = [];
  if (section.labelsWithoutAnswer) unmet.push(`${counted(section.labelsWithoutAnswer, "label")} without an answer yet`);
  if (section.otherTexts) unmet.push(`${section.otherTexts} answers and labels were refused: their id stands for another text`);
  words(section);
  $("unmet").textContent = unmet.join("; ");
  show("unmet", unmet.length > 0);
  show("calibration-empty", section.n === 0);
  show("calibration-some", section.n > 0);
  if (section.n === 0) return;
  $("calibration-age").replaceChildren(...section.newest ? ["Newest answer with a label ", ago(section.newest), "."] : []);
  const { same, sections } = methods(section);
  $("same").textContent = same;
  diagrams(sections, compared?.total ? { name: compared.name, sections: methods(compared.total).sections } : null);
  curves(section, sections, compared, axis);
}

// The three on the same questions, or what there is.
function methods(section) {
  if (section.same) {
    return { sections: section.same,
      same: `All three of the same ${section.same.map.n} answers, those that have a temperature; of all ${section.n} with a label, as served: `
        + `right ${percent(section.calibrated.accuracy)}, ECE ${number(section.calibrated.ece)}, NLL ${number(section.calibrated.nll)} nats.` };
  }
  const partial = section.temperatureN > 0 && section.temperatureN < section.n
    ? `Temperature is known for ${section.temperatureN} of these ${section.n} answers, so it is not compared.`
    : `All of the same ${section.n} answers with a label.`;
  return { same: partial, sections: section };
}

let diagramsKey = "";

function diagrams(sections, other) {
  const key = JSON.stringify([METHODS.map(([each]) => [sections[each], other?.sections[each]]), other?.name]);
  if (key === diagramsKey) return;
  diagramsKey = key;
  const focused = $("diagrams").contains(document.activeElement) ? document.activeElement : null;
  $("diagrams").replaceChildren(...METHODS.filter(([each]) => sections[each]).map(([each, name]) =>
    reliability(each, name, sections[each], other?.sections[each] ? { name: other.name, method: other.sections[each] } : null)));
  const again = focused?.matches(".reader") && [...$("diagrams").querySelectorAll(".reader")]
    .find(each => each.getAttribute("aria-label") === focused.getAttribute("aria-label"));
  if (again) {
    again.value = focused.value;
    again.focus({ preventScroll: true });
  }
}

function curves(section, sections, compared, axis) {
  const series = section.series;
  const other = compared?.series;
  say("not-laid-over", other && other.windows !== series.windows
    ? `${compared.name} is not laid over these two: it has labels ${other.windows ? "of several hours" : "of one hour"}, this one ${series.windows ? "of several" : "of one"}.` : "");
  const [counted, chosen] = series.windows
    ? [{ time: true, label: "by the hour of the answer", each: "" }, "count"] : [{ label: "answers with a label", each: "answers", whole: true }, axis];
  for (const [id, suffix, figure, unit] of [["ece", "Ece", "ece", ""], ["nll", "Nll", "nll", "nats"]]) {
    const tables = [{ count: series.at, time: series.time, lines: METHODS.map(([key, name]) => ({ label: name, color: key, values: series[key + suffix] }))
      .filter(line => line.values.some(value => value !== null)) }];
    if (other && other.windows === series.windows) {
      tables.push({ count: other.at, time: other.time,
        lines: [{ label: `${compared.name}, served`, color: OTHER, dash: true, values: other["calibrated" + suffix] }] });
    }
    overlay($(id), METHODS.filter(([key]) => sections[key]).map(([key, name]) => `${name} ${number(sections[key][figure])}`).join(", "), tables, chosen, counted, { unit });
    $(id).querySelector("b").textContent = `served ${number(sections.calibrated[figure])}${unit ? " " + unit : ""}`;
  }
}

// What serves and why, how often it is right, and the alarms that are on.
function words(section) {
  say("alarm", section.alarms.join(" "));
  show("alarm", section.alarms.length > 0);
  $("says").replaceChildren(...section.says.map(sentence => element("li", {}, sentence)));
  const hours = section.accuracy?.at.length ?? 0;
  show("accuracy", hours > 0);
  if (hours === 0) say("accuracy-holds", "");
  if (hours === 0) return;
  const { at, expected, holds, unfamiliar, byLabels, realised } = section.accuracy;
  const without = holds.filter(each => !each).length;
  const last = percent(expected[hours - 1]);
  const untrue = holds[hours - 1] ? "" : ", which does not hold";
  $("accuracy").querySelector("b").textContent = `${last} expected${untrue}`;
  say("accuracy-holds", without === 0 ? ""
    : `What is expected without labels does not hold in ${without} of ${counted(hours, "hour")}: too many of their questions are unfamiliar.`);
  lines($("accuracy"), `Share of right answers by the hour: ${last} expected in the last one${untrue}`, at, [
    { label: "expected without labels", values: expected.map((each, i) => holds[i] ? each : null), color: "calibrated", gaps: without > 0 },
    { label: "expected, does not hold", values: expected.map((each, i) => holds[i] ? null : each), color: "bad", marks: true,
      told: i => `expected without labels ${percent(expected[i])}, which does not hold: ${percent(unfamiliar[i])} of its questions are unfamiliar` },
    { label: "by some labels", values: byLabels, color: "calibrated", dash: true },
    { label: "realised", values: realised, color: "plain" },
  ].filter(line => line.values.some(value => value !== null)), { axis: { time: true, label: "by the hour of the answer", each: "" }, unit: "%" });
}

export function deadLetters(section) {
  const counts = Object.entries(section.counts);
  show("letters-empty", counts.length === 0);
  show("letters", counts.length > 0);
  $("letters-count").textContent = counts.map(([topic, count]) => `${grouped(count)} on ${topic}`).join(", ")
    + (section.letters.length ? `; the newest ${section.letters.length}:` : "");
  keepRows($("letters").tBodies[0], section.letters.map(letter => {
    const key = `${letter.topic}:${letter.partition}:${letter.offset}`;
    return { key, make: () => row(ago(letter.time), letter.origin || letter.topic, opener({ letter: key }, letter.key || "no key"),
      letter.reason || "no reason given") };
  }));
}
