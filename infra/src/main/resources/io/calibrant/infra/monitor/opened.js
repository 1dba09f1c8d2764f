// An answer or a dead letter that was opened: asked for once, from its topic; its place stands in the address.

import { $, ago, counted, element, exact, facts, grouped, number, percent, row, scrolls, time, unit } from "./dom.js";
import { METHODS, decision } from "./answers.js";
import { choice, choose } from "./choice.js";
import { servedName } from "./runs.js";

let open = "";

export function drawOpened() {
  const { answer, letter } = choice();
  const wanted = answer ? "answer " + answer : letter ? "letter " + letter : "";
  if (wanted === open) return;
  open = wanted;
  const dialog = $("opened");
  if (!wanted) {
    dialog.close();
    return;
  }
  const parts = (answer ?? letter).split(":");
  const [partition, offset] = parts.slice(-2);
  const query = new URLSearchParams({ partition, offset, ...letter ? { topic: parts.slice(0, -2).join(":") } : {} });
  fill(answer ? "Answer" : "Dead letter", element("p", { class: "empty" }, "reading …"));
  if (!dialog.open) dialog.showModal();
  fetch(new URL((answer ? "answer?" : "letter?") + query, document.baseURI))
    .then(response => response.json().catch(() => null)
      .then(json => response.ok && json || json?.problem && json || { problem: unreadable(response) }),
    () => ({ problem: "The monitor does not answer." }))
    .then(json => {
      if (open !== wanted) return;
      if (json.problem) fill("Not there", element("p", { role: "alert" }, json.problem));
      else if (answer) drawAnswer(json);
      else drawLetter(json);
    });
}

// What a proxy says, or a page to log in that it sends the browser on to.
function unreadable(response) {
  return `The response has status ${response.status} and no record in it.`
    + (response.redirected || [401, 403].includes(response.status) ? " Where a login has ended, load this page anew." : "");
}

function fill(title, ...content) {
  $("opened-title").textContent = title;
  $("opened-body").replaceChildren(...content);
  $("opened-body").querySelectorAll(".scroll").forEach(scrolls);
}

const list = pairs => {
  const node = element("dl");
  facts(node, pairs);
  return node;
};

function titled(title, ...content) {
  return element("section", {}, element("h3", {}, title), ...content.filter(Boolean));
}

function placed(record) {
  return [["Topic", record.topic], ["Partition", exact(record.partition)], ["Offset", exact(record.offset)],
    ["Time", element("span", {}, time(record.time), " (", ago(record.time), ")")]];
}

function drawAnswer(answer) {
  const text = [answer.context, answer.stem, answer.prompt].filter(Boolean).map(each => element("p", { class: "text" }, each));
  const best = [...answer.choices].sort((a, b) => (b.calibrated ?? 0) - (a.calibrated ?? 0))[0];
  fill("Answer to " + answer.question,
    titled("Question", ...text, answer.note ? element("p", { class: "empty" }, answer.note) : null),
    titled("Probabilities", probabilities(answer)),
    list([["Answer", best?.label ?? "–"], ["Decision", decision(answer.decision)], ["Served by", servedName(answer.calibration)], ["Tier", answer.tier],
      ["Familiarity", answer.familiarity === null ? "not told" : number(answer.familiarity)],
      ["Its p-value", answer.familiarityP === null ? "–" : `${number(answer.familiarityP)} among ${grouped(answer.familiarityScores)}`],
      ["Softened by", percent(answer.softened)], ["Novelty", number(answer.novelty)]]),
    titled("Uncertainty of the served distribution", entropy(answer)),
    titled("Contrasts with " + answer.reference, contrasts(answer)),
    titled("Record", list([["Run", answer.run], ["Checkpoint", answer.checkpoint], ["Fit", answer.fit],
      ["Posterior version", exact(answer.version)], ["Purpose", answer.purpose.toLowerCase()], ["Coverage", percent(answer.coverage)], ...placed(answer)])));
}

