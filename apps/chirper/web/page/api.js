// The API: JSON over HTTP; an action's answer is a stream of one or two lines.

export class Refused extends Error {
  constructor(problem, line = {}) {
    super(problem.message);
    this.code = problem.code;
    this.line = line; // the reply that it came with, if any
  }
}

const unreachable = { code: "unreachable", message: "This page's server does not answer; is eyrie still running?" };

async function send(method, path, body, accept) {
  const options = { method, headers: { Accept: accept }, cache: "no-store" };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch("api/v1" + path, options);
  } catch {
    throw new Refused(unreachable);
  }
  if (response.ok) return response;
  let problem = { code: "http-" + response.status, message: "The server answered " + response.status + "." };
  let line = {};
  try {
    line = await response.json();
    problem = line.error ?? problem;
  } catch { /* what there is must do */ }
  throw new Refused(problem, line);
}

// ask reads one JSON answer.
export async function ask(path) {
  return (await send("GET", path, undefined, "application/json")).json();
}

export async function tell(method, path, body) {
  return (await send(method, path, body, "application/json")).json();
}

// act sends an action. early is called with the optimistic reply, if one comes
// first; the conservative one is the result. Either may hold an error.
export async function act(method, path, body, early) {
  let response;
  try {
    response = await send(method, path, body, "application/x-ndjson");
  } catch (e) {
    if (e.line?.reply) return e.line;
    throw e;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    let chunk;
    try {
      chunk = await reader.read();
    } catch {
      break;
    }
    if (chunk.done) break;
    rest += chunk.value;
    for (let end; (end = rest.indexOf("\n")) >= 0; rest = rest.slice(end + 1)) {
      const line = JSON.parse(rest.slice(0, end));
      if (line.reply === "conservative") return line;
      early(line);
    }
  }
  throw new Refused({ code: "cut-off", message: "The answer broke off; whether it was done is not known." });
}
