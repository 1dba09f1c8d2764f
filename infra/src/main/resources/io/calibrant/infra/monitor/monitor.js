// A page is what the server sends of the topics, section by section; it keeps nothing but what was chosen, in its address.

import { $, age, element, facts, number, percent, row, show } from "./dom.js";
import { lines } from "./charts.js";
import { heat, onChoice, spectrum } from "./blocks.js";
import { answers, calibration, deadLetters } from "./answers.js";

let events = null;
let status = null;
let overview = { runs: [], fitsLeftOut: 0 };
let fit = {};
let training = {};

function wanted() {
  return new URLSearchParams(location.hash.slice(1));
}

function choose(choice) {
  location.hash = new URLSearchParams(choice).toString();
}

function connect() {
  events?.close();
  events = new EventSource("events?" + wanted());
  const on = (name, draw) => events.addEventListener(name, event => draw(JSON.parse(event.data)));
  on("status", section => { status = section; drawStatus(); drawRuns(); });
  on("overview", section => { overview = section; drawRuns(); drawFigures(); });
  on("training", section => { training = section; drawFigures(); drawLoss(); });
  on("fit", section => { fit = section; drawFigures(); drawFit(); });
  on("block", spectrum);
  on("answers", answers);
  on("calibration", calibration);
  on("deadletters", deadLetters);
  events.onerror = () => {
    $("connection").className = "lost";
    $("connection").textContent = "the monitor does not answer; trying again";
  };
}

function drawStatus() {
  const state = status.problem ? ["lost", "not live"] : status.reading ? ["", "reading the topics …"] : ["live", "live"];
  $("connection").className = state[0];
  $("connection").textContent = state[1];
  const problems = [];
  if (status.problem) problems.push(status.problem + ". What is shown is what was read before; it goes on by itself.");
  if (status.missing.length && !status.problem) problems.push("Topics missing: " + status.missing.join(", ") + ". 'calibrant topics --apply' creates them.");
  if (status.unknown) problems.push(status.unknown);
  if (status.unreadable) problems.push(`${status.unreadable} records cannot be read; the last: ${status.unreadableLast}`);
  $("problem").textContent = problems.join(" ");
  show("problem", problems.length > 0);
  $("title").textContent = status.run ? [status.run, status.checkpoint, status.fit].filter(Boolean).join(" / ") : "monitor";
  document.title = (status.run ? status.run + " – " : "") + "Calibrant monitor";
}

function drawRuns() {
  show("runs-empty", overview.runs.length === 0);
  show("runs", overview.runs.length > 0);
  const focused = document.activeElement?.dataset?.key;
  const rows = overview.runs.flatMap(run => run.fits.length ? run.fits.map(each => fitRow(run, each)) : [fitRow(run, null)]);
  $("runs").tBodies[0].replaceChildren(...rows);
  if (focused) $("runs").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  $("runs-more").textContent = overview.fitsLeftOut ? `and ${overview.fitsLeftOut} fits that changed earlier` : "";
}

function fitRow(run, each) {
  const choice = each ? { run: run.run, checkpoint: each.checkpoint, fit: each.fit } : { run: run.run };
  const button = element("button", { type: "button", "data-key": Object.values(choice).join("/") }, run.run);
  button.addEventListener("click", () => choose(choice));
  const what = each ? [each.checkpoint, each.fit, each.state ?? "no posterior", `${each.batches} of ${each.batchesExpected ?? "?"}`,
    number(each.version), served(each)] : ["–", "–", phase(run) + (run.silent ? ", silent" : ""), "–", "–", "–"];
  const line = row(element("span", {}, button, element("span", { class: "small" }, run.model ? " " + run.model : "")), ...what);
  const current = status && run.run === status.run && (!each || (each.checkpoint === status.checkpoint && each.fit === status.fit));
  if (current) line.setAttribute("aria-current", "true");
  return line;
}

function served(posterior) {
  const labels = `${posterior.labels} labels`;
  return { EVIDENCE: "prior: evidence only", LABEL_FREE: "label-free", MAP: "MAP, not calibrated", AVERAGED: `averaged, ${labels}`,
    TEMPERATURE: `temperature, ${labels}`, TEMPERATURE_VARIANCE: `temperature and variance, ${labels}` }[posterior.calibration] ?? "–";
}

function phase(run) {
  return { FINE_TUNING: "fine-tuning", CURVATURE: "curvature pass", DONE: "trained" }[run.phase] ?? "no fit yet";
}

function trainer(run) {
  if (!run.phase) return "–";
  const at = `${phase(run)}, ${run.step} of ${run.steps}`;
  if (run.phase === "DONE") return `${at}, ${age(run.heard)} ago`;
  return run.silent ? element("span", { class: "silent" }, `silent for ${age(run.heard)}: ${at}`) : `${at}, last heard ${age(run.heard)} ago`;
}

function drawFigures() {
  const run = overview.runs.find(each => each.run === (fit.run ?? status?.run)) ?? {};
  const last = values => values?.length ? values[values.length - 1] : null;
  const lambda = fit.lambdaMax === fit.lambdaMin ? number(fit.lambdaMin) : `${number(fit.lambdaMin)} to ${number(fit.lambdaMax)}`;
  facts($("figures"), [
    ["Trainer", trainer(run)],
    ["Loss", number(last(training.loss))], ["Learning rate", number(last(training.learningRate))],
    ["Coverage", fit.blocks ? `${fit.batches} of ${fit.batchesExpected ?? "?"} batches` : "–"],
    ["Lag", typeof fit.lagSeconds === "number" ? fit.lagSeconds.toFixed(1) + " s" : "–"],
    ["Lambda", lambda], ["Log evidence", number(fit.logEvidence)],
    ["Effective parameters", `${number(fit.effectiveParameters)} of ${number(fit.parameters)}`],
    ["Captured energy", percent(fit.capturedEnergy)], ["Served", served(fit)],
  ]);
}

function drawLoss() {
  $("loss").querySelector("b").textContent = training.loss.length ? number(training.loss[training.loss.length - 1]) : "";
  lines($("loss"), "Training loss over steps", training.step, [{ label: "loss", values: training.loss, color: "map" }]);
}

function drawFit() {
  const series = fit.series ?? { batches: [], lambdaMin: [], lambdaMax: [], logEvidence: [], effectiveParameters: [] };
  const several = series.lambdaMin.some((value, i) => value !== series.lambdaMax[i]);
  draw("lambda", number(fit.lambdaMax), several
    ? [{ label: "smallest", values: series.lambdaMin, color: "temperature" }, { label: "largest", values: series.lambdaMax, color: "calibrated" }]
    : [{ label: "lambda", values: series.lambdaMax, color: "calibrated" }], { log: true });
  draw("evidence", number(fit.logEvidence), [{ label: "log evidence", values: series.logEvidence, color: "calibrated" }]);
  draw("effective", number(fit.effectiveParameters), [{ label: "effective parameters", values: series.effectiveParameters, color: "calibrated" }]);
  $("thinned").textContent = series.stretch > 1 ? `One of every ${series.stretch} batches is kept.` : "";
  heat(fit);

  function draw(id, now, values, options) {
    $(id).querySelector("b").textContent = now;
    lines($(id), `${$(id).querySelector("figcaption").firstChild.data.trim()}: now ${now}, over batches`, series.batches, values, options);
  }
}

onChoice(block => choose({ ...choiceNow(), block }));

function choiceNow() {
  return Object.fromEntries(["run", "checkpoint", "fit"].filter(key => status?.[key]).map(key => [key, status[key]]));
}

addEventListener("hashchange", connect);
setInterval(drawFigures, 1000); // ages
connect();
