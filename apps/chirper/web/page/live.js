// The live view: how the cluster is, told by the server once a second.
import { $, el, many, ms, put } from "./dom.js";
import { tell } from "./api.js";

const words = { alive: "alive", suspected: "suspected", silent: "silent", dead: "dead", starting: "starting" };
const signs = { alive: "●", suspected: "◐", silent: "◌", dead: "✕", starting: "◔" };
const points = 120;

let source = null;
let history = [];
let states = new Map(); // process -> state, as shown last
let say = () => {};

export function watch(notice) {
  say = notice;
  tiles(null);
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  start();
}

function start() {
  if (source) return;
  source = new EventSource("api/v1/live");
  source.addEventListener("overview", (e) => draw(JSON.parse(e.data)));
  source.addEventListener("trouble", (e) => trouble("the cluster does not answer", JSON.parse(e.data).message));
  source.onerror = () => {
    trouble("no connection", "This page's server does not answer; trying again.");
    if (source.readyState === EventSource.CLOSED) {
      stop();
      setTimeout(() => document.hidden || start(), 3000);
    }
  };
}

function stop() {
  source?.close();
  source = null;
}

function trouble(short, long) {
  health("bad", short);
  $("live-state").className = "badge corrected";
  put($("live-state"), long);
}

function health(kind, text) {
  $("health").className = "pill " + kind;
  put($("health"), text);
}

function draw(v) {
  $("live-state").className = "badge";
  put($("live-state"), v.execution === "conservative" ? "conservative execution" : `optimistic execution, ${v.execution}`);
  const all = v.partitions.flatMap((p) => p.replicas);
  const down = all.filter((r) => r.state !== "alive").length;
  health(down ? "warn" : "good", down ? `${down} of ${many(all.length, "replica")} not well` : `all ${many(all.length, "replica")} alive`);
  tiles(v);
  spark(v.rates.commands);
  news(v);
  partitions(v);
  put($("how-to-kill"), v.operator
    ? "Stop a replica: the others find out, and the service goes on while more than half of each partition's are alive."
    : "The processes run elsewhere: kill -9 one there, and see. eyrie status shows more.");
}

const rate = (n) => (n < 10 && n % 1 ? n.toFixed(1) : Math.round(n).toLocaleString("en"));
const quantiles = (q) => (q ? [ms(q.p50), "p99 " + ms(q.p99)] : ["–", "no action yet"]);

const share = (n, of) => (of ? `${((100 * n) / of).toFixed(n ? 2 : 0)} % of ${of.toLocaleString("en")}` : "none yet");

// total adds up what the partitions' replicas counted, of each partition the most.
function total(v) {
  const sum = {};
  for (const name of ["compared", "misplaced", "confirmed", "wrong", "repairs", "wrong_replies"]) {
    sum[name] = v.partitions.reduce((n, p) => n + Math.max(0, ...p.replicas.map((r) => r.counters[name] ?? 0)), 0);
  }
  return sum;
}

function tiles(v) {
  const l = v?.latencies;
  const c = v && total(v);
  const early = v?.execution === "conservative" ? ["–", "not in this mode"] : quantiles(l?.optimistic);
  const list = [
    ["Commands/s", v ? rate(v.rates.commands) : "–", v ? `${rate(v.rates.reads)} reads/s` : ""],
    ["Optimistic", ...early],
    ["Conservative", ...quantiles(l?.conservative)],
    ["Wrong order", v ? rate(c.misplaced) : "–", v ? share(c.misplaced, c.compared) : ""],
    ["Wrong runs", v ? rate(c.wrong) : "–", v ? share(c.wrong, c.wrong + c.confirmed) : ""],
    ["Wrong replies", v ? rate(c.wrong_replies) : "–", v ? `${many(c.repairs, "repair")}` : ""],
  ];
  const box = $("tiles");
  if (box.children.length !== list.length) box.replaceChildren(...list.map(() => el("div", {}, el("dt"), el("dd"), el("dd", { class: "hint" }))));
  list.forEach((texts, i) => texts.forEach((text, j) => put(box.children[i].children[j], text)));
}

function spark(now) {
  history.push(now);
  history = history.slice(-points);
  const top = Math.max(10, ...history);
  const start = points - history.length;
  $("spark-line").setAttribute("points", history.map((n, i) => `${start + i},${(31 - (29 * n) / top).toFixed(2)}`).join(" "));
  put($("spark-text"), `commands per second, last two minutes; at most ${rate(Math.max(...history))}`);
}

// news tells of replicas whose state has changed.
function news(v) {
  for (const p of v.partitions) {
    for (const r of p.replicas) {
      const before = states.get(r.process);
      states.set(r.process, r.state);
      if (before === undefined || before === r.state) continue;
      put($("live-news"), `${new Date(v.at).toLocaleTimeString("en-GB")}: process ${r.process} of partition ${p.partition} is ${words[r.state] ?? r.state}`);
    }
  }
}

function partitions(v) {
  const box = $("partitions");
  for (const p of v.partitions) {
    let e = box.querySelector(`[data-partition="${p.partition}"]`);
    if (!e) {
      e = el("section", { class: "partition", "data-partition": p.partition },
        el("h3", {}, "Partition " + p.partition, " ", el("span", { class: "hint" })), el("ul", { class: "replicas" }));
      box.append(e);
    }
    put(e.querySelector("h3 .hint"), `${rate(p.rates.commands)} commands/s`);
    for (const r of p.replicas) replica(e.querySelector("ul"), r, v.operator);
  }
}

function replica(list, r, operator) {
  let e = list.querySelector(`[data-process="${r.process}"]`);
  if (!e) {
    e = el("li", { "data-process": r.process },
      el("span", { class: "sign", "aria-hidden": "true" }), el("span", { class: "name" }, "process " + r.process),
      el("span", { class: "state" }), el("span", { class: "hint detail" }), operator && el("button", { type: "button", class: "small", onclick: () => operate(e, r.process) }));
    list.append(e);
  }
  e.className = r.state;
  put(e.querySelector(".sign"), signs[r.state] ?? "?");
  put(e.querySelector(".state"), words[r.state] ?? r.state);
  const told = [r.note || (r.coordinates ? "coordinator" : ""), r.pid ? "pid " + r.pid : ""].filter(Boolean).join(", ");
  put(e.querySelector(".detail"), told || r.addr);
  e.querySelector(".detail").classList.toggle("addr", !told);
  e.title = [r.addr, r.note, many(r.counters.commands, "command")].filter(Boolean).join(", ");
  const button = e.querySelector("button");
  if (button) {
    const verb = r.state === "dead" || r.state === "silent" ? "Start" : "Stop";
    put(button, verb);
    button.setAttribute("aria-label", `${verb} process ${r.process}`);
  }
}

async function operate(e, process) {
  const button = e.querySelector("button");
  const stopping = button.textContent === "Stop";
  button.setAttribute("aria-busy", "true");
  try {
    await tell("POST", `/processes/${process}/${stopping ? "stop" : "start"}`, {});
    say(stopping ? `Process ${process} was stopped. Go on as if nothing had happened.` : `Process ${process} was started again.`);
  } catch (error) {
    say(error.message, true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}