function probabilities(answer) {
  const shown = METHODS.filter(([key]) => answer.choices.some(each => each[key] !== null));
  const rows = answer.choices.map(each => element("tr", {},
    element("th", { scope: "row" }, each.label, each.text ? element("span", { class: "small" }, " " + each.text) : ""),
    ...shown.map(([key]) => element("td", { class: key }, bar(each[key]), percent(each[key])))));
  const more = answer.choicesLeftOut ? element("p", { class: "small" }, `and ${counted(answer.choicesLeftOut, "less likely choice")}`) : "";
  return element("div", {}, element("table", { class: "bars" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Choice"),
      ...shown.map(([key, name]) => element("th", { scope: "col", class: key }, element("span", { class: "key" }, name))))),
    element("tbody", {}, ...rows)), more);
}

function bar(share) {
  const inner = element("i");
  inner.style.setProperty("--share", 100 * (share ?? 0) + "%");
  return element("span", { class: "share", "aria-hidden": "true" }, inner);
}

function entropy(answer) {
  const parts = [["of the question", answer.expectedEntropy, "within"], ["of the weights", answer.mutualInformation, "between"]];
  const split = element("div", { class: "split", "aria-hidden": "true" }, ...parts.map(([, value, kind]) => {
    const part = element("i", { class: kind });
    part.style.setProperty("--share", 100 * Math.max(0, value ?? 0) / (answer.entropy || 1) + "%");
    return part;
  }));
  return element("div", {}, split, list([["Entropy", unit(answer.entropy, "nats")],
    [element("span", { class: "key within" }, "Expected entropy"), unit(answer.expectedEntropy, "nats")],
    [element("span", { class: "key between" }, "Mutual information"), unit(answer.mutualInformation, "nats")]]));
}

function contrasts(answer) {
  if (answer.contrasts.length === 0) return element("p", { class: "empty" }, "none");
  const labels = answer.contrasts.map(each => each.label);
  const table = element("table", {},
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Label"), element("th", { scope: "col" }, "Mean"),
      ...labels.map(label => element("th", { scope: "col" }, "Cov. " + label)))),
    element("tbody", {}, ...answer.contrasts.map(each => row(each.label, number(each.mean), ...each.covariance.map(number)))));
  const box = element("div", { class: "scroll", role: "region", "aria-label": "Contrasts", tabindex: "0" }, table);
  return element("div", {}, element("p", { class: "small" }, "y of a label is its logit less that of the last choice; mean and covariance."), box,
    answer.contrastsLeftOut ? element("p", { class: "small" }, `and ${answer.contrastsLeftOut} more`) : "");
}

function drawLetter(letter) {
  const value = letter.bytes === null ? [element("p", { class: "empty" }, "no value")] : [
    element("p", { class: "small" }, counted(letter.bytes, "byte") + (letter.decoded ? ", which the letter has in base64" : "")
      + (letter.shown === letter.bytes ? "; all shown" : `; the first ${grouped(letter.shown)} are shown`)),
    details("As text", letter.text, true, "wrapped"),
    letter.hex === null ? element("p", { class: "empty" }, "There are credentials in it: no hexadecimal.") : details("As hexadecimal", letter.hex, false)];
  fill("Dead letter " + (letter.key ?? "without a key"),
    titled("Why", element("p", { class: "text" }, letter.reason || "no reason given")),
    titled("Came on", list([["Topic", letter.origin || "–"], ["Partition", letter.originPartition || "–"], ["Offset", letter.originOffset || "–"]])),
    titled("Value", ...value),
    titled("Headers", element("div", { class: "scroll", role: "region", "aria-label": "Headers", tabindex: "0" }, element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Name"), element("th", { scope: "col" }, "Value"))),
      element("tbody", {}, ...letter.headers.map(header => row(header.name, element("span", { class: "text" }, header.value ?? "null")))))),
    letter.headersLeftOut ? element("p", { class: "small" }, `and ${letter.headersLeftOut} more`) : null),
    titled("Record", list(placed(letter))));
}

function details(title, text, shown, style = "") {
  const node = element("details", {}, element("summary", {}, title), element("pre", { tabindex: "0", class: style }, text));
  node.open = shown;
  return node;
}

export function setUpOpened() {
  const dialog = $("opened");
  $("opened-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    if (!open) return;
    const key = open.replace(" ", ":");
    choose({ answer: null, letter: null });
    document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
  });
}
