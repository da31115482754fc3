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
  renewAfterSearches();
}

// A change renews the list of documents. One that comes while the list is being asked for, by a
// search for instance, does not take its place but has the list renewed after it.
function renewAfterSearches() {
  let asking = null;
  let changed = false;
  const renew = () => {
    if (changed) document.body.dispatchEvent(new CustomEvent("documents-sent"));
    changed = false;
  };
  document.body.addEventListener("htmx:beforeRequest", ({ detail: { target, xhr } }) => {
    if (target.id === "documents") asking = xhr;
  });
  document.body.addEventListener("htmx:afterRequest", ({ detail: { xhr, successful } }) => {
    if (xhr !== asking) return;
    asking = null;
    if (!successful) renew();
  });
  document.body.addEventListener("htmx:afterSettle", ({ target }) => {
    if (target.id === "documents" && !asking) renew(); // only now does the new list hear it
  });
  for (const name of ["documents-changed", "documents-sent"]) {
    document.addEventListener(name, () => { changed ||= asking !== null; }, true);
  }
}
