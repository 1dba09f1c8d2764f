// The table of runs, checkpoints and fits: searched, sorted, and the chosen one always in sight.

import { $, ago, counted, duration, element, exact, now, say, show, time } from "./dom.js";
import { address, addressOf, adjust, choice } from "./choice.js";

const STATES = { LIVE: "folding", COMPLETE: "complete", PARTIAL: "partial" };
const PHASES = { FINE_TUNING: "fine-tuning", CURVATURE: "curvature pass", DONE: "trained" };

// Name in the address, title, and what it is sorted by.
const COLUMNS = [
  ["run", "Run", row => row.run.run], ["checkpoint", "Checkpoint", row => row.fit?.checkpoint ?? ""], ["fit", "Fit", row => row.fit?.fit ?? ""],
  ["state", "State", row => state(row)], ["batches", "Batches", row => row.fit?.batches ?? -1], ["version", "Version", row => row.fit?.version ?? -1],
  ["served", "Served", row => row.fit ? served(row.fit) : ""], ["started", "Started", row => row.run.started ?? 0],
  ["trained", "Trained for", row => trained(row.run) ?? -1], ["updated", "Updated", row => updated(row)],
];
const NUMBERS = ["batches", "version", "started", "trained", "updated"];
const NEWEST_FIRST = "-updated";
const SERVED = { EVIDENCE: "prior: evidence only", LABEL_FREE: "label-free", MAP: "MAP, not calibrated", AVERAGED: "averaged",
  TEMPERATURE: "temperature", TEMPERATURE_VARIANCE: "temperature and variance" };
const BY_LABELS = ["AVERAGED", "TEMPERATURE", "TEMPERATURE_VARIANCE"];

let shown = "";

export function phase(run) {
  return PHASES[run.phase] ?? "no fit yet";
}

export const servedName = calibration => SERVED[calibration] ?? "–";

export function served({ calibration, labels }) {
  return servedName(calibration) + (BY_LABELS.includes(calibration) ? `, ${counted(labels, "label")}` : "");
}

function state(row) {
  if (row.fit) return STATES[row.fit.state] ?? "no posterior";
  return phase(row.run) + (row.run.silent ? ", silent" : "");
}

function updated(row) {
  return row.fit?.updated ?? row.run.heard ?? 0;
}

// From the trainer's first word to its last, or till now while it is at work; milliseconds.
function trained(run) {
  if (!run.phase || !run.started) return null;
  return (run.phase === "DONE" || run.silent ? run.heard : Math.max(run.heard, now())) - run.started;
}

// Without the year where it is this one.
function day(millis) {
  const date = new Date(millis);
  const year = date.getFullYear() === new Date(now()).getFullYear() ? {} : { year: "numeric" };
  return date.toLocaleString(undefined, { ...year, month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
}

const keyOf = row => row.fit ? [row.run.run, row.fit.checkpoint, row.fit.fit].join("/") : row.run.run;

function isChosen(row, status) {
  return Boolean(status) && row.run.run === status.run
    && (!row.fit || (row.fit.checkpoint === status.checkpoint && row.fit.fit === status.fit));
}

export function drawRuns(overview, status) {
  show("runs-empty", overview.runs.length === 0);
  show("runs-some", overview.runs.length > 0);
  const rows = overview.runs.flatMap(run => run.fits.length ? run.fits.map(fit => ({ run, fit })) : [{ run, fit: null }]);
  const wanted = $("runs-search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter(row => {
    const text = [row.run.run, row.run.model, row.fit?.checkpoint, row.fit?.fit, state(row), row.fit && served(row.fit)].join(" ").toLowerCase();
    return isChosen(row, status) || wanted.every(word => text.includes(word));
  });
  const { column, down } = sorting();
  mark(column, down);
  const by = COLUMNS[column][2];
  found.sort((a, b) => compared(by(a), by(b)) * (down ? -1 : 1) || compared(keyOf(a), keyOf(b)));
  say("runs-count", found.length < rows.length ? `${found.length} of ${rows.length} rows; the chosen one always stays` : counted(rows.length, "row"));
  $("runs-more").textContent = overview.fitsLeftOut ? `and ${counted(overview.fitsLeftOut, "fit")} that changed earlier` : "";
  const key = JSON.stringify([found, status?.run, status?.checkpoint, status?.fit, choice()]);
  if (key === shown) return;
  shown = key;
  const focused = document.activeElement?.dataset?.key;
  $("runs").tBodies[0].replaceChildren(...found.map(row => line(row, status)));
  if (focused) $("runs").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

// Down with a minus before the name of the column.
function sorting() {
  const wanted = choice().sort ?? NEWEST_FIRST;
  const column = COLUMNS.findIndex(([name]) => name === wanted.replace(/^-/, ""));
  return column < 0 ? { column: COLUMNS.length - 1, down: true } : { column, down: wanted.startsWith("-") };
}

function compared(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}

function line(row, status) {
  const { run, fit } = row;
  const key = keyOf(row);
  const chosen = isChosen(row, status);
  const link = element("a", { href: addressOf({ run: run.run, checkpoint: fit?.checkpoint, fit: fit?.fit }), "data-key": "open " + key }, run.run);
  const millis = trained(run);
  const going = millis !== null && run.phase !== "DONE" && !run.silent;
  const cells = [
    element("span", {}, link, element("span", { class: "small" }, run.model ? " " + run.model : "")),
    fit?.checkpoint ?? "–", fit?.fit ?? "–", state(row),
    fit ? `${fit.batches} of ${fit.batchesExpected ?? "?"}` : "–", exact(fit?.version), fit ? served(fit) : "–",
    run.started ? element("time", { datetime: new Date(run.started).toISOString(), title: time(run.started) }, day(run.started)) : "–",
    millis === null ? "–" : going ? ago(run.started, { after: "" }) : duration(millis),
    ago(updated(row)),
    overlay(key, chosen),
  ];
  return element("tr", chosen ? { "aria-current": "true" } : {}, ...cells.map(cell => element("td", {}, cell)));
}

function overlay(key, chosen) {
  if (chosen) return element("span", { class: "small" }, "shown");
  const on = choice().with === key;
  return element("a", { href: address({ with: on ? null : key }), "data-key": "over " + key,
    "aria-label": on ? `take ${key} off the charts` : `lay ${key} over the charts` }, on ? "take off" : "lay over");
}

export function setUpRuns() {
  const head = $("runs").tHead.rows[0];
  for (const [name, title] of COLUMNS) {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => {
      const { column, down } = sorting();
      // Numbers and times begin with the largest, texts with A.
      const next = COLUMNS[column][0] === name ? !down : NUMBERS.includes(name);
      const sort = (next ? "-" : "") + name;
      adjust({ sort: sort === NEWEST_FIRST ? null : sort });
    });
    head.append(element("th", { scope: "col" }, button));
  }
  head.append(element("th", { scope: "col" }, "Overlay"));
  $("runs-search").addEventListener("input", () => adjust({ search: $("runs-search").value || null }));
}

function mark(column, down) {
  const cells = $("runs").tHead.rows[0].cells;
  COLUMNS.forEach((_, i) => cells[i].setAttribute("aria-sort", i !== column ? "none" : down ? "descending" : "ascending"));
}
