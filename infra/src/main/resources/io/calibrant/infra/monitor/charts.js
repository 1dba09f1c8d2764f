import uPlot from "./uplot.js";
import { element, exact, number, percent, svg, time } from "./dom.js";
import { nearest, onAxis } from "./series.js";
import { setZoom, zoomOf } from "./choice.js";
import { hideTip, showTip, slider } from "./readout.js";

const HEIGHT = 196;
const MOST_VALUES = 7; // in a tooltip
export const OTHER = "other"; // the color of what is laid over
const WIDE = 8; // values that lie further apart have a logarithmic scale, where it is wanted
const WHOLE = Array.from({ length: 30 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));
// Steps of at least so many seconds; a text for each tick, and one below it where a new year, day or minute begins.
const TIMES = [[31_536_000, "{YYYY}"], [2_419_200, "{MMM}", "{YYYY}"], [86_400, "{D} {MMM}", "{YYYY}"],
  [60, "{HH}:{mm}", "{D} {MMM} {YYYY}", "{D} {MMM}"], [1, ":{ss}", "{D} {MMM} {YYYY} {HH}:{mm}", "{D} {MMM} {HH}:{mm}", "{HH}:{mm}"],
  [0.001, ":{ss}.{fff}", "{D} {MMM} {YYYY} {HH}:{mm}", "{D} {MMM} {HH}:{mm}", "{HH}:{mm}"]]
  .map(([step, tick, ...below]) => [step, tick, ...[0, 1, 2].flatMap(i => [below[i] ? "\n" + below[i] : null, null]), 1]);
const charts = new Map();

const variable = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// A color of the style sheet; "ramp 0.3" is three tenths of the way from --ramp-from to --ramp-to.
function color(name) {
  if (!name.startsWith("ramp ")) return variable(name);
  const part = Number(name.slice(5));
  const [from, to] = ["ramp-from", "ramp-to"].map(each => parseInt(variable(each).slice(1), 16));
  const channel = shift => Math.round(((from >> shift) & 255) * (1 - part) + ((to >> shift) & 255) * part);
  return `rgb(${channel(16)} ${channel(8)} ${channel(0)})`;
}

// A chart of lines in a figure. Lines are {label, values, color, dash, faint, width, gaps, marks, told}: with gaps nothing
// is drawn or read where there is no value; marks are points without a line; told(i) is what is read of the i-th value.
// The axis is {label, each, time}: its title, and what one unit of it is; whole where there are no parts of one. uPlot
// draws. Unit "%" is of shares. Drag to zoom, double click for the whole; from the keyboard + - and 0.
export function lines(figure, summary, x, series, { log = false, unit = "", axis = { label: "", each: "" }, legend = true } = {}) {
  const before = charts.get(figure);
  const logarithmic = log && apart(series);
  const key = JSON.stringify([series.map(each => [each.label, each.color, each.dash]), logarithmic, unit, axis, legend, x.length < 3]);
  if (!x.some((_, i) => series.some(each => each.values[i] !== null))) {
    forget(figure);
    if (!figure.querySelector(".none")) figure.append(element("div", { class: "none" }, "nothing yet"));
    return;
  }
  figure.querySelector(".none")?.remove();
  const data = [x, ...series.map(each => logarithmic ? each.values.map(value => value > 0 ? value : null) : each.values)];
  const again = () => lines(figure, summary, x, series, { log, unit, axis, legend });
  const range = zoomOf(figure.id, kind(axis));
  if (before?.key === key) {
    Object.assign(before, { again, series, data });
    before.whole.hidden = !range;
    before.holder.setAttribute("aria-label", summary);
    const atEnd = before.reader.value === before.reader.max;
    before.reader.max = String(x.length - 1);
    if (atEnd) before.reader.value = before.reader.max;
    before.plot.batch(() => {
      before.plot.setData(data);
      if (range) before.plot.setScale("x", range);
    });
    return;
  }
  const focused = before?.reader === document.activeElement;
  forget(figure);
  const title = figure.querySelector("figcaption").firstChild.textContent.trim();
  const chart = { key, series, data, unit, axis, again };
  chart.holder = element("div", { role: "img", "aria-label": summary });
  chart.reader = slider(title, x.length, place => pointed(chart, place), {
    leave: () => chart.plot.setCursor({ left: -10, top: -10 }),
    keys: (event, place) => zoomByKey(figure, chart, event.key, place),
  });
  chart.whole = element("button", { type: "button", class: "whole" }, "whole range");
  chart.whole.hidden = !range;
  chart.whole.addEventListener("click", () => { zoom(figure, chart, null); chart.reader.focus({ preventScroll: true }); });
  chart.frame = element("div", { class: "plot" }, chart.holder, chart.reader, chart.whole);
  if (legend && series.length > 1) chart.frame.append(keys(series));
  figure.append(chart.frame);
  chart.plot = new uPlot(options(figure, chart, logarithmic), data, chart.holder);
  charts.set(figure, chart);
  drawnAcross(figure, chart);
  if (range) chart.plot.setScale("x", range);
  if (focused) {
    chart.reader.value = before.reader.value;
    chart.reader.focus({ preventScroll: true });
  }
}

