// Where questions are written: Enter sends, Shift+Enter starts a line, the field grows.
const field = () => document.getElementById("question");
const canSize = CSS.supports("field-sizing", "content");

export function running() {
  return document.querySelector("[data-running]") !== null;
}

export function startComposer() {
  document.addEventListener("keydown", (event) => {
    const edited = event.target.matches?.("[data-edit]");
    if ((event.target !== field() && !edited) || event.key !== "Enter") return;
    if (event.shiftKey || event.isComposing || event.ctrlKey || event.altKey) return;
    event.preventDefault();
    const written = event.target;
    if (written.value.trim() && (edited || !running())) written.form.requestSubmit();
  });
  document.addEventListener("input", (event) => {
    if (event.target === field()) grow();
  });
  document.body.addEventListener("htmx:confirm", (event) => {
    // One answer at a time in this page; the question stays in the field.
    if (event.target.matches(".composer, .further") && running()) event.preventDefault();
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.target.matches(".composer, .further, .suggestions") || !event.detail.successful) return;
    if (!field()) return;
    field().value = "";
    grow();
    forgetDay();
  });
  document.body.addEventListener("htmx:afterSettle", (event) => {
    const edited = event.detail.elt?.querySelector?.("[data-edit]") ?? document.querySelector("[data-edit]");
    if (edited && !edited.dataset.seen) {
      edited.dataset.seen = "";
      edited.focus();
      edited.setSelectionRange(edited.value.length, edited.value.length);
    }
  });
  document.body.addEventListener("htmx:xhr:progress", (event) => {
    const bar = event.target.querySelector?.("[data-upload]");
    if (!bar || !event.detail.lengthComputable) return;
    bar.hidden = false;
    bar.value = Math.round((100 * event.detail.loaded) / event.detail.total);
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    const attach = event.target.closest?.("[data-attach]");
    if (!attach) return;
    attach.querySelector("[data-upload]").hidden = true;
    if (!event.detail.successful) return;
    event.target.reset();
    attach.open = false;
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
