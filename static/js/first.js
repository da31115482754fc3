// Runs before the page is drawn: what only works with scripts is there from the beginning.
document.documentElement.classList.add("js");
