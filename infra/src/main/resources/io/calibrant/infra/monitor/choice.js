// What was chosen stands in the address of the page, behind #: it can be shared, and the back button works.

const FED = ["run", "checkpoint", "fit", "block", "with"]; // what the server has to know
const ZOOM = "zoom-";

export function choice() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

export function fed() {
  return new URLSearchParams(Object.entries(choice()).filter(([key]) => FED.includes(key))).toString();
}

// The address with some of it changed; null takes something away.
export function address(changes) {
  const next = Object.entries({ ...choice(), ...changes }).filter(([, value]) => value !== null && value !== undefined);
  // Not '#' alone: behind a proxy the page may have a base that is not its own address.
  return location.pathname + location.search + "#" + new URLSearchParams(next);
}

// The address of another run or fit: it has other batches, what was zoomed into is not there.
export function addressOf({ run, checkpoint = null, fit = null }) {
  const zooms = Object.keys(choice()).filter(key => key.startsWith(ZOOM));
  return address({ ...Object.fromEntries(zooms.map(key => [key, null])), run, checkpoint, fit, block: null });
}

// A step that the back button takes back.
export function choose(changes) {
  location.hash = address(changes).split("#")[1];
}

// No step of its own: a slider has many places. Links on the page hear of it, and hold it from then on.
export function adjust(changes) {
  history.replaceState(null, "", address(changes));
  dispatchEvent(new Event("adjusted"));
}

// The part of an axis that a chart shows, {min, max}, or null for all of it. An axis of another kind has none of it:
// "zoom-loss=step:12:80" is one over steps.
export function zoomOf(chart, kind) {
  const [of, min, max] = (choice()[ZOOM + chart] ?? "").split(":");
  const range = { min: Number(min), max: Number(max) };
  return of === kind && range.min < range.max ? range : null;
}

export function setZoom(chart, kind, range) {
  adjust({ [ZOOM + chart]: range ? [kind, ...rounded(range)].join(":") : null });
}

// To a thousandth of the part.
function rounded({ min, max }) {
  const digits = Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(max - min))));
  return [min, max].map(value => Number(value.toFixed(digits)));
}
