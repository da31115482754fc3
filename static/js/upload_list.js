// What the page shows of files on their way: the list of the form, or a small box on other pages.
const moving = (item) => ["waiting", "sending"].includes(item.state);
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// Whether the outcomes were told in full.
export function showUploads(items, words, acts) {
  const form = document.querySelector("[data-upload]");
  if (form) { box()?.remove(); list(form, items, words, acts); return true; }
  if (!items.length) { box()?.remove(); return false; }
  tray(items, words, acts);
  return false;
}

function figures(items) {
  const all = items.reduce((sum, item) => sum + item.size, 0) || 1;
  const sent = items.reduce((sum, item) => sum + (moving(item) ? item.sent : item.size), 0);
  const over = items.filter((item) => !moving(item)).length;
  return { done: over, all: items.length, percent: Math.floor((100 * sent) / all) };
}

function list(form, items, words, acts) {
  const place = form.querySelector("[data-outcomes]");
  const shut = form.closest("details:not([open])");
  if (shut && items.length > place.children.length) shut.open = true;
  const known = new Map([...place.children].map((row) => [row.dataset.upload, row]));
  for (const item of items) {
    const row = known.get(item.id) ?? place.insertAdjacentElement("afterbegin", line(item));
    known.delete(item.id);
    draw(row, item, words, acts);
  }
  for (const row of known.values()) row.remove();
  const bar = form.querySelector("[data-upload-all]");
  const open = items.filter(moving).length;
  bar.hidden = !items.length;
  bar.querySelector("[data-cancel-all]").hidden = open < 2;
  bar.querySelector("[data-forget]").hidden = open > 0;
  bar.querySelector("[data-cancel-all]").onclick = acts.cancelAll;
  bar.querySelector("[data-forget]").onclick = acts.forget;
  const told = items.length ? fill(words.counted, figures(items)) : "";
  const status = form.querySelector("[data-upload-status]");
  if (status.textContent !== told) status.textContent = told;
}

function line(item) {
  const row = document.createElement("li");
  row.dataset.upload = item.id;
  return row;
}

function draw(row, item, words, acts) {
  const state = `${item.state} ${item.html ? 1 : 0}`;
  if (row.dataset.state !== state) {
    row.dataset.state = state;
    const outcome = item.html && new DOMParser().parseFromString(item.html, "text/html").querySelector("li");
    row.className = outcome ? outcome.className : `outcome ${item.state === "failed" ? "bad" : "sending"}`;
    row.replaceChildren(...(outcome ? document.importNode(outcome, true).childNodes : parts(item, words)));
    row.querySelector("[data-cancel]")?.addEventListener("click", () => acts.cancel(item.id));
    row.querySelector("[data-again]")?.addEventListener("click", () => acts.again(item.id));
  }
  const note = row.querySelector("[data-note]");
  const percent = item.size ? Math.floor((100 * item.sent) / item.size) : 0;
  const text = item.state === "sending" ? `${item.sent >= item.size ? words.storing : item.note} ${percent}%` : item.note;
  if (note && note.textContent !== text) note.textContent = text;
  const bar = row.querySelector("progress");
  if (bar) bar.value = percent;
}

function parts(item, words) {
  const text = document.createElement("p");
  const name = document.createElement("strong");
  name.textContent = item.place || item.name;
  const note = document.createElement("span");
  note.dataset.note = "";
  text.append(name, " ", note);
  const found = [document.createElement("span"), text];
  if (moving(item)) found.push(button("cancel", words.cancel, item.name), bar(item.name));
  else if (!item.final) found.push(button("again", words.again, item.name));
  return found;
}

function button(kind, label, name) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "button plain small";
  made.dataset[kind] = "";
  made.textContent = label;
  made.setAttribute("aria-label", `${label}: ${name}`);
  return made;
}

function bar(label) {
  const made = document.createElement("progress");
  made.max = 100;
  made.value = 0;
  made.setAttribute("aria-label", label);
  return made;
}

const box = () => document.getElementById("upload-tray");

function tray(items, words, acts) {
  if (!box()) {
    const made = document.createElement("aside");
    made.id = "upload-tray";
    made.className = "upload-tray";
    made.setAttribute("aria-label", words.tray);
    const text = document.createElement("p");
    text.setAttribute("role", "status");
    const link = document.createElement("a");
    link.href = "/documentos";
    link.textContent = words.see;
    const close = button("close", words.close, "");
    close.setAttribute("aria-label", words.close);
    close.onclick = acts.forget;
    made.append(text, bar(words.tray), link, close);
    made.hidden = true; // until its style is there
    document.body.append(made);
    Promise.resolve(style()).then(() => { made.hidden = false; });
  }
  const found = figures(items);
  const text = fill(words.counted, found);
  const status = box().querySelector("p");
  if (status.textContent !== text) status.textContent = text;
  box().querySelector("progress").value = found.percent;
  box().querySelector("progress").hidden = found.done === found.all;
  box().querySelector("[data-close]").hidden = found.done !== found.all;
}

function style() {
  const address = new URL("../css/uploads.css", import.meta.url).href;
  if (document.querySelector(`link[href="${address}"]`)) return null;
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = address;
  return new Promise((resolve) => { sheet.onload = sheet.onerror = resolve; document.head.append(sheet); });
}
