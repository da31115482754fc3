// Keys: Esc closes what is open, then stops the answer; Ctrl+K searches; Ctrl+Shift+O starts anew;
// outside of fields / goes to the question, E edits the last one, ? shows all keys.
import { hideCard } from "./cards.js";
import { panelIsOpen, closePanel } from "./panel.js";
import { closeMenus, openSidebar } from "./menu.js";

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") escape(event);
    const control = event.ctrlKey || event.metaKey;
    if (control && !event.shiftKey && event.key.toLowerCase() === "k") search(event);
    if (control && event.shiftKey && event.key.toLowerCase() === "o") {
      event.preventDefault();
      document.querySelector(".new-conversation")?.click();
    }
    if (!control && !event.altKey && !event.isComposing && !inField(event.target)) letter(event);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-keys]") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    help();
  });
}

function inField(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null
    || document.querySelector("dialog[open]") !== null;
}

function letter(event) {
  const act = { "?": help, "/": () => document.getElementById("question")?.focus(), e: edit }[event.key.toLowerCase()];
  if (!act) return;
  if (event.key !== "?" && !document.getElementById("question")) return;
  event.preventDefault();
  act();
}

function help() {
  htmx.ajax("GET", "/atalhos", { target: "#dialog", swap: "innerHTML" });
}

function edit() {
  const pencils = document.querySelectorAll("#turns a[href$='/editar']");
  pencils[pencils.length - 1]?.click();
}

function escape(event) {
  if (hideCard()) { event.stopPropagation(); return; }
  if (document.querySelector("dialog[open]") || closeMenus()) return;
  const editing = document.activeElement?.closest(".edit-question");
  if (editing) editing.querySelector("[data-cancel-edit]").click();
  else if (panelIsOpen()) closePanel();
  else document.querySelector("[data-running] [data-stop]")?.click();
  event.stopPropagation();
}

function search(event) {
  const field = document.getElementById("search");
  if (!field) return;
  event.preventDefault();
  if (!field.checkVisibility({ visibilityProperty: true })) openSidebar();
  field.focus();
  field.select();
}
