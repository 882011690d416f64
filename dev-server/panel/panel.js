// The control panel: shows what /api/events sends and turns every control into one order.
const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en");

// Names of plan fields as people read them; the keys are those of the API.
const LIVE = {
  drop_percent: "withhold, %", drop_every: "withhold every n-th row", corrupt_percent: "flip bytes, %",
  wrong_version_percent: "wrong version, %", duplicate_percent: "send twice, %", collide_percent: "send look-alikes, %",
  reorder_window: "reorder within, batches", delay_ms: "delay, ms", delay_jitter_ms: "and up to, ms", silent: "no watermarks",
};
const REPLIES = {
  none_percent: "no answer, %", error_percent: "error, %", wrong_correlation_percent: "wrong correlation id, %",
  repeat_page_percent: "page repeated, %", empty_page_percent: "empty page, has more, %", page_rows: "rows of a page at most",
  slow_ms: "slow, ms", watermark_offset: "watermark ahead (or behind), rows",
};
// Buttons that inject one fault: name, label, the number's label and its default, the command.
const INJECT = [
  ["skip", "Skip a range", "rows", 50, (n) => ({ skip: { rows: n } })],
  ["lose-tail", "Lose the tail", "batches", 3, (n) => ({ "lose-tail": { batches: n } })],
  ["stall", "Stall", "ms", 3000, (n) => ({ stall: { for_ms: n } })],
  ["burst", "Burst", "batches", 100, (n) => ({ burst: { batches: n } })],
  ["duplicate", "Send twice", "batches", 5, (n) => ({ duplicate: { batches: n } })],
  ["reorder", "Reorder", "batches", 10, (n) => ({ reorder: { batches: n } })],
  ["corrupt", "Flip bytes", "batches", 5, (n) => ({ corrupt: { batches: n } })],
  ["wrong-version", "Wrong version", "batches", 5, (n) => ({ "wrong-version": { batches: n } })],
  ["collide", "Look-alikes", "batches", 5, (n) => ({ collide: { batches: n } })],
  ["trim", "Trim history to", "rows", 100, (n) => ({ trim: { keep_rows: n } })],
];
const INJECT_ALL = [
  ["disconnect", "Disconnect peers", null, 0, () => "disconnect"],
  ["refuse", "Refuse connections", "ms", 2000, (n) => ({ refuse: { for_ms: n } })],
  ["restart", "Restart, same epoch", "ms down", 500, (n) => ({ restart: { down_ms: n } })],
  ["new-epoch", "Restart, new epoch, losing", "rows", 50,
    (n) => ({ restart: { epoch: { new: { sequences: "continue", lose_rows: n } } } })],
  ["from-one", "Restart, new epoch from 1", null, 0, () => ({ restart: { epoch: { new: { sequences: "from-one" } } } })],
];

let view = null;
let shown = "";
const chosen = new Set();

function say(text, bad = false) {
  $("said").textContent = text;
  $("said").className = bad ? "bad" : "";
}

async function call(method, path, body, type = "application/json") {
  const answer = await fetch(path, { method, headers: body === undefined ? {} : { "content-type": type }, body });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `${answer.status}`);
  return answer;
}

