// The monitor's page: takes snapshots as server-sent events and shows them. Texts from outside go into text nodes only; what has not changed is not made
// anew, so that what is selected, scrolled or pointed at stays.

import { DASH, clock, curvePlot, errorPlot, marker, percent, shape, small, spark, stagePlot, stalenessPlot, time } from "./plots.js";

const LANES = { rt: "computed inside the request", nrt: "by the stream, ahead of the request", batch: "by runs over the archive" };
const LATENCY = { rt: "to answer", nrt: "event to visible", batch: "of a run" };
const SIGN = { ok: "✓", violated: "!", silent: "✕", unknown: DASH };
const EVENT_SIGN = { good: "✓", bad: "✕", note: "·" };
const byId = (id) => document.getElementById(id);
let snapshot = null;
let history = [];
let errorPoints = [];

// Elements

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) made.setAttribute(name, value);
  made.append(...children.filter((child) => child != null));
  return made;
}
function replace(parent, ...children) {
  const old = [...parent.children];
  if (old.length !== children.length || parent.childNodes.length !== old.length) return parent.replaceChildren(...children);
  old.forEach((node, index) => { if (!node.isEqualNode(children[index])) node.replaceWith(children[index]); });
}
function say(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}
const draw = (id, plot) => replace(byId(id), plot);

// Numbers

function count(value) {
  if (value == null) return DASH;
  if (value < 1000) return value < 10 && value % 1 ? value.toFixed(1) : value.toFixed(0);
  return value < 1e6 ? `${(value / 1e3).toPrecision(3)}k` : `${(value / 1e6).toPrecision(3)}M`;
}
/// A percentile; in grey where less than one sample is expected to lie beyond it.
function figure(tag, percentiles, name, share, attributes = {}) {
  const made = element(tag, attributes, percentiles ? time(percentiles[name]) : DASH);
  if (percentiles && percentiles.count * (1 - share) < 1) {
    made.classList.add("few");
    made.title = `too few samples for p${share * 100}: ${percentiles.count}`;
    made.append(element("span", { class: "visually-hidden" }, " (too few samples)"));
  }
  return made;
}

// Lanes

function tile(lane) {
  const more = (text, child) => element("dd", { class: "more" }, text, child);
  const isExact = lane.lane === "rt" && lane.staleness_now === 0;
  const error = isExact ? "exact" : lane.lane === "rt" ? DASH : percent(lane.error_median);
  const compared = lane.lane === "rt" ? "" : lane.compared_count ? `p90 ${percent(lane.error_p90)}` : "not compared";
  const reasons = (lane.reasons || []).slice(0, 3).map((reason) => element("p", { class: "reasons" }, reason));
  return element("article", { class: `tile ${lane.lane}`, "data-lane": lane.lane, "data-health": lane.health, "aria-label": `lane ${lane.lane}` },
    element("header", {}, element("h3", {}, lane.lane), element("span", { class: `state ${lane.health}` }, `${SIGN[lane.health]} ${lane.health}`)),
    element("p", { class: "means" }, LANES[lane.lane] || ""),
    element("dl", {},
      element("dt", {}, `latency, ${LATENCY[lane.lane] || ""}`),
      figure("dd", lane.latency, "p50", 0.5, { "data-field": "latency" }), more("p99 ", figure("span", lane.latency, "p99", 0.99, { "data-field": "latency-p99" })),
      element("dt", {}, "age, now and as read"),
      element("dd", { "data-field": "now" }, time(lane.staleness_now)), more("p99 ", figure("span", lane.staleness, "p99", 0.99, { "data-field": "read" })),
      element("dt", {}, "error, median"), element("dd", { "data-field": "error" }, error), more(compared, null)),
    lane.cost ? element("p", { class: "cost" }, `costs ${lane.cost.replace(" us ", " µs ")}`) : null, ...reasons);
}

// Tables and lists

