import chat from "./zh/chat.js";
import help from "./zh/help.js";
import library from "./zh/library.js";
import roles from "./zh/roles.js";
import shell from "./zh/shell.js";
import sources from "./zh/sources.js";
import status from "./zh/status.js";

/** @type {import("./index.js").Texts} */
export default { ...shell, ...chat, ...library, ...sources, ...roles, ...status, ...help };
