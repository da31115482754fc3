// Sends files one by one with their progress, says aloud what changed in the list, closes dialogs.
const AT_ONCE = 2;
const say = (text) => {
  const line = document.getElementById("progress-status");
  if (line && line.textContent !== text) line.textContent = text;
};
let summary = document.getElementById("documents")?.dataset.summary;

document.body.addEventListener("htmx:afterSettle", () => {
  const now = document.getElementById("documents")?.dataset.summary;
  if (now && now !== summary) say(now);
  summary = now;
});
document.body.addEventListener("documents-changed", () => document.getElementById("dialog").close());
document.getElementById("shelf")?.addEventListener("change", (event) => {
  const into = document.getElementById("into");
  if (into && [...into.options].some((option) => option.value === event.target.value)) into.value = event.target.value;
});

for (const form of document.querySelectorAll("[data-upload]")) startUploads(form);

function startUploads(form) {
  const input = form.querySelector("input[type=file]");
  const zone = form.querySelector("[data-drop]");
  const queue = [];
  const count = { running: 0, done: 0, all: 0 };

  input.addEventListener("change", () => { add([...input.files]); input.value = ""; });
  form.addEventListener("submit", (event) => { event.preventDefault(); input.click(); });
  for (const name of ["dragenter", "dragover"]) {
    zone.addEventListener(name, (event) => { event.preventDefault(); zone.dataset.over = ""; });
  }
  for (const name of ["dragleave", "drop"]) zone.addEventListener(name, () => delete zone.dataset.over);
  zone.addEventListener("drop", (event) => { event.preventDefault(); add([...event.dataTransfer.files]); });
  // A file dropped beside the zone must not replace the page.
  for (const name of ["dragover", "drop"]) document.addEventListener(name, (event) => event.preventDefault());
  window.addEventListener("beforeunload", (event) => { if (count.running) event.preventDefault(); });

  function add(files) {
    const into = form.elements.colecao;
    if (!into.value) { into.setCustomValidity?.(form.dataset.choose); into.reportValidity?.(); into.addEventListener("change", () => into.setCustomValidity?.(""), { once: true }); return; }
    if (count.running === 0 && queue.length === 0) { count.done = 0; count.all = 0; }
    for (const file of files) {
      count.all += 1;
      const item = line(file.name, form.dataset.waiting);
      form.querySelector("[data-outcomes]").prepend(item);
      if (file.size > Number(form.dataset.maxBytes)) { fail(item, form.dataset.tooLarge); finished(); }
      else if (file.size === 0) { fail(item, form.dataset.empty); finished(); }
      else queue.push({ file, item, collection: into.value });
    }
    next();
  }

  function next() {
    while (count.running < AT_ONCE && queue.length) send(queue.shift());
  }

  function send({ file, item, collection }) {
    count.running += 1;
    const bar = document.createElement("progress");
    bar.max = 100;
    bar.value = 0;
    bar.setAttribute("aria-label", file.name);
    item.append(bar);
    note(item, form.dataset.sending);
    const body = new FormData();
    body.set("colecao", collection);
    body.set("arquivos", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("X-CSRF-Token", form.elements.csrf.value);
    request.setRequestHeader("HX-Request", "true");
    request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = (100 * event.loaded) / event.total; };
    request.upload.onload = () => { bar.removeAttribute("value"); note(item, form.dataset.storing); };
    request.onload = () => { answered(request, item); count.running -= 1; finished(); next(); };
    request.onerror = () => { fail(item, form.dataset.lost); count.running -= 1; finished(); next(); };
    request.send(body);
  }

  function answered(request, item) {
    const away = request.getResponseHeader("HX-Redirect");
    if (away) { location.href = away; return; }
    const answer = new DOMParser().parseFromString(request.responseText, "text/html");
    const outcome = answer.querySelector("li.outcome");
    if (outcome) item.replaceWith(document.importNode(outcome, true));
    else fail(item, answer.querySelector("p")?.textContent.trim() || form.dataset.lost);
  }

  function finished() {
    count.done += 1;
    const words = form.dataset.counted.replace("{done}", count.done).replace("{all}", count.all);
    form.querySelector("[data-upload-status]").textContent = words;
    if (document.getElementById("documents")) htmx.trigger(document.body, "documents-sent");
  }
}

function line(name, words) {
  const item = document.createElement("li");
  item.className = "outcome sending";
  const text = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = name;
  const more = document.createElement("span");
  more.dataset.note = "";
  more.textContent = words;
  text.append(strong, " ", more);
  item.append(document.createElement("span"), text);
  return item;
}

function note(item, words) {
  item.querySelector("[data-note]").textContent = words;
}

function fail(item, words) {
  item.classList.add("bad");
  item.classList.remove("sending");
  item.querySelector("progress")?.remove();
  note(item, words);
}
