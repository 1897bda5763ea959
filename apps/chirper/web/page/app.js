// The user's side of the page: signing in, posting, following. The timeline and
// the live view are in modules of their own.
import { $, el, put, paint, many } from "./dom.js";
import { ask } from "./api.js";
import { characters } from "./count.js";
import { fillUp, run } from "./actions.js";
import * as timeline from "./timeline.js";
import { watch } from "./live.js";

let me = null; // the user signed in, or null
let most = 140;
let follows = []; // whom the user follows, as far as shown

function notice(text, bad = false) {
  const e = $("notice");
  e.classList.toggle("bad", bad);
  put(e, text);
}

// attempt runs something for the user, and tells of its error. The button is
// busy meanwhile.
async function attempt(button, what) {
  button?.setAttribute("aria-busy", "true");
  try {
    return await what();
  } catch (e) {
    notice(e.message, true);
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

function numberIn(input) {
  const text = input.value.trim();
  const ok = /^(0|[1-9][0-9]{0,15})$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER;
  input.setAttribute("aria-invalid", String(!ok));
  if (ok) return Number(text);
  notice("A user is a whole number, such as 107.", true);
  input.focus();
  return null;
}

async function signIn(user, button) {
  await attempt(button, async () => {
    const { value } = await run("sign in", "POST", `/users/${user}/join`, {});
    me = user;
    sessionStorage.setItem("user", String(user));
    put($("me-title"), "User " + user);
    paint($("me-face"), user);
    show();
    notice(value.changed ? `User ${user} is new and has joined.` : `Signed in as user ${user}.`);
    $("text").focus();
    await Promise.all([profile(), timeline.open(user)]);
  });
}

function signOut() {
  me = null;
  sessionStorage.removeItem("user");
  timeline.close();
  show();
  notice("Signed out.");
  $("user").focus();
  suggest();
}

function show() {
  $("sign-in").hidden = me !== null;
  for (const id of ["me", "timeline", "follows"]) $(id).hidden = me === null;
}

async function suggest() {
  let users = [];
  try {
    ({ users } = await ask("/suggestions"));
  } catch { /* there are none, then */ }
  $("suggested").replaceChildren(...users.map((u) =>
    el("li", {}, el("button", { type: "button", class: "chip", onclick: (e) => signIn(u.user, e.currentTarget) },
      el("b", {}, String(u.user)), " ", el("span", {}, many(u.followers, "follower"))))));
}

async function profile() {
  const user = me;
  const p = await ask(`/users/${user}`);
  if (user !== me) return;
  put($("me-counts"), `${many(p.followers, "follower")}, follows ${p.following.toLocaleString("en")}`);
  follows = p.follows;
  drawFollows(p.following);
}

function drawFollows(total) {
  $("followed").replaceChildren(...follows.map((u) => followed(u)));
  const rest = total - follows.length;
  put($("more-followed"), total === 0 ? "Nobody yet." : rest > 0 ? `and ${many(rest, "other")}` : "");
}

function followed(user, state = "") {
  return el("li", { class: "chip " + state, "data-user": user },
    el("b", {}, String(user)), state && el("span", { class: "badge " + state }, state),
    el("button", { type: "button", class: "small", "aria-label": "Unfollow user " + user, onclick: (e) => unfollow(user, e.currentTarget) }, "Unfollow"));
}

// mark shows a followed user in a state, before it is certain.
function mark(user, state) {
  const old = $("followed").querySelector(`[data-user="${user}"]`);
  const now = followed(user, state);
  if (old) old.replaceWith(now);
  else $("followed").prepend(now);
}

async function follow(user, button) {
  await attempt(button, async () => {
    try {
      const { value, agreed } = await run("follow " + user, "PUT", `/users/${me}/following/${user}`, undefined, () => mark(user, "optimistic"));
      $("other").value = "";
      notice((agreed === false ? "Corrected: " : "") + (value.changed ? `You follow user ${user} now.` : `You follow user ${user} already.`));
    } finally {
      await Promise.all([profile(), timeline.refresh()]);
    }
  });
}

async function unfollow(user, button) {
  await attempt(button, async () => {
    try {
      await run("unfollow " + user, "DELETE", `/users/${me}/following/${user}`, undefined, () => mark(user, "leaving"));
      notice(`You no longer follow user ${user}.`);
      $("other").focus();
    } finally {
      await Promise.all([profile(), timeline.refresh()]);
    }
  });
}

function count() {
  const left = most - characters($("text").value);
  put($("count"), left >= 0 ? many(left, "character") + " left" : many(-left, "character") + " too many");
  $("count").classList.toggle("over", left < 0);
  $("text").setAttribute("aria-invalid", String(left < 0));
  $("post-button").setAttribute("aria-disabled", String(left < 0 || left === most));
  return left;
}

async function post() {
  const text = $("text").value;
  if (count() < 0) return notice(`A post has at most ${most} characters.`, true);
  if (text.trim() === "") return notice("There is nothing in the post yet.", true);
  const author = me;
  const draft = timeline.draft(author, text);
  $("text").value = "";
  count();
  await attempt($("post-button"), async () => {
    try {
      const line = await run("post", "POST", `/users/${author}/posts`, { text }, (first) => draft.optimistic(first));
      draft.confirmed(line);
      notice(line.agreed === false ? "Posted; the early reply was corrected." : "Posted.");
    } catch (e) {
      draft.failed(e);
      if ($("text").value === "") $("text").value = text; // not lost
      count();
      throw e;
    }
  });
}

function listen() {
  $("sign-in-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const user = numberIn($("user"));
    if (user !== null) signIn(user, e.submitter);
  });
  $("follow-form").addEventListener("submit", (e) => {
    e.preventDefault();
    const user = numberIn($("other"));
    if (user !== null) follow(user, e.submitter);
  });
  $("post-form").addEventListener("submit", (e) => {
    e.preventDefault();
    post();
  });
  $("text").addEventListener("input", count);
  $("text").addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      post();
    }
  });
  $("sign-out").addEventListener("click", signOut);
  $("refresh").addEventListener("click", (e) => attempt(e.currentTarget, timeline.ordered));
}

async function begin() {
  fillUp();
  listen();
  count();
  watch(notice);
  try {
    const about = await ask("");
    most = about.limits.characters;
    count();
  } catch (e) {
    notice(e.message, true);
  }
  const before = sessionStorage.getItem("user");
  if (before) signIn(Number(before), null);
  else suggest();
}

begin();
