// One polite voice for screen readers: the last sentence wins.
const SHOWN_MS = 4000;
const box = () => document.getElementById("announcer");
let hiding = 0;

export function announce(text) {
  const place = box();
  if (!place) return;
  delete place.dataset.shown;
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

export function say(key) {
  announce(box()?.dataset[key] ?? "");
}

// Said, and shown for a moment to those who look: where nothing else on the screen tells.
export function show(key) {
  say(key);
  const place = box();
  if (!place) return;
  place.dataset.shown = "";
  clearTimeout(hiding);
  hiding = setTimeout(() => { delete place.dataset.shown; }, SHOWN_MS);
}

export function sayAnswer(text) {
  announce(`${box()?.dataset.ready ?? ""} ${text}`);
}
