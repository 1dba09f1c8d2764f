// A page is what the server sends of the topics, section by section; it keeps nothing but what was chosen, in its address.

import { $, ago, counted, element, exact, facts, grouped, now, number, percent, say, scrolls, setClock, show, unit } from "./dom.js";
import { OTHER, overlay } from "./charts.js";
import { address, adjust, choice, choose, fed } from "./choice.js";
import { heat, spectrum } from "./blocks.js";
import { answers, calibration, deadLetters, refreshLinks } from "./answers.js";
import { drawOpened, setUpOpened } from "./opened.js";
import { drawRuns, phase, served, setUpRuns } from "./runs.js";
import { smoothed } from "./series.js";
import { connect, follow } from "./stream.js";

const BATCHES = { label: "batches folded", each: "batch", whole: true };
const STEPS = { label: "steps", each: "step", whole: true };

let followed = null;
let status = null;
let silentSince = null; // when the monitor was first found away
let overview = { runs: [], fitsLeftOut: 0 };
let fit = {};
let training = {};
let compared = {};
let block = {};
let known = null; // of calibration

const axis = () => choice().axis === "time" ? "time" : "count";

function followStream() {
  followed = fed();
  follow(new URL("events?" + followed, document.baseURI), {
    clock: setClock,
    status: section => { status = section; drawConnection(); drawStatus(); drawRuns(overview, status); },
    overview: section => { overview = section; drawRuns(overview, status); drawFigures(); },
    compared: section => { compared = section; drawCompared(); drawCharts(); },
    training: section => { training = section; drawFigures(); drawLoss(); },
    fit: section => { fit = section; drawFigures(); drawFit(); heat(fit); },
    block: section => { block = section; drawSpectrum(); },
    answers,
    calibration: section => { known = section; drawCalibration(); },
    deadletters: deadLetters,
  }, { lost: drawLost, crowded: drawCrowded });
}

function drawLost(silent) {
  if (silentSince) return;
  silentSince = now() - silent;
  $("connection").className = "lost";
  $("connection").replaceChildren("the monitor does not answer, trying again; away ",
    element("span", { "aria-live": "off" }, ago(silentSince, { before: "for ", after: "" })));
}

function drawCrowded(most) {
  const here = element("button", { type: "button" }, "go on here");
  here.addEventListener("click", connect);
  $("connection").className = "lost";
  $("connection").replaceChildren(`not live: more than ${most} pages are open `, here);
}

function drawConnection() {
  silentSince = null;
  const state = status.problem ? ["lost", "not live"] : status.reading ? ["", "reading the topics …"] : ["live", "live"];
  $("connection").className = state[0];
  say("connection", state[1]);
}

function drawStatus() {
  const problems = [];
  if (status.problem) problems.push(status.problem + ". What is shown is what was read before; it goes on by itself.");
  if (status.missing.length && !status.problem) problems.push("Topics missing: " + status.missing.join(", ") + ". 'calibrant topics --apply' creates them.");
  if (status.unknown) problems.push(status.unknown);
  if (status.unreadable) problems.push(`${counted(status.unreadable, "record")} cannot be read; the last: ${status.unreadableLast}`);
  say("problem-said", problems.join(" "));
  // Goes on by itself, so it is not read aloud.
  $("away").replaceChildren(...status.away ? [" Away ", ago(status.away, { before: "for ", after: "" }), "."] : []);
  show("problem", problems.length > 0);
  $("title").textContent = status.run ? [status.run, status.checkpoint, status.fit].filter(Boolean).join(" / ") : "monitor";
  const { run, checkpoint, fit: name } = status;
  $("link").href = address({ run, checkpoint, fit: name });
  show("link", Boolean(run));
  document.title = (status.run ? status.run + " – " : "") + "Calibrant monitor";
}

function trainer(run) {
  if (!run.phase) return "–";
  const at = `${phase(run)}, ${run.step} of ${run.steps}`;
  if (run.phase === "DONE") return element("span", {}, at, ", ", ago(run.heard));
  return run.silent ? element("span", { class: "silent" }, ago(run.heard, { before: "silent for ", after: "" }), ": " + at)
    : element("span", {}, at, ", last heard ", ago(run.heard));
}

