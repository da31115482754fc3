// The source of a citation beside the conversation; on small screens over it.
import { say } from "./announce.js";

const small = matchMedia("(max-width: 60rem)");
const panel = () => document.getElementById("panel");
let opener = null;

export function startPanel() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-panel]");
    if (link && panel() && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      open(link);
    }
    if (event.target.closest("[data-close-panel]")) closePanel();
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === panel()) shown();
    if (event.target.id === "main") closePanel(false);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful || !event.target.matches("[data-pin]")) return;
    say("pinned");
    if (small.matches && panel()?.contains(event.target)) closePanel();
  });
}

export function panelIsOpen() {
  return panel() !== null && !panel().hidden;
}

export function closePanel(refocus = true) {
  if (!panelIsOpen()) return;
  panel().hidden = true;
  panel().replaceChildren();
  setInert(false);
  opener?.removeAttribute("aria-expanded");
  if (refocus && opener?.isConnected) opener.focus();
  opener = null;
}

function open(link) {
  if (!panel().contains(link)) {
    opener?.removeAttribute("aria-expanded");
    opener = link;
    link.setAttribute("aria-expanded", "true");
  }
  htmx.ajax("GET", link.getAttribute("href"), { target: "#panel", swap: "innerHTML" });
}

function shown() {
  panel().hidden = false;
  setInert(small.matches);
  const body = panel().querySelector("[data-viewer-body]");
  const passage = panel().querySelector("[data-passage]");
  // Where the quotation stands above the picture, the top of the panel is the place to begin.
  const quoted = panel().querySelector(".when-small")?.checkVisibility() ?? false;
  if (body && passage && !quoted) {
    const top = passage.getBoundingClientRect().top - body.getBoundingClientRect().top;
    body.scrollTop += top - body.clientHeight / 3;
  }
  panel().querySelector("#viewer-title")?.focus({ preventScroll: true });
}

function setInert(on) {
  for (const part of document.querySelectorAll(".column, .sidebar")) part.inert = on;
}