function flow() {
  const { flow } = snapshot;
  const recent = history.slice(-120);
  const parts = [
    ["generated", flow.generated, "/s", (point) => point.generated], ["read from Kafka", flow.read, "/s", (point) => point.read],
    ["rows to Redis", flow.rows, "/s", (point) => point.rows], ["requests", flow.requests, "/s", (point) => point.requests],
    ["lag, records", flow.lag, "", (point) => point.lag], ["archived", flow.archived, "/s"], ["archive lag", flow.archive_lag, ""],
    ["requests waiting", flow.waiting_requests, ""], ["keys in state", flow.keys, ""],
  ].filter(([, value, , of]) => value != null || (of && recent.some((point) => of(point) != null)));
  if (flow.watermark_age != null) parts.push(["watermark behind", flow.watermark_age, time]);
  if (!parts.length) return replace(byId("flow"), element("p", { class: "note" }, "nobody has said anything yet"));
  replace(byId("flow"), ...parts.map(([name, value, unit, of]) => element("div", {},
    element("span", {}, name), element("b", {}, value == null ? DASH : unit === time ? time(value) : count(value) + unit), of ? spark(recent.map(of)) : null)));
  const uncounted = Object.entries(flow.uncounted || {});
  say("uncounted", uncounted.length ? `Not counted: ${uncounted.map(([reason, rate]) => `${reason} ${count(rate)}/s`).join(", ")}` : "");
}

