// Inside the viewer: keys while the focus is in it, where to scroll, and what keeps the focus.
import { announce } from "./announce.js";

const KEYS = {
  ArrowLeft: "prev", ArrowRight: "next", "+": "larger", "=": "larger", "-": "smaller", 0: "fit",
  n: "found-after", N: "found-before",
};
let kept = null;

document.addEventListener("keydown", (event) => {
  const viewer = event.target.closest?.("#panel, #viewer");
  if (!viewer || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.id === "viewer-term" && event.key === "Enter" && event.shiftKey) {
    follow(event, viewer, "found-before");
    return;
  }
  if (event.target.closest("input, textarea, select")) return;
  const body = viewer.querySelector("[data-viewer-body]");
  // A page that is wider than its frame is moved by the arrows first.
  if (event.key.startsWith("Arrow") && body && body.scrollWidth > body.clientWidth + 1) return;
  if (event.key === "/") {
    event.preventDefault();
    viewer.querySelector("#viewer-term")?.focus();
  } else if (event.key in KEYS) follow(event, viewer, KEYS[event.key]);
});

function follow(event, viewer, key) {
  const link = viewer.querySelector(`[data-key="${key}"]`);
  if (!link) return;
  event.preventDefault();
  link.click();
}

// Before the content of `viewer` is exchanged: what has the focus, and which part is looked at.
export function remember(viewer) {
  kept = null;
  if (!viewer) return;
  const body = viewer.querySelector("[data-viewer-body]");
  kept = {
    key: document.activeElement?.dataset?.key ?? "",
    inBody: body?.contains(document.activeElement) ?? false,
    here: body?.dataset.here,
    x: body ? middle(body.scrollLeft, body.clientWidth, body.scrollWidth) : 0.5,
    y: body ? middle(high(viewer).scrollTop, high(viewer).clientHeight, high(viewer).scrollHeight) : 0,
  };
}

// What scrolls upwards and downwards: the page in its frame, on small screens the whole viewer.
function high(viewer) {
  const body = viewer.querySelector("[data-viewer-body]");
  return body.scrollHeight > body.clientHeight + 1 ? body : viewer;
}

// After it: the passage, or the same part of the same page; the focus stays where it was.
export function shown(viewer, hash) {
  const body = viewer.querySelector("[data-viewer-body]");
  if (!body) return;
  const same = kept !== null && kept.here === body.dataset.here;
  const target = (hash && body.querySelector(hash)) || body.querySelector("[data-passage]");
  // Where the quotation stands above the picture, the top is the place to begin.
  const quoted = viewer.querySelector(".when-small")?.checkVisibility() ?? false;
  if (same && !hash) {
    body.scrollLeft = kept.x * body.scrollWidth - body.clientWidth / 2;
    const frame = high(viewer);
    frame.scrollTop = kept.y * frame.scrollHeight - frame.clientHeight / 2;
  } else if (target && !(quoted && target.id === "passagem")) toMiddle(high(viewer), body, target);
  else {
    viewer.scrollTop = 0;
    body.scrollLeft = (body.scrollWidth - body.clientWidth) / 2;
  }
  if (kept) {
    const again = kept.key && viewer.querySelector(`[data-key="${kept.key}"]`);
    (again || (kept.inBody || kept.key ? body : viewer.querySelector("#viewer-title")))
      ?.focus({ preventScroll: true });
    if (body.dataset.here && !same) announce(body.dataset.here);
  } else if (viewer.id === "panel") viewer.querySelector("#viewer-title")?.focus({ preventScroll: true });
  kept = null;
}

function toMiddle(frame, body, target) {
  const inner = target.getBoundingClientRect();
  frame.scrollTop += inner.top - frame.getBoundingClientRect().top - frame.clientHeight / 3;
  const outer = body.getBoundingClientRect();
  if (inner.left < outer.left || inner.right > outer.right) {
    body.scrollLeft += inner.left - outer.left - body.clientWidth / 3;
  }
}

function middle(start, visible, all) {
  return (start + visible / 2) / all;
}
