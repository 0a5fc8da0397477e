"use strict";
// Everything that comes from the model or the user is set as text, never as markup.

const find = (id) => document.getElementById(id);
const conversation = [];
let model = null;
let running = null;

function headers() {
  const key = find("key").value;
  return key ? { Authorization: `Bearer ${key}` } : {};
}

function show(role, text) {
  const turn = document.createElement("div");
  turn.className = `turn ${role}`;
  turn.textContent = text;
  find("conversation").append(turn);
  turn.scrollIntoView({ block: "end" });
  return turn;
}

// At most once a frame: a fast model must not keep the page from hearing clicks.
let following = false;
function follow(turn) {
  if (following) return;
  following = true;
  requestAnimationFrame(() => {
    following = false;
    turn.scrollIntoView({ block: "end" });
  });
}

async function messageOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `the server answered ${response.status}`;
  }
}

async function connect() {
  const response = await fetch("v1/models", { headers: headers() });
  if (!response.ok) throw new Error(await messageOf(response));
  model = (await response.json()).data[0].id;
  find("model").textContent = model;
}

// The objects of a stream of server-sent events.
async function* objectsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const events = held.split("\n\n");
    held = events.pop();
    for (const event of events) {
      const data = event.slice("data: ".length);
      if (data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function answer(turn) {
  const system = find("system").value.trim();
  const response = await fetch("v1/chat/completions", {
    method: "POST",
    signal: running.signal,
    headers: { "Content-Type": "application/json", ...headers() },
    body: JSON.stringify({
      model,
      messages: [...(system ? [{ role: "system", content: system }] : []), ...conversation],
      temperature: Number(find("temperature").value),
      max_tokens: Number(find("max-tokens").value),
      stream: true,
    }),
  });
  if (!response.ok) throw new Error(await messageOf(response));
  for await (const object of objectsOf(response)) {
    if (object.error) throw new Error(object.error.message);
    turn.append(object.choices[0]?.delta.content ?? "");
    follow(turn);
  }
}

async function send() {
  const text = find("input").value.trim();
  if (!text || running) return;
  running = new AbortController();
  find("send").disabled = true;
  find("stop").hidden = false;
  find("input").value = "";
  show("user", text);
  conversation.push({ role: "user", content: text });
  const turn = show("assistant pending", "");
  try {
    if (model === null) await connect();
    await answer(turn);
  } catch (error) {
    if (error.name !== "AbortError") show("error", error.message);
  }
  turn.classList.remove("pending");
  if (turn.textContent) {
    conversation.push({ role: "assistant", content: turn.textContent });
  } else {
    // Nothing was said: the question may be asked again.
    conversation.pop();
    turn.remove();
  }
  running = null;
  find("send").disabled = false;
  find("stop").hidden = true;
  find("input").focus();
}

find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
find("input").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
find("stop").addEventListener("click", () => running?.abort());
find("clear").addEventListener("click", () => {
  running?.abort();
  conversation.length = 0;
  find("conversation").replaceChildren();
});
find("key").addEventListener("change", () => connect().catch((error) => show("error", error.message)));
connect().catch((error) => {
  find("model").textContent = error.message;
});
