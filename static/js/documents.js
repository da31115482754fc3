// The documents page: files chosen or dropped, rows ticked, what changed said aloud.
import { enqueue, resume } from "./uploads.js";

const IGNORED = new Set([".DS_Store", "Thumbs.db", "desktop.ini"]);
const ticked = new Set();
const say = (text) => {
  const line = document.getElementById("progress-status");
  if (line && line.textContent !== text) line.textContent = text;
};
const summaryOf = () => document.querySelector("[data-summary]")?.dataset.summary;
let summary = summaryOf();

function settled() {
  const now = summaryOf();
  if (now && now !== summary) say(now);
  summary = now;
  restoreTicks();
}
document.body.addEventListener("htmx:afterSettle", settled);
document.body.addEventListener("htmx:sseMessage", settled);
document.body.addEventListener("documents-changed", () => document.getElementById("dialog").close());

// A change renews the list. One that comes while the list is being asked for, by a search for
// instance, or has come and does not listen yet, has it renewed after that.
let asking = null;
let changed = false;
const arrived = (xhr) => {
  if (xhr !== asking) return;
  asking = null;
  if (changed) document.body.dispatchEvent(new CustomEvent("documents-sent"));
  changed = false;
};
document.body.addEventListener("htmx:beforeRequest", ({ detail: { target, xhr } }) => {
  if (target.id === "documents") asking = xhr;
});
document.body.addEventListener("htmx:afterRequest", ({ detail: { xhr, successful } }) => {
  if (!successful) arrived(xhr);
});
document.body.addEventListener("htmx:afterSettle", ({ target, detail: { xhr } }) => {
  if (target.id === "documents") arrived(xhr);
});
for (const name of ["documents-changed", "documents-sent"]) {
  document.addEventListener(name, () => { changed ||= asking !== null; }, true);
}

// Rows come again while their files are read: what was ticked stays so.
document.addEventListener("change", (event) => {
  const box = event.target;
  if (box.matches?.("[data-tick-all]")) {
    for (const each of boxes()) { each.checked = box.checked; remember(each); }
  } else if (box.matches?.("input[name=d][form=bulk]")) remember(box);
  else if (box.id === "shelf") {
    const into = document.getElementById("into");
    if (into && [...into.options].some((option) => option.value === box.value)) into.value = box.value;
  }
  count();
});

const boxes = () => [...document.querySelectorAll("input[name=d][form=bulk]")];

function remember(box) {
  if (box.checked) ticked.add(box.value); else ticked.delete(box.value);
}

function restoreTicks() {
  const here = new Set(boxes().map((box) => box.value));
  for (const each of ticked) if (!here.has(each)) ticked.delete(each);
  for (const box of boxes()) if (ticked.has(box.value)) box.checked = true;
  count();
}

function count() {
  const line = document.querySelector("[data-ticked]");
  if (!line) return;
  const number = boxes().filter((box) => box.checked).length;
  const text = number === 1 ? line.dataset.one : line.dataset.many.replace("{number}", number);
  if (number && line.textContent !== text) line.textContent = text;
  const all = document.querySelector("[data-tick-all]");
  if (all) { all.checked = number > 0 && number === boxes().length; all.indeterminate = number > 0 && !all.checked; }
}

for (const form of document.querySelectorAll("[data-upload]")) startUploads(form);

function startUploads(form) {
  const zone = form.querySelector("[data-drop]");
  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      add([...input.files].map((file) => ({ file, place: file.webkitRelativePath || "" })));
      input.value = "";
    });
  }
  form.addEventListener("submit", (event) => { event.preventDefault(); form.querySelector("#files").click(); });
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.dataset.over = ""; });
  }
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => delete zone.dataset.over);
  zone.addEventListener("drop", async (event) => { event.preventDefault(); add(await dropped(event.dataTransfer)); });
  // Files that come by the mouse find the zone open.
  document.addEventListener("dragenter", (event) => {
    const shut = form.closest("details:not([open])");
    if (shut && event.dataTransfer?.types.includes("Files")) shut.open = true;
  });
  // A file dropped beside the zone must not replace the page.
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  resume();

  function add(files) {
    const into = form.elements.colecao;
    if (!into.value) { into.setCustomValidity?.(form.dataset.choose); into.reportValidity?.(); into.addEventListener("change", () => into.setCustomValidity?.(""), { once: true }); return; }
    const chosen = files.filter(({ file }) => !IGNORED.has(file.name));
    if (chosen.length) enqueue(chosen, { collection: into.value, words: { ...form.dataset }, maxBytes: Number(form.dataset.maxBytes) });
  }
}

// Files, and what lies in folders; each folder's path goes along.
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files].map((file) => ({ file, place: "" }));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    const place = entry.fullPath.slice(1);
    if (file) found.push({ file, place: place.includes("/") ? place : "" });
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a hundred at a time, until none is left
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const each of some) await walk(each, found);
  }
}