function apart(series) {
  let [least, most] = [Infinity, 0];
  for (const value of series.flatMap(each => each.values)) {
    if (value > 0) [least, most] = [Math.min(least, value), Math.max(most, value)];
  }
  return most >= WIDE * least;
}

// What an axis counts, in a word.
const kind = axis => axis.time ? "time" : axis.each || "count";

// Lines of several tables {count, time, lines} over one axis; options as above.
export function overlay(figure, summary, tables, axis, counted, options = {}) {
  const on = onAxis(tables.map(table => ({ ...table, columns: table.lines.map(line => line.values) })), axis, counted);
  const drawn = tables.flatMap(table => table.lines);
  lines(figure, summary, on.x, drawn.map((line, i) => ({ ...line, values: on.columns[i] })), { ...options, axis: on.axis });
}

function options(figure, chart, logarithmic) {
  const font = "11px system-ui, sans-serif";
  const axis = {
    stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 },
    font, labelFont: font,
  };
  const few = chart.data[0].length < 3;
  return {
    width: width(figure), height: HEIGHT, legend: { show: false },
    cursor: {
      drag: { x: true, y: false, setScale: false }, points: { size: 7 }, y: false,
      bind: { dblclick: () => () => zoom(figure, chart, null) },
    },
    hooks: {
      setCursor: [plot => followed(chart, plot)],
      setSelect: [() => zoomToSelected(figure, chart)],
    },
    scales: { x: { time: Boolean(chart.axis.time), range: (_, min, max) => chart.data[0].length === 1 ? around(chart) : [min, max] },
      y: { distr: logarithmic ? 3 : 1 } },
    axes: [
      { ...axis, size: chart.axis.time ? 44 : 28, label: titled(chart.axis), labelSize: 16, labelGap: 0,
        ...chart.axis.time ? { values: TIMES } : chart.axis.whole ? { incrs: WHOLE } : {} },
      { ...axis, size: 58, values: (_, ticks) => ticks.map(tick => tick === null ? "" : chart.unit === "%" ? short(100 * tick) + "%" : short(tick)) },
    ],
    series: [{}, ...chart.series.map(each => ({
      label: each.label, stroke: color(each.color), width: each.width ?? (each.faint ? 1 : 2), dash: each.dash ? [6, 4] : undefined,
      alpha: each.faint ? 0.35 : 1, spanGaps: !each.gaps, points: { show: few || each.gaps || each.marks ? true : undefined, ...each.marks ? { size: 9, fill: color(each.color) } : {} },
      ...each.marks ? { paths: () => null } : {},
    }))],
  };
}

// Hours are those of the browser's zone, so a time axis says which it is.
function titled(axis) {
  const zone = axis.time ? Intl.DateTimeFormat().resolvedOptions().timeZone : "";
  return [axis.label, zone].filter(Boolean).join(", ") || undefined;
}

function keys(series) {
  return element("p", { class: "small keys" }, ...series.map(each =>
    element("span", { class: `key${each.marks ? "" : " line"} ${each.color}${each.dash ? " dash" : ""}${each.faint ? " faint" : ""}` }, each.label)));
}

// A place alone: half an hour or half a unit to each side of it.
function around(chart) {
  const [x] = chart.data[0];
  const half = chart.axis.time ? 1800 : 0.5;
  return [x - half, x + half];
}

function short(tick) {
  const size = Math.abs(tick);
  return size !== 0 && (size >= 1e5 || size < 1e-3) ? tick.toExponential(0) : String(Number(tick.toPrecision(6)));
}

function heading(axis, x) {
  if (axis.time) return time(1000 * x);
  const place = axis.whole ? exact(x) : number(x);
  return axis.each.endsWith("s") ? `${place} ${axis.each}` : `${axis.each} ${place}`;
}

function worded(value, unit) {
  return unit === "%" ? percent(value) : number(value) + (unit ? " " + unit : "");
}

// What stands at a place of the axis: of every line its value there, or the nearest one between its ends, and where.
function read(chart, place) {
  const [x, ...columns] = chart.data;
  const values = columns.map((column, i) => {
    const { label, color, gaps, marks, told } = chart.series[i];
    const at = gaps || marks ? (column[place] === null ? -1 : place) : nearest(x, column, place);
    return at < 0 ? null : { color: color.split(" ")[0],
      text: (told ? told(at) : `${label} ${worded(column[at], chart.unit)}`)
        + (x[at] === x[place] ? "" : `, at ${heading(chart.axis, x[at])}`) };
  }).filter(Boolean);
  const over = values.filter(each => each.color === OTHER);
  const own = values.filter(each => each.color !== OTHER);
  const most = over.length && own.length ? (MOST_VALUES + 1) / 2 : MOST_VALUES;
  return [heading(chart.axis, x[place]), ...cut(own, most), ...cut(over, most)];
}

