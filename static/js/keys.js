// Keys: Esc closes what is open, then stops the answer; Ctrl+K searches; Ctrl+Shift+O starts anew.
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
  });
}

function escape(event) {
  if (document.querySelector("dialog[open]") || closeMenus()) return;
  if (panelIsOpen()) closePanel();
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
