// Contact timeline, energy curves, metrics and provenance, as plain elements; text is always set as text.
const LONG = 200;  // letters beyond which a text is folded away
const SVG = "http://www.w3.org/2000/svg";
function element(tag, attributes = {}, parent = null, text = null) {
  const item = ["svg", "path", "rect", "line", "text", "g"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) item.setAttribute(key, value);
  if (text !== null) item.textContent = text;
  if (parent) parent.append(item);
  return item;
}
const short = value => value === null ? "not a number" : value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : String(+value.toPrecision(4));

// One strip and one distance curve per edge; returns a function that moves the cursors.
function drawTimeline(box, data, seek) {
  const cursors = [], labels = [], width = 600, last = Math.max(data.frames - 1, 1);
  if (!data.edges.length) box.textContent = "The graph has no contacts that this result can show.";
  for (const edge of data.edges) {
    const row = element("div", { class: "row" }, box), name = element("div", { class: "name" }, row);
    element("span", {}, name, edge.name); labels.push(element("span", {}, name));
    const chart = element("svg", { class: "chart", viewBox: `0 0 ${width} 58`, preserveAspectRatio: "none", height: 58 }, row);
    const cell = width / data.frames, ceiling = Math.max(4 * edge.reach, ...edge.distance.filter(d => d !== null)) * 1.05;
    edge.distance.forEach((d, frame) => element("rect", { x: frame * cell, y: 0, width: cell + 0.3, height: 14,
      fill: d !== null && d <= edge.reach ? "#16876b" : "#e6e9ed" }, chart));
    const y = d => 56 - 38 * Math.min(d, ceiling) / ceiling;
    element("line", { x1: 0, x2: width, y1: y(edge.reach), y2: y(edge.reach), stroke: "#c2412d", "stroke-dasharray": "4 4", "stroke-width": 0.8 }, chart);
    const points = edge.distance.map((d, frame) => d === null ? null : `${(frame + 0.5) * cell},${y(d)}`).filter(Boolean);
    element("path", { d: "M" + points.join("L"), fill: "none", stroke: "#262c38", "stroke-width": 1.3, "vector-effect": "non-scaling-stroke" }, chart);
    cursors.push(element("line", { y1: 0, y2: 58, stroke: "#d66e18", "stroke-width": 1.6, "vector-effect": "non-scaling-stroke" }, chart));
    const go = event => { const r = chart.getBoundingClientRect(); seek(Math.round((event.clientX - r.left) / r.width * data.frames - 0.5)); };
    chart.addEventListener("pointerdown", event => { chart.setPointerCapture(event.pointerId); go(event); });
    chart.addEventListener("pointermove", event => { if (event.buttons) go(event); });
  }
  return frame => data.edges.forEach((edge, k) => {
    const x = (Math.min(frame, last) + 0.5) * width / data.frames, d = edge.distance[Math.min(Math.round(frame), last)];
    cursors[k].setAttribute("x1", x); cursors[k].setAttribute("x2", x);
    labels[k].textContent = d === null ? "far" : `${(1000 * d).toFixed(1)} mm, closed within ${1000 * edge.reach} mm`;
  });
}

