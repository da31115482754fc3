// What a request has changed is told to the page even where its button is gone by then: a list that
// was renewed meanwhile has other buttons, and what htmx tells the old one nobody would hear.
export function startChanges() {
  document.body.addEventListener("htmx:beforeRequest", ({ detail: { elt, xhr } }) => {
    xhr.addEventListener("load", () => {
      if (elt.isConnected) return;
      const told = xhr.getResponseHeader("HX-Trigger")?.split(",") ?? [];
      for (const name of told) document.body.dispatchEvent(new CustomEvent(name.trim()));
    });
  });
  document.body.addEventListener("htmx:beforeRequest", swapWhatStands);
  renewAfterSearches();
}

// An answer goes where its target stands now: of two changes of one part of a page that are under
// way together, the first answer takes away the part that the second was meant for.
function swapWhatStands({ detail }) {
  detail.xhr.addEventListener("readystatechange", () => {
    if (detail.xhr.readyState !== XMLHttpRequest.DONE || detail.target.isConnected) return;
    detail.target = document.getElementById(detail.target.id) ?? detail.target;
  });
}

// A change renews the list of documents. One that comes while the list is being asked for, by a
// search for instance, or has come and does not listen yet, has the list renewed after that.
function renewAfterSearches() {
  let asking = null;
  let changed = false;
  const arrived = (xhr) => {
    if (xhr !== asking) return;
    asking = null;
    if (changed) document.body.dispatchEvent(new CustomEvent("documents-sent"));
    changed = false;
  };
  document.body.addEventListener("htmx:beforeRequest", ({ detail: { target, xhr } }) => {
    if (target.id === "documents") asking = xhr;
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail: { xhr, successful } }) => {
    if (!successful) arrived(xhr);
  });
  document.body.addEventListener("htmx:afterSettle", ({ target, detail: { xhr } }) => {
    if (target.id === "documents") arrived(xhr);
  });
  for (const name of ["documents-changed", "documents-sent"]) {
    document.addEventListener(name, () => { changed ||= asking !== null; }, true);
  }
}
