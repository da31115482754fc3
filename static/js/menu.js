// The menu on small screens, the user menu, dialogs, notices, colours.
const sidebar = () => document.getElementById("sidebar");
const dialog = () => document.getElementById("dialog");

export function startMenu() {
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    if (at("[data-open-sidebar]")) { event.preventDefault(); openSidebar(); }
    if (at("[data-close-sidebar]")) closeSidebar();
    if (at("[data-close-notice]")) at("[data-notice]").remove();
    if (at("[data-close-dialog]")) { event.preventDefault(); dialog().close(); }
    if (at("button[data-theme]")) chooseTheme(at("button[data-theme]"));
    for (const menu of document.querySelectorAll(".user-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === dialog()) dialog().showModal();
    if (event.target.id === "main") closeSidebar();
    event.target.querySelector?.("[data-rename]")?.select();
  });
}

export function closeMenus() {
  const menu = document.querySelector(".user-menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); return true; }
  if (sidebar()?.hasAttribute("data-open")) { closeSidebar(); return true; }
  const rename = document.activeElement?.closest(".rename");
  if (rename && document.getElementById("conversations")) {
    htmx.ajax("GET", "/conversas", { target: "#conversations", swap: "outerHTML" });
    return true;
  }
  return false;
}

export function openSidebar() {
  sidebar().setAttribute("data-open", "");
  document.querySelector(".sidebar-shade").setAttribute("data-open", "");
  sidebar().querySelector("a, button").focus();
}

function closeSidebar() {
  if (!sidebar()?.hasAttribute("data-open")) return;
  sidebar().removeAttribute("data-open");
  document.querySelector(".sidebar-shade").removeAttribute("data-open");
  document.querySelector("[data-open-sidebar]").focus();
}

function chooseTheme(button) {
  document.documentElement.dataset.theme = button.dataset.theme;
  for (const other of button.parentElement.querySelectorAll("button")) {
    other.setAttribute("aria-pressed", String(other === button));
  }
}