const cut = (values, most) => values.length > most ? [...values.slice(0, most - 2), "…", values[values.length - 1]] : values;

function followed(chart, plot) {
  const { left, top, idx } = plot.cursor;
  if (left < 0 || idx === null || idx === undefined) {
    if (document.activeElement !== chart.reader) hideTip();
    return;
  }
  if (document.activeElement === chart.reader && !chart.holder.matches(":hover")) return;
  const box = plot.over.getBoundingClientRect();
  showTip(box.left + left, box.top + top, read(chart, idx));
}

// Puts the cursor at a place, for the keyboard.
function pointed(chart, place) {
  const at = Math.min(place, chart.data[0].length - 1);
  const left = chart.plot.valToPos(chart.data[0][at], "x");
  const box = chart.plot.over.getBoundingClientRect();
  chart.plot.setCursor({ left: Math.min(Math.max(0, left), box.width), top: box.height / 2 });
  return { x: box.left + left, y: box.top + box.height / 2, lines: read(chart, at) };
}

function zoom(figure, chart, range) {
  setZoom(figure.id, kind(chart.axis), range);
  chart.whole.hidden = !range;
  if (range) chart.plot.setScale("x", range);
  else chart.plot.setData(chart.data);
}

function zoomToSelected(figure, chart) {
  const { left, width: wide } = chart.plot.select;
  chart.plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (wide > 4) zoom(figure, chart, { min: chart.plot.posToVal(left, "x"), max: chart.plot.posToVal(left + wide, "x") });
}

// A finger that is drawn across a chart zooms, as the mouse does; up and down it scrolls the page (touch-action).
function drawnAcross(figure, chart) {
  const { plot } = chart;
  let from = null;
  const on = (name, act) => plot.over.addEventListener(name, event => {
    const box = plot.over.getBoundingClientRect();
    if (event.pointerType === "touch" && event.isPrimary) act(Math.min(Math.max(0, event.clientX - box.left), box.width), box);
  });
  on("pointerdown", at => { from = at; });
  on("pointermove", (at, box) => {
    if (from === null) return;
    plot.setCursor({ left: at, top: box.height / 2 });
    plot.setSelect({ left: Math.min(from, at), top: 0, width: Math.abs(at - from), height: box.height }, false);
  });
  on("pointerup", () => {
    if (from !== null) zoomToSelected(figure, chart);
    from = null;
  });
  on("pointercancel", () => {
    from = null;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  });
}

function zoomByKey(figure, chart, key, place) {
  const factor = { "+": 0.5, "=": 0.5, "-": 2 }[key];
  if (key === "0") {
    zoom(figure, chart, null);
    return true;
  }
  if (!factor) return false;
  const x = chart.data[0];
  const [first, last] = [x[0], x[x.length - 1]];
  const { min, max } = zoomOf(figure.id, kind(chart.axis)) ?? { min: first, max: last };
  const half = factor * (max - min) / 2;
  const middle = x[Math.min(place, x.length - 1)];
  const whole = 2 * half >= last - first;
  zoom(figure, chart, whole ? null : { min: Math.max(first, middle - half), max: Math.min(last, middle + half) });
  return true;
}

function forget(figure) {
  const chart = charts.get(figure);
  if (chart) {
    chart.plot.destroy();
    chart.frame.remove();
    charts.delete(figure);
  }
}

const width = figure => Math.max(200, Math.floor(figure.clientWidth));

new ResizeObserver(() => {
  for (const [figure, chart] of charts) {
    if (chart.plot.width !== width(figure)) chart.plot.setSize({ width: width(figure), height: HEIGHT });
  }
}).observe(document.body);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const [figure, chart] of [...charts]) {
    forget(figure);
    chart.again();
  }
});

// The frame of a square, in its own units.
export const LEFT = 30;
export const SIDE = 200;
export const TOP = 8;
export const level = (share, bottom) => bottom - (bottom - TOP) * share;

// A square from 0 to 1 both ways, drawn over with the given nodes.
export function square(label, height, x, y, ...nodes) {
  const grid = [];
  for (let i = 0; i <= 4; i++) {
    const [across, up] = [LEFT + SIDE * i / 4, level(i / 4, height)];
    grid.push(
      svg("line", { class: "grid", x1: across, x2: across, y1: TOP, y2: height }),
      svg("text", { x: across, y: height + 13, "text-anchor": "middle" }, String(i / 4)),
      svg("line", { class: "grid", x1: LEFT, x2: LEFT + SIDE, y1: up, y2: up }),
      svg("text", { x: LEFT - 4, y: up + 3, "text-anchor": "end" }, String(i / 4)));
  }
  return svg("svg", { viewBox: `0 0 240 ${height + 30}`, role: "img", "aria-label": label }, ...grid,
    svg("text", { x: LEFT + SIDE / 2, y: height + 26, "text-anchor": "middle" }, x),
    svg("text", { x: 8, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 8 ${height / 2})` }, y), ...nodes);
}
