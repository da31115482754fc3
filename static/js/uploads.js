// Sends files part by part. What is chosen lies in the browser's own database until it has arrived,
// so that it goes on on the next page of the site, after a lost connection and in another window.
// Files belong to the session in which they were chosen: with another one, or none, they are gone.
import { Shelf } from "./upload_shelf.js";
import { showUploads } from "./upload_list.js";

const AT_ONCE = 2;
const LEASE_MS = 5000;
const tab = Math.random().toString(36).slice(2);
const base = "/documentos/envios";
const requests = new Map();
let shelf;
let spoken;
let timer;

export const token = () => {
  try { return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRF-Token"] || ""; } catch { return ""; }
};

// Goes on with what the last page left; called on every page once something was ever chosen.
export async function resume() {
  await open();
  const items = await shelf.items();
  if (items.some((item) => item.session !== mark())) { await shelf.clear(); localStorage.removeItem("govbot-uploads"); return; }
  // What was told on an earlier page is not told again.
  for (const item of items) if (["done", "failed"].includes(item.state) && item.told) await shelf.remove(item.id);
  draw();
  if ((await shelf.items()).length) turn();
}

// files: [{ file, place }]; words: what the page says about each, in the visitor's language.
export async function enqueue(files, { collection, words, maxBytes }) {
  await open();
  speak(words);
  for (const { file, place } of files) {
    const problem = file.size > maxBytes ? words.tooLarge : file.size === 0 ? words.empty : "";
    await shelf.add({
      id: `${Date.now()}-${Math.random().toString(36).slice(2)}`, session: mark(), name: file.name, place, collection,
      size: file.size, sent: 0, upload: "", state: problem ? "failed" : "waiting", note: problem || words.waiting, final: Boolean(problem),
    }, problem ? null : file);
  }
  speak(words); // a look at the empty list, here or in another window, may have wiped them meanwhile
  draw();
  turn();
}

export async function cancel(id) {
  const item = await shelf.item(id);
  if (!item) return;
  await shelf.remove(id);
  requests.get(id)?.abort();
  requests.delete(id);
  if (item.upload) drop(item.upload);
  finished();
}

const drop = (upload) => call("POST", `${base}/${upload}/cancelar`).catch(() => {});

export async function again(id) {
  const item = await shelf.item(id);
  if (item) { await shelf.save({ ...item, state: "waiting", note: words().waiting, sent: 0, upload: "", again: 0 }); draw(); turn(); }
}

export async function cancelAll() {
  for (const item of await shelf.items()) if (["waiting", "sending"].includes(item.state)) await cancel(item.id);
}

export async function forget() {
  for (const item of await shelf.items()) if (!["waiting", "sending"].includes(item.state)) await shelf.remove(item.id);
  draw();
}

const speak = (words) => { spoken = words; localStorage.setItem("govbot-uploads", JSON.stringify(words)); };
const words = () => JSON.parse(localStorage.getItem("govbot-uploads") || "null") ?? spoken ?? {};
// Enough of the token to tell sessions apart, too little to act with.
const mark = () => token().slice(0, 8);

async function open() {
  if (shelf) return;
  shelf = await Shelf.open();
  window.addEventListener("pagehide", () => { if (leads()) localStorage.removeItem("govbot-uploads-tab"); });
  window.addEventListener("beforeunload", (event) => { if (shelf.volatile && requests.size) event.preventDefault(); });
}

// One window of the browser sends; the others look on and take over when it is gone.
function leads(take = false) {
  const now = Date.now();
  const lease = JSON.parse(localStorage.getItem("govbot-uploads-tab") || "null");
  const free = !lease || lease.until < now;
  if (take && (free || lease.tab === tab)) localStorage.setItem("govbot-uploads-tab", JSON.stringify({ tab, until: now + LEASE_MS }));
  return free ? take : lease.tab === tab;
}

async function turn() {
  clearTimeout(timer);
  const items = await shelf.items();
  const open = items.filter((item) => ["waiting", "sending"].includes(item.state));
  if (!open.length && !requests.size) { draw(); return; }
  timer = setTimeout(turn, 1000);
  if (leads(true)) {
    const due = open.filter((item) => !requests.has(item.id) && (item.after || 0) <= Date.now());
    for (const item of due.slice(0, AT_ONCE - requests.size)) send(item);
  } else draw();
}

async function send(item) {
  const control = new AbortController();
  requests.set(item.id, control);
  try {
    const file = await shelf.file(item.id);
    if (!file) throw new Failed(words().lost);
    await change(item, { state: "sending", note: words().sending });
    if (!item.upload) await begin(item, control);
    else {
      const known = await call("GET", `${base}/${item.upload}`, null, control).catch((error) => { if (error.status === 404) return null; throw error; });
      if (known) await change(item, { sent: known.recebido, part: known.parte }); else await begin(item, control);
    }
    while (item.state === "sending") await part(item, file, control);
  } catch (error) {
    if (!control.signal.aborted) await failed(item, error);
  } finally {
    requests.delete(item.id);
    finished();
  }
}

async function begin(item, control) {
  const form = new URLSearchParams({ colecao: item.collection, nome: item.name, caminho: item.place, tamanho: item.size });
  const made = await call("POST", base, form); // never broken off: the server would keep what no one names
  if (control.signal.aborted) { drop(made.id); throw new Failed(""); }
  await change(item, { upload: made.id, sent: 0, part: made.parte });
}

async function part(item, file, control) {
  const piece = file.slice(item.sent, item.sent + (item.part || 1 << 22));
  const told = await call("POST", `${base}/${item.upload}/partes?inicio=${item.sent}`, piece, control);
  const more = told.html === undefined ? {} : { state: told.problema ? "failed" : "done", final: true, html: told.html };
  await change(item, { sent: told.recebido, again: 0, ...more });
  if (more.html) { await shelf.dropFile(item.id); }
}

class Failed extends Error {
  constructor(message, status = 0, wait = 0) { super(message); this.status = status; this.wait = wait; }
}

async function failed(item, error) {
  const passing = !(error instanceof Failed) || [429, 503].includes(error.status) || error.status === 404;
  if (!passing) { await change(item, { state: "failed", note: error.message, final: error.status !== 500 }); return; }
  const tries = (item.again || 0) + 1;
  const wait = error.wait || Math.min(30, 2 ** tries);
  const lost = error.status === 404 ? { upload: "", sent: 0 } : {};
  await change(item, { state: "waiting", note: error.status ? error.message : words().offline, again: tries, after: Date.now() + wait * 1000, ...lost });
}

async function change(item, values) {
  Object.assign(item, values);
  if (requests.get(item.id)?.signal.aborted) return;
  await shelf.save(item);
  draw();
}

// The answer as data. Throws Failed for what the server says, TypeError for a lost connection.
async function call(method, path, body, control) {
  const answer = await fetch(path, {
    method, body, signal: control?.signal, redirect: "error",
    keepalive: !body, // outlives the page: somebody who gives a file up may leave at once
    headers: { "X-CSRF-Token": token(), "HX-Request": "true", ...(body instanceof Blob ? { "Content-Type": "application/octet-stream" } : {}) },
  });
  const away = answer.headers.get("HX-Redirect");
  if (away) { location.href = away; throw new Failed(""); }
  if (answer.ok) return answer.status === 204 ? {} : answer.json();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const sentence = page.querySelector("p")?.textContent.trim().replace(/\s+/g, " ");
  throw new Failed(sentence || words().lost, answer.status, Number(answer.headers.get("Retry-After")) || 0);
}

let telling;
function finished() {
  draw();
  // Several that arrive together are one change of the list.
  clearTimeout(telling);
  telling = setTimeout(() => { if (document.getElementById("documents")) htmx.trigger(document.body, "documents-sent"); }, 300);
  turn();
}

let drawing = false;
async function draw() {
  if (drawing) return;
  drawing = true;
  await new Promise(requestAnimationFrame);
  drawing = false;
  const items = await shelf.items();
  const told = showUploads(items, words(), { cancel, again, cancelAll, forget });
  for (const item of items) if (told && item.final && !item.told) await shelf.save({ ...item, told: true });
  if (!items.length) localStorage.removeItem("govbot-uploads");
}