const COLUMNS = [
  ["name", "view", (view) => view.name, "text"], ["lane", "lane", (view) => view.lane, "text"], ["health", "state", (view) => view.health, "text"],
  ["p50", "latency p50", (view) => view.latency && view.latency.p50], ["p99", "latency p99", (view) => view.latency && view.latency.p99],
  ["read50", "age read p50", (view) => view.staleness && view.staleness.p50], ["read99", "age read p99", (view) => view.staleness && view.staleness.p99],
  ["served", "served", (view) => view.served], ["stale", "stale", (view) => view.stale_share], ["absent", "not found", (view) => view.not_found_share],
];
let sort = { key: "name", descending: false };
function viewsHead() {
  const heads = COLUMNS.map(([key, title, , kind]) => {
    const button = element("button", { type: "button" }, title);
    button.addEventListener("click", () => {
      sort = { key, descending: sort.key === key ? !sort.descending : kind !== "text" };
      views();
    });
    return element("th", { scope: "col", class: kind, "data-key": key }, button);
  });
  byId("views").append(element("thead", {}, element("tr", {}, ...heads)), element("tbody"));
}
function views() {
  if (!snapshot) return;
  const wanted = byId("filter").value.trim().toLowerCase();
  const of = COLUMNS.find(([key]) => key === sort.key)[2];
  const rows = snapshot.views.filter((view) => !wanted || view.name.toLowerCase().includes(wanted) || view.lane === wanted).sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    // What is not known comes last, whichever way.
    if (x == null || y == null) return (x == null) - (y == null);
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return sort.descending ? -order : order;
  });
  for (const head of byId("views").querySelectorAll("th[data-key]")) {
    if (head.dataset.key === sort.key) head.setAttribute("aria-sort", sort.descending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  replace(byId("views").querySelector("tbody"), ...rows.map((view) => element("tr", { class: view.lane },
    element("th", { scope: "row" }, view.name), element("td", { class: "text" }, element("span", { class: "swatch" }, view.lane)),
    element("td", { class: `text ${view.health}` }, element("span", { class: "sign" }, `${SIGN[view.health]} ${view.health}`)),
    figure("td", view.latency, "p50", 0.5), figure("td", view.latency, "p99", 0.99),
    figure("td", view.staleness, "p50", 0.5), figure("td", view.staleness, "p99", 0.99),
    element("td", {}, view.served == null ? DASH : `${count(view.served)}/s`), element("td", {}, percent(view.stale_share)), element("td", {}, percent(view.not_found_share)))));
}

function errors() {
  const rows = (snapshot.errors || []).map((error) => element("tr", { class: error.lane },
    element("th", { scope: "row" }, `${error.view}.${error.feature}`), element("td", { class: "text" }, element("span", { class: "swatch" }, error.lane)),
    element("td", {}, percent(error.compared_count ? error.equal_count / error.compared_count : null)),
    element("td", {}, percent(error.median)), element("td", {}, percent(error.p90)), element("td", {}, time(error.age))));
  replace(byId("error-table").querySelector("tbody"), ...rows);
  const left = snapshot.truncated_count;
  say("truncated", left ? `${count(left)} more were not compared: events that the exact value needs are gone.` : "");
  const names = [...new Set([...(snapshot.errors || []).map((error) => `${error.view}.${error.feature}`), ...errorPoints.map((point) => point.feature)])].sort();
  const choice = byId("feature");
  const chosen = choice.value;
  // One that was chosen stays, though nothing of it has been compared lately.
  if (chosen && !names.includes(chosen)) names.push(chosen);
  if (names.join() !== [...choice.options].slice(1).map((option) => option.value).join()) {
    choice.replaceChildren(element("option", { value: "" }, "all"), ...names.map((name) => element("option", { value: name }, name)));
    choice.value = chosen;
  }
  draw("errors", errorPlot(byId("errors"), errorPoints.filter((point) => !chosen || point.feature === chosen)));
}

const lastObjectives = new Map();
function objectives() {
  replace(byId("objectives"), ...(snapshot.objectives.length ? snapshot.objectives.map((objective) => element("li", { class: objective.health },
    element("span", { class: "sign", role: "img", "aria-label": objective.health }, SIGN[objective.health]), element("span", {}, objective.text.replace("<=", "≤")), element("b", {}, time(objective.measured))))
    : [element("li", {}, "the pipeline has no slo:")]));
  const changed = [];
  for (const objective of snapshot.objectives) {
    const before = lastObjectives.get(objective.text);
    if (before && before !== objective.health) changed.push(`${objective.text}: ${objective.health}`);
    lastObjectives.set(objective.text, objective.health);
  }
  if (changed.length) say("alert", changed.join("; "));
}
function probes() {
  const { probes } = snapshot;
  byId("probes-part").hidden = !probes;
  if (!probes) return;
  const delay = probes.delay ? `, p50 ${time(probes.delay.p50)}, p99 ${time(probes.delay.p99)}` : "";
  const served = probes.server_delay ? `; by the server p99 ${time(probes.server_delay.p99)}` : "";
  say("probes-summary", `${probes.view}: ${count(probes.visible)} of ${count(probes.sent)} back${delay}${served}`);
  replace(byId("probes"), ...probes.partitions.map((partition) => element("li", { class: partition.health },
    `${SIGN[partition.health]} ${partition.partition}: ${partition.in_flight_age > 1000 ? `${time(partition.in_flight_age)} under way` : time(partition.last_delay)}`)));
}
function targets() {
  replace(byId("targets"), ...snapshot.targets.map((target) => {
    const offset = target.clock_offset != null && Math.abs(target.clock_offset) > target.clock_offset_error
      ? `, clock ${target.clock_offset > 0 ? "+" : ""}${target.clock_offset.toFixed(0)} ± ${target.clock_offset_error.toFixed(0)} ms` : "";
    const ago = target.health === "silent" ? `, silent ${target.answered_ago == null ? "from the start" : `for ${time(target.answered_ago)}`}` : "";
    return element("li", { class: target.health, title: [target.address, ...(target.reasons || [])].join("\n") },
      element("span", { "aria-hidden": "true" }, `${SIGN[target.health]} `), `${(target.roles || []).join(" + ") || target.address}${ago}${offset}`,
      element("span", { class: "visually-hidden" }, ` (${target.health}, ${target.address})`));
  }));
}
function events() {
  if (!snapshot.events.length) return replace(byId("events"), element("li", {}, "nothing yet"));
  replace(byId("events"), ...[...snapshot.events].reverse().map((event) => element("li", { class: event.level },
    element("time", { datetime: new Date(event.at).toISOString() }, clock(event.at)), element("span", { "aria-hidden": "true" }, `${EVENT_SIGN[event.level] || ""} `), event.text)));
}
function legends(lanes) {
  for (const legend of document.querySelectorAll("[data-legend]")) {
    const wanted = legend.dataset.legend ? legend.dataset.legend.split(" ").filter((lane) => lanes.includes(lane)) : lanes;
    if (legend.dataset.shown === wanted.join()) continue;
    legend.dataset.shown = wanted.join();
    legend.replaceChildren(...wanted.map((lane) => {
      const plot = shape("svg", { viewBox: "0 0 30 10", "aria-hidden": "true" });
      plot.append(shape("path", { class: `series ${lane}`, d: "M0 5L30 5" }), marker(lane, 15, 5, "mark"));
      return element("span", {}, plot, lane);
    }));
  }
}

function render() {
  if (!snapshot) return;
  const lanes = snapshot.lanes.map((lane) => lane.lane);
  say("pipeline", snapshot.pipeline);
  const seconds = Math.floor(snapshot.elapsed_seconds);
  say("elapsed", `watched for ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`);
  say("window", snapshot.window_seconds ? `percentiles over ${snapshot.window_seconds} s` : "percentiles since the start");
  const bad = snapshot.lanes.filter((lane) => lane.health === "violated" || lane.health === "silent");
  document.title = `${bad.map((lane) => `${lane.lane} ${lane.health}, `).join("")}${snapshot.pipeline} – Freshet`;
  targets();
  replace(byId("tiles"), ...snapshot.lanes.map(tile));
  legends(lanes);
  draw("staleness", stalenessPlot(byId("staleness"), history, lanes));
  draw("curve", curvePlot(byId("curve"), snapshot.lanes, snapshot.objectives));
  draw("stages", stagePlot(byId("stages"), snapshot.stages, { kind: "stage", total: "event -> visible", label: small }));
  draw("phases", stagePlot(byId("phases"), snapshot.phases, { kind: "phase", label: small }));
  errors();
  flow();
  objectives();
  probes();
  events();
  views();
}

// The stream

// The monitor speaks twice a second.
const PATIENCE = 1600;
let source = null;
let heardAt = performance.now();
let openedAt = 0;
let pause = 1000;
let lostAt = null;

function hear(state, text) {
  heardAt = performance.now();
  pause = 1000;
  lostAt = null;
  document.body.className = state;
  say("connection", text);
}
function take(event, isFull) {
  let received;
  try { received = JSON.parse(event.data); } catch { return; }
  if (isFull) { history = received.history; errorPoints = received.error_points; }
  else {
    const last = history.length ? history[history.length - 1].at : 0;
    history.push(...received.history.filter((point) => point.at > last));
    history.splice(0, Math.max(0, history.length - 600));
    errorPoints.push(...received.error_points);
    errorPoints.splice(0, Math.max(0, errorPoints.length - 400));
  }
  snapshot = received;
  hear("live", "live");
  try { render(); } catch (error) {
    // Half a picture must not look like a whole one.
    console.error(error);
    hear("lost", `this page cannot show what it was sent (${error.message}); loading it anew may help`);
  }
}
function open() {
  if (source) source.close();
  openedAt = performance.now();
  source = new EventSource("events");
  source.addEventListener("full", (event) => take(event, true));
  source.addEventListener("update", (event) => take(event, false));
  source.addEventListener("waiting", () => hear("waiting", "nothing has been seen yet"));
}
/// A connection that is open and says nothing counts as lost, too; the browser itself would wait for ever.
function watch() {
  const now = performance.now();
  if (now - heardAt < PATIENCE) return;
  lostAt ??= Date.now() - (now - heardAt);
  document.body.className = "lost";
  document.title = "no word from the monitor – Freshet";
  say("connection", `no word from the monitor since ${clock(lostAt)}; trying again`);
  if (now - openedAt > pause) { pause = Math.min(pause * 1.5, 5000); open(); }
}

// What the user does

const isDark = matchMedia("(prefers-color-scheme: dark)");
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").setAttribute("aria-pressed", theme === "dark");
}
const asked = new URLSearchParams(location.search).get("theme");
let chosen = asked === "dark" || asked === "light" ? asked : null;
setTheme(chosen || (isDark.matches ? "dark" : "light"));
isDark.addEventListener("change", () => { if (!chosen) setTheme(isDark.matches ? "dark" : "light"); });
byId("theme").addEventListener("click", () => {
  chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  setTheme(chosen);
});
byId("filter").addEventListener("input", views);
byId("feature").addEventListener("change", render);
addEventListener("resize", render);
viewsHead();
setInterval(watch, 200);
open();
