// Series as charts draw them: smoothed, laid over each other, over counts or over time. Nothing here touches the page.

// An exponential moving average without the bias of its start; weight 0 changes nothing.
export function smoothed(values, weight) {
  let sum = 0;
  let mass = 0;
  return values.map(value => {
    if (value === null) return null;
    sum = weight * sum + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return sum / mass;
  });
}

// Tables of x and of some columns, over all their x: {x, columns}, ascending; null where a table has no such x.
function overlaid(tables) {
  const sorted = tables.map(table => {
    const places = table.x.map((x, i) => [x, i]).filter(([x]) => x !== null).sort((a, b) => a[0] - b[0]);
    return { columns: table.columns, places: new Map(places) };
  });
  const x = [...new Set(sorted.flatMap(table => [...table.places.keys()]))].sort((a, b) => a - b);
  const columns = sorted.flatMap(table => table.columns.map(column => x.map(each => {
    const i = table.places.get(each);
    return i === undefined ? null : column[i] ?? null;
  })));
  return { x, columns };
}

// The axis of some tables {count, time, columns}: the count, the time, or with several of them the time since each began.
export function onAxis(tables, axis, counted) {
  if (axis !== "time") return { ...overlaid(tables.map(table => ({ x: table.count, columns: table.columns }))), axis: counted };
  if (tables.length === 1) {
    return { ...overlaid([{ x: tables[0].time, columns: tables[0].columns }]), axis: { time: true, label: "", each: "" } };
  }
  const since = tables.map(table => {
    const first = Math.min(...table.time);
    return table.time.map(at => at - first);
  });
  const longest = Math.max(0, ...since.flat());
  const [name, seconds] = longest > 172_800 ? ["days", 86_400] : longest > 7200 ? ["hours", 3600]
    : longest > 120 ? ["minutes", 60] : ["seconds", 1];
  return {
    ...overlaid(tables.map((table, i) => ({ x: since[i].map(at => at / seconds), columns: table.columns }))),
    axis: { label: `${name} since the start of each`, each: name },
  };
}

// The place of the value that is nearest to x in a column that has gaps; -1 before its first value and behind its last.
export function nearest(x, column, place) {
  const none = at => column[at] === null || column[at] === undefined;
  let before = place;
  while (before >= 0 && none(before)) before--;
  let after = place;
  while (after < column.length && none(after)) after++;
  if (before < 0 || after >= column.length) return -1;
  return x[place] - x[before] <= x[after] - x[place] ? before : after;
}
