// Says that the connection is lost, and that it is back; the streams of answers connect by
// themselves and go on where they were.
import { say } from "./announce.js";

const SHOWN = 4000;
let lost = false;
let timer = 0;

export function startConnection() {
  addEventListener("offline", () => set(true));
  addEventListener("online", () => set(false));
  document.body.addEventListener("htmx:sendError", () => set(true));
  document.body.addEventListener("htmx:sseError", () => { set(true); say("offline"); });
  document.body.addEventListener("htmx:sseOpen", () => set(false));
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr?.status) set(false);
  });
  document.body.addEventListener("htmx:afterSwap", draw);
  if (!navigator.onLine) set(true);
}

function set(now) {
  if (lost === now) return;
  lost = now;
  clearTimeout(timer);
  draw();
  if (!lost) timer = setTimeout(() => notice()?.setAttribute("hidden", ""), SHOWN);
}

function notice() {
  return document.querySelector("[data-connection]");
}

function draw(event) {
  const box = notice();
  if (!box || (event && !lost)) return;
  box.hidden = false;
  box.toggleAttribute("data-lost", lost);
  box.querySelector("[data-connection-lost]").hidden = !lost;
  box.querySelector("[data-connection-back]").hidden = lost;
}