function drawEnergies(box, energies) {
  const names = Object.keys(energies), floor = 1e-4, width = 560, height = 260, left = 44;
  if (!names.length) { box.textContent = "The file holds no energies."; return; }
  const steps = Math.max(...names.map(name => energies[name].length));
  const top = Math.max(1, ...names.flatMap(name => energies[name].filter(v => v !== null)));
  const y = v => 8 + (height - 30) * (Math.log10(top) - Math.log10(Math.max(v ?? floor, floor))) / (Math.log10(top) - Math.log10(floor));
  const x = step => left + (width - left - 8) * (steps > 1 ? step / (steps - 1) : 0.5);
  const chart = element("svg", { class: "chart", viewBox: `0 0 ${width} ${height}` }, box), legend = element("div", { id: "legend" }, box);
  for (let power = Math.ceil(Math.log10(floor)); power <= Math.log10(top); power++) {
    element("line", { x1: left, x2: width, y1: y(10 ** power), y2: y(10 ** power), stroke: "#eceef1" }, chart);
    element("text", { x: 2, y: y(10 ** power) + 4 }, chart, `1e${power}`);
  }
  element("text", { x: left, y: height - 4 }, chart, "0"); element("text", { x: width - 60, y: height - 4 }, chart, `step ${steps - 1}`);
  const order = names.sort((a, b) => (energies[b].at(-1) ?? 0) - (energies[a].at(-1) ?? 0)), lines = [];
  order.forEach((name, k) => {
    const color = `hsl(${(k * 137.5) % 360} 58% ${k % 2 ? 38 : 50}%)`;
    const path = element("path", { d: "M" + energies[name].map((v, step) => `${x(step)},${y(v)}`).join("L"), fill: "none", stroke: color, "stroke-width": 1.8 }, chart);
    lines.push(path);
    const entry = element("div", {}, legend); element("i", { style: `background:${color}` }, entry); element("span", {}, entry, `${name} ${short(energies[name].at(-1) ?? null)}`);
    entry.addEventListener("pointerenter", () => lines.forEach(line => line.classList.toggle("dim", line !== path)));
    entry.addEventListener("pointerleave", () => lines.forEach(line => line.classList.remove("dim")));
  });
}

function drawMetrics(box, verdict, rows) {
  const judged = rows.filter(row => row.passed !== null), missed = judged.filter(row => !row.passed);
  verdict.textContent = !rows.length ? "Not measured yet: zeroshot-hoi evaluate FILE" :
    !judged.length ? "No metric has a bar." :
    `${judged.length - missed.length} of ${judged.length} bars hold` + (missed.length ? `; missed: ${missed.map(row => row.key).join(", ")}` : "");
  verdict.className = missed.length ? "bad" : "good";
  const fill = (table, list) => list.forEach(row => {
    const line = element("tr", {}, table), sign = row.direction === "lower" ? "≤" : "≥";
    element("td", {}, line, row.key); element("td", { class: "number" }, line, short(row.value)); element("td", {}, line, row.unit);
    element("td", { class: "number" }, line, row.threshold === null ? "" : `${sign} ${short(row.threshold)}`);
    const cell = element("td", {}, line);
    if (row.passed === null) return;
    const share = row.direction === "lower" ? row.value / row.threshold : row.value / (row.threshold * 1.25);
    const gauge = element("div", { class: "gauge", title: row.passed ? "holds" : "missed" }, cell);
    element("div", { style: `width:${Math.max(2, Math.min(100, 100 * (share || 0)))}%;background:var(--${row.passed ? "good" : "bad"})` }, gauge);
    element("td", { class: "verdict " + (row.passed ? "good" : "bad") }, line, row.passed ? "holds" : "missed");
  });
  if (judged.length) fill(element("table", {}, box), [...missed, ...judged.filter(row => row.passed)]);
  const reported = rows.filter(row => row.passed === null);
  if (!reported.length) return;
  const more = element("details", {}, box); element("summary", {}, more, `${reported.length} more, reported without a bar`);
  fill(element("table", {}, more), reported);
}

// Nested values as words; matrices and whole hashes are in the entry's tooltip.
function brief(value) {
  if (value === null || typeof value !== "object") return String(value);
  const words = Object.entries(value).filter(([, item]) => typeof item !== "object" && item !== "");
  return words.map(([key, item]) => `${key} ${typeof item === "string" && item.length > 20 ? item.slice(0, 12) + "…" : item}`).join(", ");
}

function drawProvenance(box, provenance) {
  const table = element("table", {}, box);
  for (const [key, value] of Object.entries(provenance)) {
    const line = element("tr", {}, table); element("td", {}, line, key);
    const cell = element("td", {}, line);
    if (value === null || typeof value !== "object") { cell.textContent = String(value); continue; }
    for (const [name, item] of Object.entries(value)) {
      if (typeof item === "string" && item.length > LONG) {
        const fold = element("details", {}, cell);
        element("summary", {}, fold, name); element("pre", {}, fold, item);
      } else element("div", { title: JSON.stringify(item) }, cell, `${name}: ${brief(item)}`);
    }
    if (!Object.keys(value).length) cell.textContent = "none";
  }
}
