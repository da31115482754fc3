// The passage behind a mark [1]: a card on hover of a mouse and on focus by the keyboard. Esc closes
// it and the pointer may go into it. A finger gets none: its tap opens the source.
const GAP = 8;
const WAIT = 180;
let card = null;
let owner = null;
let timer = 0;
let tabbed = false;

export function startCards() {
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const mark = markAt(event.target);
    if (mark) later(() => show(mark));
    else if (event.target.closest?.("#cite-card")) clearTimeout(timer);
    else if (owner) later(hideCard);
  });
  document.addEventListener("keydown", (event) => { tabbed = event.key === "Tab"; }, true);
  document.addEventListener("focusin", (event) => {
    // Focus that comes back from a panel asks for nothing.
    const mark = tabbed ? markAt(event.target) : null;
    if (mark) show(mark);
    else if (owner && !event.target.closest?.("#cite-card")) hideCard();
  });
  document.addEventListener("click", hideCard);
  document.addEventListener("scroll", (event) => {
    if (owner && event.target !== card) hideCard();
  }, true);
}

/** Whether there was a card to close. */
export function hideCard() {
  clearTimeout(timer);
  if (!owner) return false;
  owner.removeAttribute("aria-describedby");
  owner = null;
  card.hidden = true;
  return true;
}

function markAt(target) {
  return target.closest?.("a.cite[href]") ?? null;
}

function later(act) {
  clearTimeout(timer);
  timer = setTimeout(act, WAIT);
}

function show(mark) {
  clearTimeout(timer);
  const source = [...(mark.closest(".answer")?.querySelectorAll("a.source[data-number]") ?? [])]
    .find((link) => link.dataset.number === mark.textContent.trim());
  const quote = source?.parentElement.querySelector("[data-quote]");
  if (!quote || mark === owner) return;
  hideCard();
  if (!card) make();
  const words = (name) => source.querySelector(name)?.textContent.trim().replace(/\s+/g, " ") ?? "";
  card.querySelector("[data-title]").textContent = words(".source-title");
  card.querySelector("[data-place]").textContent = [words(".source-place"), words(".source-ended")].filter(Boolean).join(" · ");
  card.querySelector("[data-text]").textContent = quote.textContent.trim();
  owner = mark;
  mark.setAttribute("aria-describedby", "cite-card");
  card.hidden = false;
  place(mark);
}

function make() {
  card = document.createElement("div");
  card.id = "cite-card";
  card.className = "cite-card";
  card.setAttribute("role", "tooltip");
  card.hidden = true;
  for (const name of ["title", "text", "place"]) {
    const line = document.createElement("p");
    line.dataset[name] = "";
    card.append(line);
  }
  document.body.append(card);
}

function place(mark) {
  const at = mark.getBoundingClientRect();
  const size = card.getBoundingClientRect();
  const left = Math.min(Math.max(GAP, at.left - 24), innerWidth - size.width - GAP);
  const above = at.top - size.height - GAP;
  card.style.left = `${left}px`;
  card.style.top = `${above >= GAP ? above : Math.min(at.bottom + GAP, innerHeight - size.height - GAP)}px`;
}
