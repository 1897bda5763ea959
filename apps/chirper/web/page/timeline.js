// The timeline of the user signed in. What an optimistic reply shows is marked
// as such, and then confirmed or corrected.
import { $, ago, el, face, ms, put } from "./dom.js";
import { act } from "./api.js";
import { run, unknown } from "./actions.js";

let user = null;
let posts = []; // as read last
let drafts = []; // posts of this page that no reading has shown yet
let timer = 0;
let reading = 0; // number of the newest reading; older ones are not shown

const every = 3000; // milliseconds between readings

export async function open(u) {
  user = u;
  posts = [];
  drafts = [];
  draw();
  clearInterval(timer);
  timer = setInterval(tick, every);
  await ordered();
}

export function close() {
  user = null;
  clearInterval(timer);
}

function tick() {
  if ($("auto").checked && !document.hidden) refresh();
  for (const time of document.querySelectorAll("#posts time")) put(time, ago(time.dateTime));
}

function state(kind, text) {
  $("timeline-state").className = "badge " + kind;
  put($("timeline-state"), text);
}

// refresh reads without a place in the order: linearizable, and one reply.
export async function refresh() {
  const number = ++reading;
  const of = user;
  try {
    const line = await act("GET", `/users/${of}/timeline`, undefined, () => {});
    if (number !== reading || of !== user) return;
    if (line.error) throw new Error(line.error.message);
    take(line.value.posts);
    state("", "");
  } catch (e) {
    if (number === reading && of === user) state("corrected", "not up to date: " + e.message);
  }
}

// ordered reads as an ordered command, which is answered twice.
export async function ordered() {
  const number = ++reading;
  const of = user;
  const current = () => number === reading && of === user;
  const line = await run("timeline", "GET", `/users/${of}/timeline?ordered=true`, undefined, (first) => {
    if (!current()) return;
    take(first.value.posts);
    state("optimistic", `likely, ${ms(first.ms)}`);
  });
  if (!current()) return;
  take(line.value.posts);
  if (line.agreed === false) state("corrected", `corrected, ${ms(line.ms)}`);
  else state("confirmed", `confirmed, ${ms(line.ms)}`);
}

function take(read) {
  posts = read;
  const there = new Set(posts.map((p) => p.id));
  drafts = drafts.filter((d) => !(d.settled && there.has(d.id)));
  draw();
}

// draft is a post that was sent just now, shown on top until a reading has it.
export function draft(author, text) {
  const d = { key: "draft " + Math.random(), id: null, author, text, time: new Date().toISOString(), state: "waiting", label: "sending…" };
  drafts.unshift(d);
  draw();
  const set = (kind, label, line) => {
    d.state = kind;
    d.label = label;
    if (line) [d.id, d.time] = [line.value.id, line.value.time];
    draw();
  };
  return {
    optimistic: (line) => set("optimistic", `likely, ${ms(line.ms)}`, line),
    confirmed(line) {
      set(line.agreed === false ? "corrected" : "confirmed", `${line.agreed === false ? "corrected" : "confirmed"}, ${ms(line.ms)}`, line);
      setTimeout(() => { // long enough to be seen
        d.settled = true;
        refresh();
      }, 2500);
    },
    failed(e) {
      set("corrected", unknown(e) ? "not known whether posted" : "not posted");
      setTimeout(() => {
        drafts = drafts.filter((other) => other !== d);
        draw();
      }, 6000);
    },
  };
}

// draw changes what differs: elements of posts that stay are kept.
function draw() {
  const list = $("posts");
  const own = new Set(drafts.map((d) => d.id).filter(Boolean));
  const wanted = [...drafts, ...posts.filter((p) => !own.has(p.id))];
  const old = new Map([...list.children].map((e) => [e.dataset.key, e]));
  wanted.forEach((p, i) => {
    const key = p.key ?? p.id;
    let e = old.get(key);
    if (!e) e = item(p, key);
    old.delete(key);
    const badge = e.querySelector(".badge");
    badge.className = "badge " + (p.state ?? "");
    put(badge, p.label ?? "");
    e.className = p.state ?? "";
    e.querySelector("time").dateTime = p.time;
    if (list.children[i] !== e) list.insertBefore(e, list.children[i] ?? null);
  });
  for (const e of old.values()) e.remove();
  $("no-posts").hidden = wanted.length > 0;
}

function item(p, key) {
  return el("li", { "data-key": key },
    face(p.author),
    el("div", { class: "post" },
      el("p", { class: "by" }, el("b", {}, "User " + p.author), " ", el("time", { datetime: p.time }, ago(p.time)), el("span", { class: "badge" })),
      el("p", { class: "text", dir: "auto" }, p.text)));
}
