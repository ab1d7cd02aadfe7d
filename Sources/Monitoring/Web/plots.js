// Drawings of the monitor's page: SVG made by hand, each with a summary in words. Nothing here knows where snapshots come from; texts from outside become
// text nodes only.

const SVG = "http://www.w3.org/2000/svg";
export const DASH = "–";

// Numbers

export function time(ms) {
  if (ms == null) return DASH;
  if (ms < 0.01) return "0 ms";
  if (ms < 0.1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 120000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 7200000) return `${(ms / 60000).toFixed(0)} min`;
  return `${(ms / 3600000).toFixed(1)} h`;
}
export const small = (ms) => (ms == null ? DASH : ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : time(ms));
export function percent(fraction) {
  if (fraction == null) return DASH;
  const value = fraction * 100;
  return value === 0 || value >= 10 ? `${value.toFixed(0)} %` : `${value.toFixed(1)} %`;
}
export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hourCycle: "h23" });

// Shapes

export function shape(tag, attributes = {}, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text != null) made.textContent = text;
  return made;
}
/// Where things are to be drawn: as wide as there is room, so that text keeps its size.
function canvas(figure, height, summary, margins = {}) {
  const width = Math.max(260, Math.round(figure.clientWidth || 600));
  const plot = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": summary });
  const { left = 58, right = 14, top = 10, bottom = 24 } = margins;
  return { plot, width, height, left, right: width - right, top, bottom: height - bottom };
}
function nothing(figure, height, text) {
  const { plot, width } = canvas(figure, height, text);
  plot.append(shape("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, text));
  return plot;
}
const place = (value) => value.toFixed(1);
/// Lanes differ by mark, too: circle, square, triangle.
export function marker(lane, x, y, name, size = 3.4) {
  if (lane === "rt") return shape("circle", { class: `${name} rt`, cx: place(x), cy: place(y), r: size });
  if (lane === "nrt") return shape("rect", { class: `${name} nrt`, x: place(x - size), y: place(y - size), width: 2 * size, height: 2 * size });
  const [wide, high] = [1.2 * size, 1.1 * size];
  return shape("path", { class: `${name} batch`, d: `M${place(x)} ${place(y - high)}L${place(x + wide)} ${place(y + high)}L${place(x - wide)} ${place(y + high)}Z` });
}
/// A line with a gap wherever nothing is known, and a mark at its end.
function line(points, value, x, y, lane) {
  let path = "";
  let isOpen = false;
  let end = null;
  for (const point of points) {
    const found = value(point);
    if (found == null) { isOpen = false; continue; }
    // A point by itself is a dot: its line has a round end.
    path += isOpen ? `L${place(x(point))} ${place(y(found))}` : `M${place(x(point))} ${place(y(found))}h0`;
    isOpen = true;
    end = [x(point), y(found)];
  }
  return end ? [shape("path", { class: `series ${lane}`, d: path }), marker(lane, ...end, "mark")] : [];
}

// Scales

/// Where a logarithmic axis of time has its lines, in ms.
const TICKS = [0.001, 0.01, 0.1, 1, 10, 100, 1e3, 1e4, 6e4, 6e5, 3.6e6, 3.6e7, 8.64e7, 8.64e8];
const TICK_NAMES = ["1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s", "1 min", "10 min", "1 h", "10 h", "1 d", "10 d"];

function timeScale(values, from, to, floor) {
  const known = values.filter((value) => value != null).map((value) => Math.max(value, floor));
  const least = known.length ? Math.min(...known) : floor;
  const most = known.length ? Math.max(...known) : 1000;
  const low = Math.max(0, TICKS.findLastIndex((tick) => tick <= least));
  let high = TICKS.findIndex((tick) => tick >= most);
  if (high < 0) high = TICKS.length - 1;
  high = Math.min(TICKS.length - 1, Math.max(high, low + 1));
  const [lowLog, highLog] = [Math.log10(TICKS[low]), Math.log10(TICKS[high])];
  const at = (value) => from + ((Math.log10(Math.min(Math.max(value, TICKS[low]), TICKS[high])) - lowLog) / (highLog - lowLog)) * (to - from);
  const ticks = TICKS.slice(low, high + 1).map((tick, index) => [at(tick), TICK_NAMES[low + index]]);
  return { at, ticks };
}
function timeAxis(area, scale, floor) {
  scale.ticks.forEach(([y, name], index) => {
    area.plot.append(shape("line", { class: "grid", x1: area.left, x2: area.right, y1: y, y2: y }));
    const text = index === 0 && floor ? `≤ ${name}` : name;
    area.plot.append(shape("text", { x: area.left - 8, y: y + 4, "text-anchor": "end" }, text));
  });
}

// Age over time

export function stalenessPlot(figure, history, lanes) {
  const points = history.slice(-600);
  if (points.length < 2) return nothing(figure, 230, "nothing to draw yet");
  const last = points[points.length - 1];
  const known = lanes.map((lane) => `${lane} ${time((last.staleness_p99 || {})[lane])}`);
  const quiet = lanes.filter((lane) => (last.silent || []).includes(lane));
  const area = canvas(figure, 230, `Age of a value by lane over time. Now: ${known.join(", ")}.${quiet.length ? ` Silent: ${quiet.join(", ")}.` : ""}`);
  const start = points[0].at;
  const x = (at) => area.left + ((at - start) / Math.max(1, last.at - start)) * (area.right - area.left);
  const scale = timeScale(points.flatMap((point) => Object.values(point.staleness_p99 || {})), area.bottom, area.top, 1);
  const labels = [];
  lanes.forEach((lane, index) => silences(points, lane).forEach(([from, to]) => {
    const [left, right] = [x(from), Math.max(x(to), x(from) + 2)];
    area.plot.append(shape("rect", { class: "silence", x: left, y: area.top, width: right - left, height: area.bottom - area.top }));
    if (right - left > 64) labels.push(shape("text", { class: "bad", x: left + 5, y: area.top + 14 + 14 * index }, `${lane} silent`));
  }));
  timeAxis(area, scale, true);
  const step = [5, 10, 15, 30, 60, 120, 300].map((seconds) => seconds * 1000).find((step) => ((area.right - area.left) * step) / Math.max(1, last.at - start) > 92) || 300000;
  for (let at = Math.ceil(start / step) * step; at <= last.at; at += step) {
    if (x(at) > area.right - 26 || x(at) < area.left + 10) continue;
    area.plot.append(shape("line", { class: "axis", x1: x(at), x2: x(at), y1: area.bottom, y2: area.bottom + 4 }));
    area.plot.append(shape("text", { x: x(at), y: area.height - 5, "text-anchor": "middle" }, clock(at)));
  }
  for (const lane of lanes) area.plot.append(...line(points, (point) => (point.staleness_p99 || {})[lane], (point) => x(point.at), scale.at, lane));
  area.plot.append(...labels);
  return area.plot;
}
/// From when to when nothing was heard of a lane.
function silences(points, lane) {
  const found = [];
  let from = null;
  for (const point of points) {
    const isQuiet = (point.silent || []).includes(lane);
    if (isQuiet && from == null) from = point.at;
    if (!isQuiet && from != null) { found.push([from, point.at]); from = null; }
  }
  if (from != null) found.push([from, points[points.length - 1].at]);
  return found;
}

// Latency by percentile

export function curvePlot(figure, states, objectives) {
  const lanes = states.filter((lane) => lane.latency && (lane.curve || []).length > 1);
  if (!lanes.length) return nothing(figure, 230, "no latencies yet");
  const summary = lanes.map((lane) => `${lane.lane}: p50 ${time(lane.latency.p50)}, p99 ${time(lane.latency.p99)}`).join("; ");
  const area = canvas(figure, 230, `Latency by percentile. ${summary}.`, { right: 20, bottom: 26 });
  const depth = (percentile) => -Math.log10(1 - Math.min(percentile, 99.99) / 100);
  const x = (percentile) => area.left + (depth(percentile) / 4) * (area.right - area.left);
  const bounds = objectives.flatMap((objective) => {
    const found = /^(serve_latency|visible_delay|run_duration)$/.test(objective.metric) && / p(50|90|95|99|999) /.exec(objective.text);
    return found ? [{ lane: objective.lane, percentile: found[1] === "999" ? 99.9 : Number(found[1]), bound: objective.bound, text: objective.text }] : [];
  });
  const values = [...lanes.flatMap((lane) => lane.curve.map((point) => point.milliseconds)), ...bounds.map((bound) => bound.bound)];
  const scale = timeScale(values, area.bottom, area.top, 0.01);
  timeAxis(area, scale, false);
  for (const percentile of [0, 50, 90, 99, 99.9, 99.99]) {
    area.plot.append(shape("line", { class: "grid", x1: x(percentile), x2: x(percentile), y1: area.top, y2: area.bottom }));
    if (percentile === 0 && x(50) - x(0) < 36) continue;
    area.plot.append(shape("text", { x: x(percentile), y: area.height - 8, "text-anchor": "middle" }, percentile ? `p${percentile}` : "min"));
  }
  for (const { lane, percentile, bound, text } of bounds) {
    const mark = shape("line", { class: `bound ${lane}`, x1: x(percentile) - 12, x2: x(percentile) + 12, y1: scale.at(bound), y2: scale.at(bound) });
    mark.append(shape("title", {}, text));
    area.plot.append(mark);
  }
  for (const lane of lanes) area.plot.append(...line(lane.curve, (point) => point.milliseconds, (point) => x(point.percentile), scale.at, lane.lane));
  return area.plot;
}

// Stages

/// Two columns: medians one after the other, as a record meets them, and p99s each from zero, since those do not add up.
export function stagePlot(figure, stages, { kind, total, label }) {
  const known = stages.filter((stage) => stage.duration);
  if (!known.length) return nothing(figure, 60, "nothing is known of it now");
  const row = 23;
  const summary = known.map((stage) => `${stage.name}: p50 ${label(stage.duration.p50)}, p99 ${label(stage.duration.p99)}`).join("; ");
  const area = canvas(figure, stages.length * row + 20, summary, { left: kind === "phase" ? 72 : 112, right: 0 });
  const numbers = 58;
  const column = (area.width - area.left) / 2;
  const parts = stages.filter((stage) => stage.name !== total);
  const sum = parts.reduce((sum, stage) => sum + (stage.duration ? stage.duration.p50 : 0), 0);
  const whole = stages.find((stage) => stage.name === total);
  const most = { p50: Math.max(sum, whole && whole.duration ? whole.duration.p50 : 0, 1e-6), p99: Math.max(...known.map((stage) => stage.duration.p99), 1e-6) };
  ["p50", "p99"].forEach((name, index) => {
    area.plot.append(shape("text", { x: area.left + column * (index + 1), y: 11, "text-anchor": "end" }, name));
  });
  let before = 0;
  stages.forEach((stage, index) => {
    const y = 18 + index * row;
    area.plot.append(shape("text", { x: area.left - 10, y: y + 14, "text-anchor": "end" }, stage.name.replace("->", "→")));
    ["p50", "p99"].forEach((name, place) => {
      const [left, right] = [area.left + column * place, area.left + column * (place + 1)];
      const room = column - numbers - (place ? 10 : 0);
      const from = left + (place ? 10 : 0);
      area.plot.append(shape("line", { class: "grid", x1: from, x2: from, y1: y, y2: y + row }));
      if (!stage.duration) {
        area.plot.append(shape("text", { x: right, y: y + 14, "text-anchor": "end" }, DASH));
        return;
      }
      const value = stage.duration[name];
      const isFirm = stage.duration.count * (name === "p50" ? 0.5 : 0.01) >= 1;
      const start = place || stage === whole ? 0 : before;
      const width = Math.max(1.5, (value / most[name]) * room);
      area.plot.append(shape("rect", { class: `bar ${stage === whole ? "total" : kind}`, x: from + (start / most[name]) * room, y: y + 3, width, height: 14, rx: 2 }));
      area.plot.append(shape("text", { class: isFirm ? "value" : "few", x: right, y: y + 14, "text-anchor": "end" }, label(value)));
    });
    if (stage.duration) before += stage.duration.p50;
  });
  return area.plot;
}

// Error against age

export function errorPlot(figure, points) {
  if (!points.length) return nothing(figure, 210, "no values compared yet");
  const exact = points.filter((point) => point.error < 1e-9).length;
  const area = canvas(figure, 210, `Error against age of ${points.length} compared values, of which ${exact} were exact.`, { left: 50, right: 20, bottom: 26 });
  const scale = timeScale(points.map((point) => point.age), area.left, area.right, 1);
  const largest = Math.max(...points.map((point) => point.error));
  const most = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((bound) => largest <= bound) || 2;
  const y = (error) => area.bottom - (Math.min(error, 2) / most) * (area.bottom - area.top);
  scale.ticks.forEach(([x, name], index) => {
    const anchor = index === scale.ticks.length - 1 ? "end" : "middle";
    area.plot.append(shape("line", { class: "grid", x1: x, x2: x, y1: area.top, y2: area.bottom }));
    area.plot.append(shape("text", { x: anchor === "end" ? x + 12 : x, y: area.height - 8, "text-anchor": anchor }, name));
  });
  for (const share of [0, 0.5, 1]) {
    const at = y(most * share);
    area.plot.append(shape("line", { class: "grid", x1: area.left, x2: area.right, y1: at, y2: at }));
    area.plot.append(shape("text", { x: area.left - 8, y: at + 4, "text-anchor": "end" }, (largest > 2 && share === 1 ? "≥ " : "") + percent(most * share)));
  }
  for (const point of points) area.plot.append(marker(point.lane, scale.at(point.age), y(point.error), "dot"));
  // The median of each lane, over its dots.
  for (const lane of ["rt", "nrt", "batch"]) {
    const own = points.filter((point) => point.lane === lane);
    if (own.length < 2) continue;
    const mark = marker(lane, scale.at(median(own.map((point) => point.age))), y(median(own.map((point) => point.error))), "mark", 5.5);
    mark.append(shape("title", {}, `${lane}: median`));
    area.plot.append(mark);
  }
  return area.plot;
}
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/// A line without axes, beside its number.
export function spark(values) {
  const plot = shape("svg", { viewBox: "0 0 120 26", preserveAspectRatio: "none", "aria-hidden": "true" });
  const known = values.filter((value) => value != null);
  if (known.length < 2) return plot;
  const most = Math.max(...known, 1e-9);
  let path = "";
  let isOpen = false;
  values.forEach((value, index) => {
    if (value == null) { isOpen = false; return; }
    path += `${isOpen ? "L" : "M"}${place((index / (values.length - 1)) * 120)} ${place(24 - (value / most) * 22)}`;
    isOpen = true;
  });
  plot.append(shape("path", { class: "spark", d: path }));
  return plot;
}
