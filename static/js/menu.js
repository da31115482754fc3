// The menu on small screens, the user menu, dialogs, notices, colours.
const sidebar = () => document.getElementById("sidebar");
const dialog = () => document.getElementById("dialog");

export function startMenu() {
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    if (at("[data-open-sidebar]")) { event.preventDefault(); openSidebar(); }
    if (at("[data-close-sidebar]") && sidebar()?.hasAttribute("data-open")) {
      event.preventDefault();
      closeSidebar();
    }
    if (at("[data-close-notice]")) at("[data-notice]").remove();
    if (at("[data-close-dialog]")) { event.preventDefault(); dialog().close(); }
    if (at("button[data-theme]")) chooseTheme(at("button[data-theme]"));
    for (const menu of document.querySelectorAll(".user-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target === dialog() && !dialog().open) dialog().showModal();
    if (event.target.id === "main") closeSidebar();
    const title = event.target.querySelector?.("[data-rename]");
    if (title) rename(title);
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
  behind(true);
  sidebar().querySelector("a, button").focus();
}

// The title is changed in the list, which small screens keep in the menu.
function rename(title) {
  if (!title.checkVisibility({ visibilityProperty: true })) openSidebar();
  title.focus();
  title.select();
}

// While the menu covers the page, the keyboard stays in the menu.
function behind(inert) {
  for (const part of document.querySelectorAll(".topbar, .column, .panel")) part.inert = inert;
}

function closeSidebar() {
  if (!sidebar()?.hasAttribute("data-open")) return;
  sidebar().removeAttribute("data-open");
  document.querySelector(".sidebar-shade").removeAttribute("data-open");
  behind(false);
  document.querySelector("[data-open-sidebar]").focus();
}

function chooseTheme(button) {
  const theme = button.dataset.theme;
  document.documentElement.dataset.theme = theme;
  for (const other of document.querySelectorAll("button[data-theme]")) {
    other.setAttribute("aria-pressed", String(other.dataset.theme === theme));
  }
}
