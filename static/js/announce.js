// One polite voice for screen readers: the last sentence wins.
const box = () => document.getElementById("announcer");

export function announce(text) {
  const place = box();
  if (!place) return;
  place.textContent = "";
  requestAnimationFrame(() => { place.textContent = text; });
}

export function say(key) {
  announce(box()?.dataset[key] ?? "");
}

export function sayAnswer(text) {
  announce(`${box()?.dataset.ready ?? ""} ${text}`);
}
