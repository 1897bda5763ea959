// Elements are made here, always with text, never with markup.

export const $ = (id) => document.getElementById(id);

// el makes an element: attributes by name, text and elements as children.
export function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") e.addEventListener("click", value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value != null) e.setAttribute(name, value);
  }
  e.append(...children.filter((c) => c != null));
  return e;
}

// put sets a text only if it changes, so that nothing is announced twice.
export function put(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

// face is a user's coloured sign.
export function face(user) {
  const e = el("span", { class: "face", "aria-hidden": "true" });
  paint(e, user);
  return e;
}

export function paint(e, user) {
  e.style.setProperty("--hue", String((user * 137) % 360));
  e.textContent = String(user).slice(-4);
}

export const ms = (v) => (v < 10 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : Math.round(v).toLocaleString("en")) + " ms";
export const many = (n, one, more = one + "s") => n.toLocaleString("en") + " " + (n === 1 ? one : more);

export function ago(time) {
  const s = Math.max(0, (Date.now() - new Date(time).getTime()) / 1000);
  if (s < 5) return "now";
  if (s < 60) return Math.floor(s) + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  if (s < 86400) return Math.floor(s / 3600) + " h";
  return new Date(time).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}
