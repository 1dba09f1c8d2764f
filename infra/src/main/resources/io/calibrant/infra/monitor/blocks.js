import { $, ago, element, number, percent, show, unit } from "./dom.js";
import { OTHER, overlay } from "./charts.js";
import { choose } from "./choice.js";
import { explained } from "./readout.js";

const told = new Map(); // what each block's button says
let chosen = null;
let shown = "";

// The heat map: a layer is a column and a kind of block a row; on narrow screens the other way round.
export function heat(fit) {
  const blocks = fit.blocks ?? [];
  show("blocks-empty", blocks.length === 0);
  show("blocks-some", blocks.length > 0);
  const layers = [...new Set(blocks.map(block => block.group))];
  const kindOf = block => block.name.replace(/^\d+ /, "");
  const kinds = [...new Set(blocks.map(kindOf))];
  const grid = $("heat");
  const key = JSON.stringify(blocks.map(block => block.block));
  if (key !== shown) {
    shown = key;
    told.clear();
    grid.style.setProperty("--layers", layers.length);
    grid.style.setProperty("--kinds", kinds.length);
    grid.replaceChildren(
      ...kinds.map((kind, i) => place(element("span", { class: "kind", "aria-hidden": "true" }, kind), 0, i + 1)),
      ...layers.map((layer, i) => place(element("span", { "aria-hidden": "true" }, layer.replace("layer ", "")), i + 1, 0)),
      ...blocks.map(block => {
        const button = element("button", { type: "button", "data-block": block.block });
        explained(button, () => told.get(block.block));
        return place(button, layers.indexOf(block.group) + 1, kinds.indexOf(kindOf(block)) + 1);
      }));
  }
  const buttons = new Map([...grid.querySelectorAll("button")].map(button => [button.dataset.block, button]));
  for (const block of blocks) {
    const button = buttons.get(block.block);
    button.textContent = typeof block.energy === "number" ? Math.round(100 * block.energy) : "–";
    button.style.setProperty("--energy", 100 * (block.energy ?? 0) + "%");
    button.classList.toggle("much", block.energy > 0.62);
    const figures = [`captured energy ${percent(block.energy)}`, `delta ${number(block.delta)}`, `n ${number(block.n)} rows`,
      `${block.batches} batches`];
    told.set(block.block, [block.block, ...figures]);
    button.setAttribute("aria-label", `${block.group}, ${kindOf(block)}: ${figures.join(", ")}`);
  }
  mark();
}

function place(node, layer, kind) {
  node.style.setProperty("--layer", layer);
  node.style.setProperty("--kind", kind);
  return node;
}

function mark() {
  const buttons = [...$("heat").querySelectorAll("button")];
  const current = buttons.find(button => button.dataset.block === chosen) ?? buttons[0];
  const focused = $("heat").contains(document.activeElement);
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button === current));
    if (!focused) button.tabIndex = button === current ? 0 : -1;
  }
}

// compared is {name, block}, the same block of another fit or none, or null.
export function spectrum(block, compared, axis) {
  chosen = block.block ?? null;
  mark();
  const figure = $("spectrum");
  $("block-name").textContent = block.name ? "Spectrum of " + block.block : "";
  figure.querySelector("b").replaceChildren(...block.name ? [`energy ${percent(block.energy)}, delta ${number(block.delta)}, `
    + `n ${unit(block.n, "rows")}, d ${block.dimension}, `, ago(block.changed)] : []);
  const eigenvalues = block.eigenvalues ?? [];
  const last = Math.max(1, eigenvalues.length - 1);
  const tables = [{ count: block.at ?? [], time: block.time ?? [],
    lines: eigenvalues.map((values, i) => ({ label: `w${i + 1}`, values, color: `ramp ${i / last}`, width: i === 0 ? 2.5 : 1.5 })) }];
  const other = compared?.block;
  if (other) {
    tables.push({ count: other.at, time: other.time, lines: other.eigenvalues.map((values, i) =>
      ({ label: `${compared.name} w${i + 1}`, values, color: OTHER, dash: true, width: i === 0 ? 2 : 1 })) });
  }
  overlay(figure, block.name ? `Eigenvalues now: ${block.spectrum.slice(0, 10).map(number).join(", ")}` : "",
    tables, axis, { label: "batches folded", each: "batch", whole: true }, { log: true, legend: false });
  show("spectrum-key", eigenvalues.length > 1);
  show("spectrum-other", Boolean(block.name && compared));
  $("spectrum-other").classList.toggle("key", Boolean(other));
  $("spectrum-other").textContent = other ? compared.name : `${compared?.name} has no such block`;
  $("spectrum-last").textContent = `w${eigenvalues.length}, the smallest of ${eigenvalues.length} shown`;
}

$("heat").addEventListener("click", event => {
  const button = event.target.closest("button");
  if (button) choose({ block: button.dataset.block });
});

$("heat").addEventListener("keydown", event => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step || !event.target.dataset.block) return;
  event.preventDefault();
  // To the nearest button in that direction, as the screen shows them.
  const from = event.target.getBoundingClientRect();
  let best = null;
  for (const button of $("heat").querySelectorAll("button")) {
    const to = button.getBoundingClientRect();
    const along = step[0] * (to.left - from.left) + step[1] * (to.top - from.top);
    const across = Math.abs(step[0] ? to.top - from.top : to.left - from.left);
    if (along > 1 && (!best || along + 10 * across < best.distance)) best = { button, distance: along + 10 * across };
  }
  if (best) {
    event.target.tabIndex = -1;
    best.button.tabIndex = 0;
    best.button.focus();
  }
});
