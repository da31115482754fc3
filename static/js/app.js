// Starts the parts. Everything works without them; they make it quicker and keep the place.
import { startAnswers } from "./answers.js";
import { startCards } from "./cards.js";
import { startChanges } from "./changes.js";
import { startComposer } from "./composer.js";
import { startConnection } from "./connection.js";
import { startConversations } from "./conversations.js";
import { startKeys } from "./keys.js";
import { startMenu } from "./menu.js";
import { startPanel } from "./panel.js";

startMenu();
startComposer();
startAnswers();
startPanel();
startKeys();
startCards();
startChanges();
startConnection();
startConversations();
// Files that were chosen on the documents page and have not arrived yet.
if (localStorage.getItem("govbot-uploads")) import("./uploads.js").then((uploads) => uploads.resume());
