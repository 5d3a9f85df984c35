import chat from "./en/chat.js";
import help from "./en/help.js";
import library from "./en/library.js";
import roles from "./en/roles.js";
import shell from "./en/shell.js";
import sources from "./en/sources.js";
import status from "./en/status.js";

/** @type {import("./index.js").Texts} */
export default { ...shell, ...chat, ...library, ...sources, ...roles, ...status, ...help };
