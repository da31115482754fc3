// Lists of conversations, links to pass on, and the end of temporary conversations.
import { say } from "./announce.js";

const dialog = () => document.getElementById("dialog");
const temporary = () => document.querySelector("[data-temporary]");

export function startConversations() {
  let here = temporary()?.dataset.temporary;
  document.addEventListener("change", (event) => {
    const form = event.target.closest("[data-choosing]");
    if (form) choose(form, event.target);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy-link]");
    if (button) copy(button);
    if (event.target.closest("[data-undo]")) event.target.closest("[data-notice]").hidden = true;
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "conversations" && dialog()?.open) dialog().close();
    if (event.target.id !== "main") return;
    const next = temporary()?.dataset.temporary;
    if (here && here !== next) leave(here);
    here = next;
  });
  // A reload leaves, too: whoever comes back in time finds the conversation as it was.
  addEventListener("pagehide", () => { if (here) leave(here); });
  addEventListener("pageshow", (event) => { if (event.persisted && here) location.reload(); });
  for (const form of document.querySelectorAll("[data-choosing]")) tell(form);
}

function leave(address) {
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers") ?? "{}"), "HX-Request": "true" };
  fetch(address, { method: "POST", headers, keepalive: true }).catch(() => {});
}

function choose(form, box) {
  if (box.matches("[data-choose-all]")) {
    for (const each of form.querySelectorAll("input[name=id]")) each.checked = box.checked;
  }
  tell(form);
}

function tell(form) {
  const boxes = [...form.querySelectorAll("input[name=id]")];
  const chosen = boxes.filter((each) => each.checked).length;
  const said = form.querySelector("[data-chosen]");
  said.textContent = chosen ? `${said.dataset.some} ${chosen}` : said.dataset.none;
  const all = form.querySelector("[data-choose-all]");
  all.checked = chosen === boxes.length;
  all.indeterminate = chosen > 0 && chosen < boxes.length;
  for (const button of form.querySelectorAll("button[name=act]")) button.disabled = chosen === 0;
}

async function copy(button) {
  const link = button.parentElement.querySelector("[data-link]");
  try {
    await navigator.clipboard.writeText(link.value ?? link.textContent);
    say("copied");
  } catch {
    if (link.select) link.select(); else getSelection().selectAllChildren(link);
    say("notCopied");
  }
}
