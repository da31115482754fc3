// What requests change reaches the page also where it has become another one meanwhile.
export function startChanges() {
  const { body } = document;
  body.addEventListener("htmx:beforeRequest", ({ detail }) => {
    const { elt, xhr, target } = detail;
    // An answer goes where its target stands now, which an answer before it may have renewed.
    xhr.addEventListener("readystatechange", () => {
      if (xhr.readyState === 4 && !target.isConnected) {
        detail.target = document.getElementById(target.id) ?? target;
      }
    });
    // What htmx tells a button that is gone by then, nobody would hear.
    xhr.addEventListener("load", () => {
      if (elt.isConnected) return;
      const told = xhr.getResponseHeader("HX-Trigger")?.split(",") ?? [];
      for (const name of told) body.dispatchEvent(new CustomEvent(name.trim()));
    });
  });
}
