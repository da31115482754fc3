// The source of a citation beside the conversation; on small screens over it. The viewer on a page
// of its own goes from page to page in the same way.
import { show } from "./announce.js";
import { remember, shown } from "./viewer.js";

const small = matchMedia("(max-width: 60rem)");
const panel = () => document.getElementById("panel");
const place = () => panel() ?? document.getElementById("viewer");
let opener = null;
let pushed = "";

export function startPanel() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-panel]");
    if (link && place() && plain(event)) {
      event.preventDefault();
      open(link.getAttribute("href"), link);
    }
    if (event.target.closest("[data-close-panel]")) closePanel();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-panel]");
    if (!form || !place()) return;
    event.preventDefault();
    const fields = new URLSearchParams(new FormData(form));
    let address = form.getAttribute("action");
    if (form.matches("[data-goto]")) {
      const field = form.querySelector("[name=numero]");
      const number = Math.min(Math.max(Number(field.value) || 1, 1), Number(field.max));
      fields.delete("numero");
      address += `/${number}`;
    }
    open(fields.size ? `${address}?${fields}` : address, form);
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (place() && event.target === place()) swapped();
    if (event.target.id === "main") closePanel(false);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful || !event.target.matches("[data-pin]")) return;
    show("pinned");
    document.querySelector("#fixados li:last-child")?.scrollIntoView({ block: "nearest" });
    if (small.matches && panel()?.contains(event.target)) closePanel();
  });
  if (document.getElementById("viewer")) {
    history.replaceState({ viewer: true }, "");
    addEventListener("popstate", () => location.reload());
    shown(document.getElementById("viewer"), location.hash);
  }
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

function plain(event) {
  return !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
}

function open(address, from) {
  const target = place();
  const inside = target.contains(from);
  if (target === panel() && !inside) {
    opener?.removeAttribute("aria-expanded");
    opener = from;
    opener.setAttribute("aria-expanded", "true");
  }
  remember(inside ? target : null);
  pushed = address;
  htmx.ajax("GET", address.split("#")[0], { target: `#${target.id}`, swap: "innerHTML" });
}

function swapped() {
  const target = place();
  if (target === panel()) {
    target.hidden = false;
    setInert(small.matches);
  } else if (pushed) {
    history.pushState({ viewer: true }, "", pushed);
    const name = target.querySelector("#viewer-title")?.textContent ?? "";
    document.title = document.title.replace(/^.* · /, `${name} · `);
  }
  shown(target, pushed.includes("#") ? `#${pushed.split("#")[1]}` : "");
  pushed = "";
}

function setInert(on) {
  for (const part of document.querySelectorAll(".column, .sidebar")) part.inert = on;
}
