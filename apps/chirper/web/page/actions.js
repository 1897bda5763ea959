// The user's last actions, with the times of both replies.
import { $, el, ms } from "./dom.js";
import { act } from "./api.js";

const shown = 6;

function row(name) {
  const r = el("tr", {}, el("th", { scope: "row" }, name), el("td", { class: "num early" }, "…"), el("td", { class: "num late" }, "…"), el("td", {}, el("span", { class: "badge waiting" }, "sent")));
  const body = $("actions");
  body.prepend(r);
  while (body.rows.length > shown) body.lastElementChild.remove();
  return r;
}

// fillUp keeps the table's height from the start.
export function fillUp() {
  for (let i = 0; i < shown; i++) {
    $("actions").append(el("tr", {}, el("th", { scope: "row" }, "\u00a0"), el("td"), el("td"), el("td")));
  }
}

// unknown says whether an error leaves open what became of an action.
export const unknown = (e) => ["outcome-unknown", "cut-off", "unreachable"].includes(e.code);

function outcome(r, kind, text) {
  const badge = r.cells[3].firstElementChild;
  badge.className = "badge " + kind;
  badge.textContent = text;
}

// run sends an action and shows it in the table. early gets the optimistic reply
// if one comes; the result is the conservative one, whose error is thrown. Both
// have value, ms and, the last one, optimistic_ms and agreed.
export async function run(name, method, path, body, early = () => {}) {
  const r = row(name);
  let line;
  try {
    line = await act(method, path, body, (first) => {
      r.cells[1].textContent = ms(first.ms);
      outcome(r, "optimistic", first.error ? "likely refused" : "likely");
      if (!first.error) early(first);
    });
  } catch (e) {
    for (const at of [1, 2]) if (r.cells[at].textContent === "…") r.cells[at].textContent = "–";
    outcome(r, "refused", unknown(e) ? "not known" : "refused");
    throw e;
  }
  r.cells[1].textContent = line.optimistic_ms === undefined ? "–" : ms(line.optimistic_ms);
  r.cells[2].textContent = ms(line.ms);
  if (line.agreed === false) outcome(r, "corrected", "corrected");
  else if (line.error) outcome(r, "refused", unknown(line.error) ? "not known" : "refused");
  else outcome(r, "confirmed", line.agreed ? "agreed" : "final");
  if (line.error) {
    const e = new Error(line.error.message);
    e.code = line.error.code;
    throw e;
  }
  return line;
}
