// Starts the parts. Everything works without them; they make it quicker and keep the place.
import { startAnswers } from "./answers.js";
import { startComposer } from "./composer.js";
import { startKeys } from "./keys.js";
import { startMenu } from "./menu.js";
import { startPanel } from "./panel.js";

document.documentElement.classList.add("js");
startMenu();
startComposer();
startAnswers();
startPanel();
startKeys();
