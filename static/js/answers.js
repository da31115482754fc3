// Follows an answer while it is written, unless the reader has scrolled away; copies answers.
import { say, sayAnswer, show } from "./announce.js";

const NEAR = 120;
const thread = () => document.querySelector("[data-scroll]");
const jump = () => document.querySelector("[data-jump]");
let following = true;

export function startAnswers() {
  toEnd();
  document.addEventListener("scroll", (event) => {
    if (event.target !== thread()) return;
    following = distance() < NEAR;
    if (jump()) jump().hidden = following;
  }, true);
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "main") { following = true; markCurrent(); toEnd(); }
    if (event.target.id === "turns") { following = true; toEnd(); }
  });
  document.body.addEventListener("htmx:pushedIntoHistory", markCurrent);
  document.body.addEventListener("htmx:sseMessage", () => {
    if (following) toEnd();
  });
  document.body.addEventListener("htmx:sseBeforeMessage", (event) => {
    // The end replaces the answer, and with it the element that would tell of it afterwards.
    const answer = event.target.closest(".answer");
    if (answer && event.detail.type === "done") finished(answer, event.detail.data);
  });
  // What opens below the last line, such as the reasons for a bad rating, comes into view.
  document.addEventListener("toggle", (event) => {
    if (event.target.open && thread()?.contains(event.target)) event.target.scrollIntoView({ block: "nearest" });
  }, true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    if (event.target.closest("[data-jump]")) { event.preventDefault(); following = true; toEnd(); }
  });
}

function distance() {
  const box = thread();
  return box ? box.scrollHeight - box.scrollTop - box.clientHeight : 0;
}

function toEnd() {
  const box = thread();
  if (box && document.getElementById("turns")) box.scrollTop = box.scrollHeight;
  if (jump()) jump().hidden = true;
}

function finished(answer, html) {
  const done = new DOMParser().parseFromString(html, "text/html");
  sayAnswer(done.querySelector("[data-answer-text], .problem, .calm-note")?.textContent ?? "");
  const focused = answer.contains(document.activeElement);
  setTimeout(() => {
    if (following) toEnd();
    if (focused) document.getElementById("question")?.focus();
  });
}

function markCurrent() {
  for (const link of document.querySelectorAll(".conversation-link")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

async function copy(button) {
  const answer = button.closest(".answer");
  const sources = [...answer.querySelectorAll(".source[data-number]")].map((link) => {
    const words = (name) => link.querySelector(name).textContent.trim().replace(/\s+/g, " ");
    return `[${link.dataset.number}] ${words(".source-title")}, ${words(".source-place")}`;
  });
  const body = answer.querySelector("[data-answer-text]").cloneNode(true);
  for (const mark of body.querySelectorAll(".cite")) mark.textContent = `[${mark.textContent}]`;
  document.body.append(body);
  const text = [body.innerText.trim(), ...(sources.length ? ["", ...sources] : [])].join("\n");
  body.remove();
  const copied = await write(text);
  if (!copied) {
    show("notCopied");
    return;
  }
  say("copied");
  const use = button.querySelector("use");
  const before = use.getAttribute("href");
  use.setAttribute("href", before.replace(/#.*/, "#check"));
  setTimeout(() => use.setAttribute("href", before), 1500);
}

async function write(text) {
  // The clipboard interface exists only over HTTPS and on localhost; the old way works in an
  // intranet without certificates too.
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "sr-only";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
