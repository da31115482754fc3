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
}