function drawFigures() {
  const run = overview.runs.find(each => each.run === (fit.run ?? status?.run)) ?? {};
  const last = values => values?.length ? values[values.length - 1] : null;
  const lambda = fit.lambdaMax === fit.lambdaMin ? number(fit.lambdaMin) : `${number(fit.lambdaMin)} to ${number(fit.lambdaMax)}`;
  facts($("figures"), [
    ["Trainer", trainer(run)], ["Posterior", fit.changed ? element("span", {}, `version ${exact(fit.version)}, `, ago(fit.changed)) : "–"],
    ["Served", served(fit)], ["Coverage", fit.blocks ? `${fit.batches} of ${fit.batchesExpected ?? "?"} batches` : "–"],
    ["Lag", typeof fit.lagSeconds === "number" ? fit.lagSeconds.toFixed(1) + " s" : "–"],
    ["Loss", unit(last(training.loss), "nats")], ["Learning rate", number(last(training.learningRate))],
    ["Lambda", lambda], ["Log evidence", unit(fit.logEvidence, "nats")],
    ["Effective parameters", fit.parameters ? `${number(fit.effectiveParameters)} of ${grouped(fit.parameters)}` : "–"],
    ["Captured energy", percent(fit.capturedEnergy)],
  ]);
}

function drawCompared() {
  show("compared", Boolean(compared.name || compared.unknown));
  $("compared-name").textContent = compared.unknown || compared.name || "";
  $("compared-off").href = address({ with: null });
}

function drawLoss() {
  if (!training.loss) return;
  const weight = Number($("smooth").value);
  const tables = [{ count: training.step, time: training.time, lines: weight
    ? [{ label: "each step", color: "plain", faint: true, values: training.loss }, { label: "smoothed", color: "plain", values: smoothed(training.loss, weight) }]
    : [{ label: "loss", color: "plain", values: training.loss }] }];
  const other = compared.training;
  if (other?.loss.length) tables.push({ count: other.step, time: other.time, lines: [laidOver(smoothed(other.loss, weight))] });
  const now = training.loss.length ? unit(training.loss[training.loss.length - 1], "nats") : "";
  $("loss").querySelector("b").textContent = now;
  overlay($("loss"), `Training loss: now ${now}`, tables, axis(), STEPS, { unit: "nats" });
}

const laidOver = values => ({ label: compared.name, color: OTHER, dash: true, values });

function drawFit() {
  const series = fit.series ?? { batches: [], time: [], lambdaMin: [], lambdaMax: [], logEvidence: [], effectiveParameters: [] };
  const several = series.lambdaMin.some((value, i) => value !== series.lambdaMax[i]);
  draw("lambda", number(fit.lambdaMax), "", several ? [["lambdaMin", "smallest"], ["lambdaMax", "largest"]] : [["lambdaMax", "lambda"]], { log: true });
  draw("evidence", unit(fit.logEvidence, "nats"), "nats", [["logEvidence", "log evidence"]], {});
  draw("effective", number(fit.effectiveParameters), "", [["effectiveParameters", "effective parameters"]], {});
  $("thinned").textContent = series.stretch > 1 ? `One of every ${series.stretch} batches is kept.` : "";

  function draw(id, now, unitOf, columns, options) {
    $(id).querySelector("b").textContent = now;
    const tables = [{ count: series.batches, time: series.time,
      lines: columns.map(([key, label], i) => ({ label, color: "plain", width: i + 1.5, values: series[key] })) }];
    const other = compared.series;
    if (other) tables.push({ count: other.batches, time: other.time, lines: [laidOver(other[columns[columns.length - 1][0]])] });
    overlay($(id), `${$(id).querySelector("figcaption").firstChild.data.trim()}: now ${now}`, tables, axis(), BATCHES, { ...options, unit: unitOf });
  }
}

function drawSpectrum() {
  spectrum(block, compared.series ? { name: compared.name, block: compared.block } : null, axis());
}

function drawCalibration() {
  if (known) calibration(known, compared.calibration ? { name: compared.name, ...compared.calibration } : null, axis());
}

function drawCharts() {
  drawLoss();
  drawFit();
  drawSpectrum();
  drawCalibration();
}

function controls() {
  const { smooth, axis: along, search } = choice();
  $("smooth").value = smooth ?? "0";
  sayWeight();
  $("axis-time").checked = along === "time";
  $("axis-count").checked = along !== "time";
  $("runs-search").value = search ?? "";
}

function sayWeight() {
  const weight = Number($("smooth").value);
  $("smooth-now").textContent = weight ? weight.toFixed(2) : "off";
}

// What stands in the address stands in every link, too.
function drawLinks() {
  drawRuns(overview, status);
  drawCompared();
  refreshLinks();
  if (status) drawStatus();
}

$("smooth").addEventListener("input", () => {
  sayWeight();
  adjust({ smooth: Number($("smooth").value) ? $("smooth").value : null });
  drawLoss();
});
for (const id of ["axis-time", "axis-count"]) {
  $(id).addEventListener("change", () => choose({ axis: $("axis-time").checked ? "time" : null }));
}
addEventListener("adjusted", drawLinks);
addEventListener("hashchange", () => {
  controls();
  if (fed() !== followed) followStream(); else drawCharts();
  drawLinks();
  drawOpened();
});
setUpRuns();
setUpOpened();
document.querySelectorAll(".scroll").forEach(scrolls);
controls();
followStream();
drawOpened();
