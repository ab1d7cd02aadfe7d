// The monitor's page: takes snapshots as server-sent events and draws them. Texts from outside go into text nodes only.
"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LANES = { rt: "computed inside the request", nrt: "by the stream, ahead of the request", batch: "by runs over the archive" };
  const LATENCY = { rt: "to answer", nrt: "event to Redis", batch: "of a run" };
  const DASH = "–";
  const byId = (id) => document.getElementById(id);
  let snapshot = null;
  let history = [];
  let errorPoints = [];
  let sort = { key: "name", descending: false };
  const lastObjectives = new Map();

  // Elements

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value != null) made.setAttribute(name, value);
    made.append(...children.filter((child) => child != null));
    return made;
  }
  function shape(tag, attributes = {}, text) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text != null) made.textContent = text;
    return made;
  }
  function drawing(width, height, summary) {
    const made = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": summary });
    return made;
  }
  const replace = (id, ...children) => byId(id).replaceChildren(...children);

  // Numbers

  function time(ms) {
    if (ms == null) return DASH;
    if (ms < 0.01) return "0 ms";
    if (ms < 10) return `${ms.toFixed(1)} ms`;
    if (ms < 1000) return `${ms.toFixed(0)} ms`;
    if (ms < 120000) return `${(ms / 1000).toFixed(1)} s`;
    if (ms < 7200000) return `${(ms / 60000).toFixed(0)} min`;
    return `${(ms / 3600000).toFixed(1)} h`;
  }
  const small = (ms) => (ms == null ? DASH : ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : time(ms));
  function count(value) {
    if (value == null) return DASH;
    if (value < 1000) return value < 10 && value % 1 ? value.toFixed(1) : value.toFixed(0);
    return value < 1e6 ? `${(value / 1e3).toPrecision(3)}k` : `${(value / 1e6).toPrecision(3)}M`;
  }
  function percent(fraction) {
    if (fraction == null) return DASH;
    const value = fraction * 100;
    return value === 0 || value >= 10 ? `${value.toFixed(0)} %` : `${value.toFixed(1)} %`;
  }
  const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });
  const sign = { ok: "✓", violated: "!", silent: "✕", unknown: DASH };
  const word = { ok: "ok", violated: "violated", silent: "silent", unknown: "unknown" };
  /// At least one sample has to lie beyond a percentile.
  const isFirm = (percentiles, share) => percentiles.count * (1 - share) >= 1;
  function figure(tag, percentiles, name, share, attributes = {}) {
    const made = element(tag, attributes, percentiles ? time(percentiles[name]) : DASH);
    if (percentiles && !isFirm(percentiles, share)) {
      made.classList.add("few");
      made.title = `only ${percentiles.count} samples: too few for p${share * 100}`;
    }
    return made;
  }

  // Lanes

  function tile(lane) {
    const latency = lane.latency;
    const staleness = lane.staleness;
    const error = lane.lane === "rt" ? "exact" : percent(lane.error_median);
    const compared = lane.lane === "rt" ? "" : lane.compared_count ? `p90 ${percent(lane.error_p90)}` : "not compared";
    const reasons = (lane.reasons || []).slice(0, 3).map((reason) => element("p", { class: "reasons" }, reason));
    return element("article", { class: `tile ${lane.lane}`, "data-lane": lane.lane, "data-health": lane.health },
      element("header", {}, element("h3", {}, lane.lane),
        element("span", { class: `state ${lane.health}` }, `${sign[lane.health]} ${word[lane.health]}`)),
      element("p", { class: "means" }, LANES[lane.lane] || ""),
      element("dl", {},
        element("dt", {}, `latency, ${LATENCY[lane.lane] || ""}`),
        figure("dd", latency, "p50", 0.5, { "data-field": "latency" }),
        prefixed("p99 ", figure("span", latency, "p99", 0.99)),
        element("dt", {}, "age when read"),
        element("dd", { "data-field": "now" }, time(lane.staleness_now)),
        prefixed("p99 ", figure("span", staleness, "p99", 0.99)),
        element("dt", {}, "error"), element("dd", {}, error), element("dd", { class: "more" }, compared)),
      lane.cost ? element("p", { class: "cost" }, `costs ${lane.cost}`) : null, ...reasons);
  }
  const prefixed = (text, child) => element("dd", { class: "more" }, text, child);

  // Plots

  function ticks(low, high) {
    const values = [];
    for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) values.push(power);
    return values;
  }
  function logScale(values, top, bottom, floor = 0.1) {
    const known = values.filter((value) => value != null).map((value) => Math.max(value, floor));
    const low = Math.floor(Math.log10(known.length ? Math.min(...known) : floor));
    const high = Math.max(low + 1, Math.ceil(Math.log10(known.length ? Math.max(...known) : 1000)));
    const y = (value) => bottom - ((Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)) * (bottom - top);
    return { y, low, high };
  }
  function logAxis(plot, scale, left, right, label) {
    for (const power of ticks(scale.low, scale.high)) {
      if (power < scale.low || power > scale.high) continue;
      const y = scale.y(10 ** power);
      plot.append(shape("line", { class: "grid", x1: left, x2: right, y1: y, y2: y }));
      plot.append(shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, label(10 ** power)));
    }
  }
  function nothing(width, height, text) {
    const plot = drawing(width, height, text);
    plot.append(shape("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, text));
    return plot;
  }
  const marker = (lane, x, y, name) => lane === "rt" ? shape("circle", { class: `${name} rt`, cx: x, cy: y, r: 3.2 })
    : lane === "nrt" ? shape("rect", { class: `${name} nrt`, x: x - 3, y: y - 3, width: 6, height: 6 })
    : shape("path", { class: `${name} batch`, d: `M${x} ${y - 4}L${x + 4} ${y + 3}L${x - 4} ${y + 3}Z` });
  const lanesOf = () => (snapshot ? snapshot.lanes.map((lane) => lane.lane) : []);
  const size = (id, height) => [Math.max(300, Math.round(byId(id).clientWidth || 600)), height];

  function staleness() {
    const [width, height] = size("staleness", 230);
    const [left, right, top, bottom] = [58, width - 12, 10, height - 24];
    const points = history.slice(-600);
    if (points.length < 2) return nothing(width, height, "nothing to draw yet");
    const end = points[points.length - 1].at;
    const start = Math.max(points[0].at, end - 600000);
    const x = (at) => left + ((at - start) / Math.max(1, end - start)) * (right - left);
    const all = points.flatMap((point) => Object.values(point.staleness_p99 || {}));
    const scale = logScale(all, top, bottom, 1);
    const last = lanesOf().map((lane) => `${lane} ${time((points[points.length - 1].staleness_p99 || {})[lane])}`);
    const plot = drawing(width, height, `Age of a value by lane over time. Now: ${last.join(", ")}.`);
    logAxis(plot, scale, left, right, time);
    for (let at = Math.ceil(start / 60000) * 60000; at <= end; at += end - start > 240000 ? 120000 : end - start > 90000 ? 60000 : 15000) {
      plot.append(shape("text", { x: x(at), y: height - 6, "text-anchor": "middle" }, clock(at)));
    }
    // Seconds in which nobody said anything.
    let quiet = null;
    for (const point of points) {
      const known = point.read != null;
      if (!known && quiet == null) quiet = point.at;
      if ((known || point === points[points.length - 1]) && quiet != null) {
        if (point.at - quiet >= 1500) plot.append(shape("rect", { class: "silence", x: x(quiet), y: top, width: Math.max(1, x(point.at) - x(quiet)), height: bottom - top }));
        quiet = null;
      }
    }
    for (const lane of lanesOf()) plot.append(...line(points, (point) => (point.staleness_p99 || {})[lane], x, scale.y, lane));
    return plot;
  }
  /// A line with a gap wherever nothing is known, and a mark at its end.
  function line(points, value, x, y, lane) {
    let path = "";
    let isOpen = false;
    let end = null;
    for (const point of points) {
      const found = value(point);
      if (found == null) { isOpen = false; continue; }
      path += `${isOpen ? "L" : "M"}${x(point.at).toFixed(1)} ${y(found).toFixed(1)}`;
      isOpen = true;
      end = [x(point.at), y(found)];
    }
    if (!end) return [];
    return [shape("path", { class: `series ${lane}`, d: path }), marker(lane, end[0], end[1], "mark")];
  }

  function curve() {
    const [width, height] = size("curve", 230);
    const [left, right, top, bottom] = [58, width - 16, 10, height - 26];
    const lanes = snapshot.lanes.filter((lane) => (lane.curve || []).length > 1);
    if (!lanes.length) return nothing(width, height, "no latencies yet");
    const place = (percentile) => -Math.log10(1 - Math.min(percentile, 99.99) / 100);
    const x = (percentile) => left + (place(percentile) / place(99.99)) * (right - left);
    const scale = logScale(lanes.flatMap((lane) => lane.curve.map((point) => point.milliseconds)), top, bottom, 0.01);
    const plot = drawing(width, height, `Latency by percentile. ${lanes.map((lane) => `${lane.lane}: p50 ${time(lane.latency.p50)}, p99 ${time(lane.latency.p99)}`).join("; ")}.`);
    logAxis(plot, scale, left, right, small);
    for (const percentile of [0, 50, 90, 99, 99.9]) {
      plot.append(shape("line", { class: "grid", x1: x(percentile), x2: x(percentile), y1: top, y2: bottom }));
      plot.append(shape("text", { x: x(percentile), y: height - 8, "text-anchor": "middle" }, percentile ? `p${percentile}` : "min"));
    }
    for (const lane of lanes) {
      const points = lane.curve.map((point) => ({ at: point.percentile, value: point.milliseconds }));
      plot.append(...line(points, (point) => point.value, x, scale.y, lane.lane));
    }
    return plot;
  }

  function bars(id, stages, name, label) {
    const row = 24;
    const [width] = size(id, 0);
    const known = stages.filter((stage) => stage.duration);
    if (!known.length) return nothing(width, 60, "nothing measured yet");
    const height = stages.length * row + 6;
    const left = name === "phase" ? 76 : 132;
    const right = width - 138;
    const most = Math.max(...known.map((stage) => stage.duration.p99), 1e-6);
    const x = (value) => left + (value / most) * (right - left);
    const plot = drawing(width, height, known.map((stage) => `${stage.name}: p50 ${label(stage.duration.p50)}, p99 ${label(stage.duration.p99)}`).join("; "));
    stages.forEach((stage, index) => {
      const y = index * row + 4;
      plot.append(shape("text", { x: left - 8, y: y + 13, "text-anchor": "end" }, stage.name.replace("->", "→")));
      if (!stage.duration) { plot.append(shape("text", { x: left, y: y + 13 }, DASH)); return; }
      const { p50, p99 } = stage.duration;
      const kind = name === "phase" ? "phase" : stage.name === "event -> visible" ? "total" : "";
      plot.append(shape("rect", { class: `bar ${kind}`, x: left, y: y + 2, width: Math.max(1.5, x(p50) - left), height: 14, rx: 2 }));
      plot.append(shape("line", { class: "whisker", x1: x(p50), x2: x(p99), y1: y + 9, y2: y + 9 }));
      plot.append(shape("line", { class: "whisker", x1: x(p99), x2: x(p99), y1: y + 4, y2: y + 14 }));
      plot.append(shape("text", { class: "value", x: width, y: y + 13, "text-anchor": "end" }, `${label(p50)} · ${label(p99)}`));
    });
    return plot;
  }

  function errors() {
    const [width, height] = size("errors", 210);
    const [left, right, top, bottom] = [50, width - 14, 10, height - 26];
    const wanted = byId("feature").value;
    const points = errorPoints.filter((point) => !wanted || point.feature === wanted);
    if (!points.length) return nothing(width, height, "no values compared yet");
    const ages = points.map((point) => Math.max(point.age, 1));
    const low = Math.floor(Math.log10(Math.min(...ages)));
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...ages))));
    const x = (age) => left + ((Math.log10(Math.max(age, 1)) - low) / (high - low)) * (right - left);
    const most = Math.max(0.1, ...points.map((point) => Math.min(point.error, 2)));
    const y = (error) => bottom - (Math.min(error, 2) / most) * (bottom - top);
    const exact = points.filter((point) => point.error < 1e-9).length;
    const plot = drawing(width, height, `Error against age of ${points.length} compared values, of which ${exact} were exact.`);
    for (let power = low; power <= high; power += 1) plot.append(shape("text", { x: x(10 ** power), y: height - 8, "text-anchor": "middle" }, time(10 ** power)));
    for (const share of [0, 0.5, 1]) {
      plot.append(shape("line", { class: "grid", x1: left, x2: right, y1: y(most * share), y2: y(most * share) }));
      plot.append(shape("text", { x: left - 6, y: y(most * share) + 4, "text-anchor": "end" }, percent(most * share)));
    }
    for (const point of points) plot.append(marker(point.lane, x(point.age), y(point.error), "dot"));
    return plot;
  }

  function spark(values) {
    const plot = shape("svg", { viewBox: "0 0 120 26", preserveAspectRatio: "none", "aria-hidden": "true" });
    const known = values.filter((value) => value != null);
    if (known.length < 2) return plot;
    const most = Math.max(...known, 1e-9);
    let path = "";
    let isOpen = false;
    values.forEach((value, index) => {
      if (value == null) { isOpen = false; return; }
      path += `${isOpen ? "L" : "M"}${((index / (values.length - 1)) * 120).toFixed(1)} ${(24 - (value / most) * 22).toFixed(1)}`;
      isOpen = true;
    });
    plot.append(shape("path", { class: "spark", d: path }));
    return plot;
  }

  // Tables

  function flow() {
    const { flow } = snapshot;
    const recent = history.slice(-120);
    const parts = [
      ["generated", flow.generated, "/s", (point) => point.generated], ["read from Kafka", flow.read, "/s", (point) => point.read],
      ["rows to Redis", flow.rows, "/s", (point) => point.rows], ["requests", flow.requests, "/s", (point) => point.requests],
      ["archived", flow.archived, "/s"], ["lag, records", flow.lag, "", (point) => point.lag], ["archive lag", flow.archive_lag, ""],
      ["requests waiting", flow.waiting_requests, ""], ["keys in state", flow.keys, ""],
    ].filter(([, value, , of]) => value != null || (of && recent.some((point) => of(point) != null)));
    replace("flow", ...parts.map(([name, value, unit, of]) =>
      element("div", {}, element("span", {}, name), element("b", {}, value == null ? DASH : count(value) + unit), of ? spark(recent.map(of)) : null)));
    const uncounted = Object.entries(flow.uncounted || {});
    byId("uncounted").textContent = uncounted.length ? `Not counted: ${uncounted.map(([reason, rate]) => `${reason} ${count(rate)}/s`).join(", ")}` : "";
  }

  const columns = [
    ["name", "view", (view) => view.name, (view) => view.name, true], ["lane", "lane", (view) => view.lane, null, true],
    ["health", "state", (view) => view.health, null, true],
    ["p50", "latency p50", (view) => view.latency && view.latency.p50], ["p99", "p99", (view) => view.latency && view.latency.p99],
    ["age50", "age p50", (view) => view.staleness && view.staleness.p50], ["age99", "p99", (view) => view.staleness && view.staleness.p99],
    ["served", "served", (view) => view.served], ["stale", "stale", (view) => view.stale_share], ["missing", "not found", (view) => view.not_found_share],
  ];
  function viewsHead() {
    const row = element("tr");
    for (const [key, title, , , isText] of columns) {
      const button = element("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        sort = { key, descending: sort.key === key ? !sort.descending : !isText };
        views();
      });
      row.append(element("th", { scope: "col", class: isText ? "text" : null, "data-key": key }, button));
    }
    byId("views").append(element("thead", {}, row), element("tbody"));
  }
  function views() {
    const filter = byId("filter").value.toLowerCase();
    const by = columns.find(([key]) => key === sort.key)[2];
    const rows = (snapshot ? snapshot.views : []).filter((view) => `${view.name}@${view.lane}`.toLowerCase().includes(filter));
    rows.sort((left, right) => {
      const [a, b] = [by(left) ?? "", by(right) ?? ""];
      const order = typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b)) : a - b;
      return sort.descending ? -order : order;
    });
    for (const head of byId("views").querySelectorAll("th")) {
      if (head.dataset.key === sort.key) head.setAttribute("aria-sort", sort.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    byId("views").querySelector("tbody").replaceChildren(...rows.map((view) => element("tr", { class: view.lane },
      element("td", {}, view.name), element("td", { class: "text" }, element("span", { class: "swatch" }, view.lane)),
      element("td", { class: `text ${view.health}` }, element("span", { class: "sign" }, `${sign[view.health]} ${word[view.health]}`)),
      figure("td", view.latency, "p50", 0.5), figure("td", view.latency, "p99", 0.99),
      figure("td", view.staleness, "p50", 0.5), figure("td", view.staleness, "p99", 0.99),
      element("td", {}, view.served == null ? DASH : `${count(view.served)}/s`), element("td", {}, percent(view.stale_share)), element("td", {}, percent(view.not_found_share)))));
  }
  function errorTable() {
    const rows = (snapshot.errors || []).map((error) => element("tr", { class: error.lane },
      element("td", {}, `${error.view}.${error.feature}`), element("td", { class: "text" }, element("span", { class: "swatch" }, error.lane)),
      element("td", {}, percent(error.compared_count ? error.equal_count / error.compared_count : null)),
      element("td", {}, percent(error.median)), element("td", {}, percent(error.p90)), element("td", {}, time(error.age))));
    const head = element("tr", {}, ...["feature", "lane", "equal", "error p50", "p90", "age p50"].map((title, index) =>
      element("th", { scope: "col", class: index < 2 ? "text" : null }, title)));
    replace("error-table", element("caption", {}, "Error by feature"), element("thead", {}, head), element("tbody", {}, ...rows));
    const names = [...new Set(errorPoints.map((point) => point.feature))].sort();
    const choice = byId("feature");
    if (names.join() !== [...choice.options].slice(1).map((option) => option.value).join()) {
      const chosen = choice.value;
      choice.replaceChildren(element("option", { value: "" }, "all"), ...names.map((name) => element("option", { value: name }, name)));
      choice.value = names.includes(chosen) ? chosen : "";
    }
  }
  function objectives() {
    replace("objectives", ...(snapshot.objectives.length ? snapshot.objectives.map((objective) => element("li", { class: objective.health },
      element("span", { class: "sign" }, sign[objective.health]), element("span", {}, objective.text.replace("<=", "≤")), element("b", {}, time(objective.measured))))
      : [element("li", {}, "the pipeline has no slo:")]));
    for (const objective of snapshot.objectives) {
      const before = lastObjectives.get(objective.text);
      if (before && before !== objective.health) byId("alert").textContent = `${objective.text}: ${word[objective.health]}`;
      lastObjectives.set(objective.text, objective.health);
    }
    const { probes } = snapshot;
    byId("probes-part").hidden = !probes;
    if (!probes) return;
    byId("probes-summary").textContent = `${probes.view}: ${probes.visible} of ${probes.sent} back${probes.delay ? `, p50 ${time(probes.delay.p50)}, p99 ${time(probes.delay.p99)}` : ""}`;
    replace("probes", ...probes.partitions.map((partition) => element("li", { class: partition.health },
      `${sign[partition.health]} ${partition.partition}: ${partition.in_flight_age > 1000 ? `${time(partition.in_flight_age)} under way` : time(partition.last_delay)}`)));
  }
  function targets() {
    replace("targets", ...snapshot.targets.map((target) => {
      const offset = target.clock_offset != null && Math.abs(target.clock_offset) > target.clock_offset_error
        ? `, clock ${target.clock_offset > 0 ? "+" : ""}${target.clock_offset.toFixed(0)} ± ${target.clock_offset_error.toFixed(0)} ms` : "";
      const ago = target.health === "silent" && target.answered_ago != null ? `, silent for ${time(target.answered_ago)}` : "";
      return element("li", { class: target.health, title: [target.address, ...(target.reasons || [])].join("\n") },
        `${sign[target.health]} ${(target.roles || []).join(" + ") || target.address}${ago}${offset}`);
    }));
  }
  function events() {
    replace("events", ...[...snapshot.events].reverse().map((event) => element("li", {},
      element("time", {}, clock(event.at)), element("span", { class: event.level }, event.text))));
  }
  function legends() {
    for (const legend of document.querySelectorAll("[data-legend]")) {
      const wanted = legend.dataset.legend ? legend.dataset.legend.split(" ").filter((lane) => lanesOf().includes(lane)) : lanesOf();
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
    byId("pipeline").textContent = snapshot.pipeline;
    const seconds = Math.floor(snapshot.elapsed_seconds);
    byId("elapsed").textContent = `watched for ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    byId("window").textContent = snapshot.window_seconds ? `percentiles over ${snapshot.window_seconds} s` : "percentiles since the start";
    targets();
    replace("tiles", ...snapshot.lanes.map(tile));
    legends();
    replace("staleness", staleness());
    replace("curve", curve());
    replace("stages", bars("stages", snapshot.stages, "stage", time));
    replace("phases", bars("phases", snapshot.phases, "phase", small));
    errorTable();
    replace("errors", errors());
    flow();
    objectives();
    events();
    views();
  }

  // The stream

  let source = null;
  let heardAt = performance.now();
  let openedAt = 0;
  let patience = 1000;
  let lostAt = null;
  function take(event, isFull) {
    let received;
    try { received = JSON.parse(event.data); } catch { return; }
    heardAt = performance.now();
    patience = 1000;
    if (isFull) { history = received.history; errorPoints = received.error_points; }
    else {
      const last = history.length ? history[history.length - 1].at : 0;
      history.push(...received.history.filter((point) => point.at > last));
      history.splice(0, Math.max(0, history.length - 600));
      errorPoints.push(...received.error_points);
      errorPoints.splice(0, Math.max(0, errorPoints.length - 400));
    }
    snapshot = received;
    lostAt = null;
    document.body.className = "live";
    byId("connection").textContent = "live";
    render();
  }
  function open() {
    if (source) source.close();
    openedAt = performance.now();
    source = new EventSource("events");
    source.addEventListener("full", (event) => take(event, true));
    source.addEventListener("update", (event) => take(event, false));
  }
  setInterval(() => {
    const now = performance.now();
    if (now - heardAt < 1800) return;
    if (!lostAt) lostAt = Date.now() - (now - heardAt);
    document.body.className = "lost";
    byId("connection").textContent = `no word from the monitor since ${clock(lostAt)}; trying again`;
    if (now - openedAt > patience) { patience = Math.min(patience * 1.5, 5000); open(); }
  }, 250);

  // What the user does

  function setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    byId("theme").setAttribute("aria-pressed", theme === "dark");
    byId("theme").textContent = theme === "dark" ? "Light" : "Dark";
  }
  const asked = new URLSearchParams(location.search).get("theme");
  setTheme(asked || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  byId("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  byId("filter").addEventListener("input", views);
  byId("feature").addEventListener("change", render);
  addEventListener("resize", render);
  viewsHead();
  open();
})();
