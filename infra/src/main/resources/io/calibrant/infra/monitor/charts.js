import uPlot from "./uplot.js";
import { element, svg } from "./dom.js";

const HEIGHT = 180;
const charts = new Map();

const color = name => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

// A chart of lines in a figure: lines are {label, values, color}, colors are names of the style sheet's. uPlot draws.
export function lines(figure, summary, x, series, { log = false, time = false } = {}) {
  const before = charts.get(figure);
  const key = JSON.stringify([series.map(each => [each.label, each.color]), log, time]);
  if (!x.some((_, i) => series.some(each => each.values[i] !== null))) {
    forget(figure);
    if (!figure.querySelector(".none")) figure.append(element("div", { class: "none" }, "nothing yet"));
    return;
  }
  figure.querySelector(".none")?.remove();
  const data = [x, ...series.map(each => log ? each.values.map(value => value > 0 ? value : null) : each.values)];
  if (before?.key === key) {
    before.plot.setData(data);
    before.holder.setAttribute("aria-label", summary);
    before.again = () => lines(figure, summary, x, series, { log, time });
    return;
  }
  forget(figure);
  const holder = element("div", { role: "img", "aria-label": summary });
  figure.append(holder);
  const axis = {
    stroke: color("soft"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line"), width: 1 },
    font: "11px system-ui, sans-serif",
  };
  const plot = new uPlot({
    width: width(figure), height: HEIGHT, legend: { show: false }, cursor: { drag: { x: false, y: false } },
    scales: { x: { time }, y: { distr: log ? 3 : 1 } },
    axes: [{ ...axis, size: 28 }, { ...axis, size: 62, values: (_, ticks) => ticks.map(tick => tick === null ? "" : short(tick)) }],
    series: [{}, ...series.map(each => ({
      label: each.label, stroke: color(each.color), width: 2, spanGaps: true, points: { show: x.length < 3 ? true : undefined },
    }))],
  }, data, holder);
  charts.set(figure, { plot, holder, key, again: () => lines(figure, summary, x, series, { log, time }) });
}

function short(tick) {
  const size = Math.abs(tick);
  return size !== 0 && (size >= 1e5 || size < 1e-3) ? tick.toExponential(0) : String(Number(tick.toPrecision(6)));
}

function forget(figure) {
  const chart = charts.get(figure);
  if (chart) {
    chart.plot.destroy();
    chart.holder.remove();
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

// A square from 0 to 1 both ways, drawn over with the given nodes.
export function square(label, height, x, y, ...nodes) {
  const lines = [];
  for (let i = 0; i <= 4; i++) {
    const at = 30 + 50 * i;
    lines.push(
      svg("line", { class: "grid", x1: at, x2: at, y1: 8, y2: height }),
      svg("text", { x: at, y: height + 13, "text-anchor": "middle" }, String(i / 4)));
    const level = height - (height - 8) * i / 4;
    lines.push(
      svg("line", { class: "grid", x1: 30, x2: 230, y1: level, y2: level }),
      svg("text", { x: 26, y: level + 3, "text-anchor": "end" }, String(i / 4)));
  }
  return svg("svg", { viewBox: `0 0 240 ${height + 30}`, role: "img", "aria-label": label }, ...lines,
    svg("text", { x: 130, y: height + 26, "text-anchor": "middle" }, x),
    svg("text", { x: 8, y: height / 2, "text-anchor": "middle", transform: `rotate(-90 8 ${height / 2})` }, y), ...nodes);
}
