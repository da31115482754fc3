// Where questions are written: Enter sends, Shift+Enter starts a line, the field grows.
const field = () => document.getElementById("question");
const canSize = CSS.supports("field-sizing", "content");

export function running() {
  return document.querySelector("[data-running]") !== null;
}

export function startComposer() {
  document.addEventListener("keydown", (event) => {
    if (event.target !== field() || event.key !== "Enter") return;
    if (event.shiftKey || event.isComposing || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    if (field().value.trim() && !running()) field().form.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    if (event.target === field()) grow();
  });
  document.body.addEventListener("htmx:confirm", (event) => {
    // One answer at a time in this page; the question stays in the field.
    if (event.target.id === "composer" && running()) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.target.id !== "composer" || !event.detail.successful) return;
    field().value = "";
    grow();
    forgetDay();
  });
  // A day that cannot be seen must not count.
  document.addEventListener("toggle", (event) => {
    if (event.target.matches?.("[data-as-of]:not([open])")) forgetDay();
  }, true);
  if (matchMedia("(hover: hover)").matches) field()?.focus({ preventScroll: true });
}

function forgetDay() {
  const day = document.getElementById("as-of");
  if (!day) return;
  day.value = "";
  day.closest("details").open = false;
}

function grow() {
  if (canSize) return;
  const area = field();
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight}px`;
}
