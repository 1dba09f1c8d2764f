// The server's events, for as long as the page is in sight: a browser has six connections to a host, and a page that nobody
// sees must not hold one. A stream that has failed (a proxy's error ends an EventSource for good) or has fallen silent (half
// a connection says nothing) is made anew.

const AGAIN = 1000; // milliseconds between two looks at the stream
const SILENCE = 15_000; // the server says the time every 5 s

let wanted = null;
let events = null;
let heard = 0; // when the stream was made, or last said something

// Follows an address: on has what to do with each section by its name; lost(for how long) and crowded(how many pages there
// may be) hear of what goes wrong.
export function follow(address, on, { lost, crowded }) {
  wanted = { address, on, lost, crowded };
  close();
  if (!document.hidden) connect();
}

export function connect() {
  close();
  heard = performance.now();
  events = new EventSource(wanted.address);
  for (const [name, draw] of Object.entries(wanted.on)) {
    events.addEventListener(name, event => { heard = performance.now(); draw(JSON.parse(event.data)); });
  }
  // Connecting again would put out another page in turn.
  events.addEventListener("crowded", event => { close(); wanted.crowded(JSON.parse(event.data)); });
  events.onerror = () => wanted.lost(0);
}

function close() {
  events?.close();
  events = null;
}

setInterval(() => {
  if (!events) return;
  const silent = performance.now() - heard;
  if (silent > SILENCE) wanted.lost(silent);
  if (silent > SILENCE || events.readyState === EventSource.CLOSED) connect();
}, AGAIN);

document.addEventListener("visibilitychange", () => {
  if (document.hidden) close(); else if (wanted && !events) connect();
});