async function order(command, whole = false) {
  const stream = whole ? "" : $("target").value;
  const body = JSON.stringify({ ...(stream && { stream }), do: command });
  try {
    await call("POST", "/api/orders", body);
    say(`done: ${JSON.stringify(command)}${stream ? ` for ${stream}` : ""}`);
  } catch (error) {
    say(`not done: ${error.message}`, true);
  }
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function injectors(into, list, whole) {
  for (const [name, label, unit, initial, command] of list) {
    const field = unit && element("input", { type: "number", min: 0, value: initial, ariaLabel: `${label}, ${unit}` });
    const button = element("button", { type: "button", textContent: label });
    button.dataset.inject = name;
    button.onclick = () => order(command(field ? Number(field.value) : 0), whole);
    into.append(element("span", {}, button, ...(field ? [field, unit] : [])));
  }
}

function planForm(form, names, command) {
  const grid = form.querySelector(".grid");
  for (const [key, label] of Object.entries(names)) {
    const field = element("input", { name: key, id: `plan-${key}`, type: key === "silent" ? "checkbox" : "number", step: "any" });
    grid.append(element("label", { htmlFor: field.id, textContent: label }), field);
  }
  form.onsubmit = (event) => {
    event.preventDefault();
    const plan = {};
    for (const key of Object.keys(names)) {
      const field = form.elements[key];
      plan[key] = field.type === "checkbox" ? field.checked : Number(field.value || 0);
    }
    order(command(plan));
  };
}

// Shows what holds for the target, unless somebody is typing there.
function fillForms() {
  const stream = view?.streams.find((one) => one.topic === $("target").value) ?? view?.streams[0];
  if (!stream) return;
  const fill = (form, values) => {
    if (form.contains(document.activeElement)) return;
    for (const field of form.elements) {
      if (!(field.name in values)) continue;
      if (field.type === "checkbox") field.checked = values[field.name];
      else field.value = values[field.name];
    }
  };
  fill($("rate"), stream);
  fill($("live-plan"), stream.live);
  fill($("reply-plan"), stream.reply_faults);
}

const KIND = { sent: "sent", withheld: "withheld", corrupt: "damaged", "wrong-version": "damaged" };

function draw(canvas, strip) {
  const scale = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const style = getComputedStyle(document.documentElement);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const step = width / 240;
  strip.forEach((cell, at) => {
    const kind = KIND[cell.what] ?? "odd";
    pen.fillStyle = style.getPropertyValue(`--${kind}`);
    // What did not arrive hangs from the top, what did stands at the bottom: readable without colours.
    const [from, part] = { sent: [0.5, 0.5], withheld: [0, 0.5], damaged: [0, 0.75], odd: [0.25, 0.75] }[kind];
    pen.fillRect(at * step, from * height, Math.max(step - scale / 2, 1), part * height);
  });
}

function streamRow(topic) {
  const row = element("tr");
  row.dataset.topic = topic;
  const names = ["topic", "state", "served", "rows", "published", "withheld", "replayed"];
  for (const name of names) {
    const cell = element(name === "topic" ? "th" : "td", { className: names.indexOf(name) > 1 ? "n" : "" });
    if (name === "topic") cell.scope = "row";
    cell.dataset.is = name;
    row.append(cell);
  }
  row.append(element("td", {}, element("canvas", { ariaLabel: `last batches of ${topic}` })));
  return row;
}

function showStreams(streams) {
  const body = $("streams");
  const topics = new Set(streams.map((one) => one.topic));
  for (const row of [...body.children]) if (!topics.has(row.dataset.topic)) row.remove();
  streams.forEach((stream, at) => {
    let row = body.children[at];
    if (row?.dataset.topic !== stream.topic) {
      row = streamRow(stream.topic);
      body.insertBefore(row, body.children[at] ?? null);
    }
    const texts = {
      topic: stream.topic, state: stream.running ? `every ${stream.tick_ms} ms` : "stopped",
      served: stream.earliest ? `${number.format(stream.earliest)}–${number.format(stream.latest)}` : "none",
      rows: number.format(stream.rows), published: number.format(stream.published),
      withheld: number.format(stream.withheld), replayed: number.format(stream.replayed),
    };
    for (const [name, text] of Object.entries(texts)) row.querySelector(`[data-is=${name}]`).textContent = text;
    draw(row.querySelector("canvas"), stream.strip);
  });
}

function showTargets(streams) {
  const topics = ["", ...streams.map((one) => one.topic)];
  const select = $("target");
  if ([...select.options].map((one) => one.value).join() === topics.join()) return;
  const before = select.value;
  select.replaceChildren(...topics.map((topic) => new Option(topic || "all streams", topic)));
  select.value = topics.includes(before) ? before : "";
}

function show(next) {
  view = next;
  const sum = (name) => number.format(view.streams.reduce((total, one) => total + one[name], 0));
  for (const name of ["rows", "published", "withheld", "replayed"]) $(`t-${name}`).textContent = sum(name);
  $("t-requests").textContent = number.format(view.replies.requests);
  $("t-open").textContent = number.format(view.replies.open);
  $("t-bad").textContent = number.format(Object.values(view.replies.faults).reduce((total, one) => total + one, 0));
  $("epoch").textContent = view.epoch;
  $("uptime").textContent = `${Math.floor(view.uptime_ms / 1000)} s`;
  $("open").textContent = view.open ? "taken" : "refused";
  $("title").textContent = `${view.scenario}: ${view.title}`;
  choose(view.scenario);
  $("client").textContent = view.client;
  showTargets(view.streams);
  showStreams(view.streams);
  fillForms();
}

async function showListings() {
  const search = encodeURIComponent($("search").value);
  const listings = await (await call("GET", `/api/universe?limit=200&search=${search}`)).json();
  $("listings").replaceChildren(...listings.map((listing) => {
    const box = element("input", { type: "checkbox", value: listing.symbol, checked: chosen.has(listing.symbol) });
    box.onchange = () => {
      if (box.checked) chosen.add(listing.symbol); else chosen.delete(listing.symbol);
      $("chosen").textContent = chosen.size;
    };
    const about = [listing.market, listing.venue].filter(Boolean).join(", ");
    return element("li", {}, element("label", {}, box, element("b", { textContent: listing.symbol }),
      ` ${listing.name}`, element("small", { textContent: about })));
  }));
}

// Shows the scenario that runs as the chosen one, once, so that another choice stays.
function choose(name) {
  const known = [...$("scenario").options].some((option) => option.value === name);
  if (name === shown || !known) return;
  shown = name;
  $("scenario").value = name;
}

async function load(text) {
  try {
    await call("PUT", "/api/scenario", text, "application/toml");
    say("loaded");
  } catch (error) {
    say(`not loaded: ${error.message}`, true);
  }
}

async function begin() {
  injectors($("inject"), INJECT, false);
  injectors($("inject-all"), INJECT_ALL, true);
  planForm($("live-plan"), LIVE, (plan) => ({ live: plan }));
  planForm($("reply-plan"), REPLIES, (plan) => ({ replies: plan }));
  $("start").onclick = () => order("start");
  $("stop").onclick = () => order("stop");
  $("heal").onclick = () => order("heal");
  $("target").onchange = fillForms;
  $("rate").onsubmit = (event) => {
    event.preventDefault();
    const rate = {};
    for (const field of $("rate").elements) if (field.name && field.value !== "") rate[field.name] = Number(field.value);
    order({ rate });
  };
  $("search").oninput = () => showListings().catch((error) => say(error.message, true));
  $("apply-symbols").onclick = () => (chosen.size
    ? order({ symbols: [...chosen].sort() }, true)
    : say("choose at least one symbol", true));
  $("load").onclick = async () => load(await (await call("GET", `/api/scenarios/${$("scenario").value}`)).text());
  $("file").onchange = async () => $("file").files.length && load(await $("file").files[0].text());
  $("save").onclick = async () => {
    const text = await (await call("GET", "/api/scenario")).text();
    const link = element("a", { href: URL.createObjectURL(new Blob([text])), download: "scenario.toml" });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const endpoints = await (await call("GET", "/api/endpoints")).json();
  $("live").textContent = endpoints.live;
  $("requests").textContent = endpoints.requests;
  const scenarios = await (await call("GET", "/api/scenarios")).json();
  $("scenario").replaceChildren(...scenarios.map((one) => new Option(`${one.name}: ${one.title}`, one.name)));
  const first = await (await call("GET", "/api/view")).json();
  first.streams.forEach((one) => chosen.add(one.topic.split(".")[2]));
  $("chosen").textContent = chosen.size;
  show(first);
  await showListings();
  const events = new EventSource("/api/events");
  events.onopen = () => { $("link").textContent = "connected"; $("link").className = ""; };
  events.onerror = () => { $("link").textContent = "the server does not answer"; $("link").className = "bad"; };
  events.onmessage = (event) => show(JSON.parse(event.data));
}

begin().catch((error) => say(error.message, true));
