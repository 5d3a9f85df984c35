// What can be done with a conversation: rename, export, delete.
import { save } from "../api.js";
import { h } from "../dom.js";
import { t } from "../strings/index.js";
import { iconButton } from "../ui/button.js";
import { openDialog } from "../ui/dialog.js";
import { openMenu } from "../ui/menu.js";
import { stop } from "./answers.js";
import { change, messages, remove, restore } from "./conversations.js";
import { fileName, toJson, toMarkdown } from "./transfer.js";

/** @typedef {import("../app.js").Context} Context */
/** @typedef {import("./types.js").Conversation} Conversation */

/** The button that opens them. @param {Conversation} conversation @param {Context} context */
export function actionsButton(conversation, context) {
  const name = t("chat.actions.of", { title: conversation.title });
  const opener = iconButton("more", name, () => openMenu(opener, items(conversation, context), name), {
    class: "icon-button small",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
  });
  return opener;
}

/** @param {Conversation} conversation @param {Context} context @returns {import("../ui/menu.js").MenuItem[]} */
function items(conversation, context) {
  return [
    { label: t("chat.rename"), icon: "edit", run: () => rename(conversation) },
    { label: t("chat.export.markdown"), icon: "download", run: () => void exportAs(conversation, "md") },
    { label: t("chat.export.json"), icon: "download", run: () => void exportAs(conversation, "json") },
    "line",
    { label: t("shell.delete"), icon: "trash", danger: true, run: () => void discard(conversation, context) },
  ];
}

/** @param {Conversation} conversation */
function rename(conversation) {
  const input = h("input", {
    id: "title",
    type: "text",
    dir: "auto",
    required: true,
    maxlength: 200,
    value: conversation.title,
    autofocus: true,
  });
  const form = h(
    "form",
    { class: "stack", onsubmit: take },
    h("label", { for: "title" }, t("chat.title")),
    input,
    h("div", { class: "actions" }, h("button", { class: "button primary" }, t("shell.save"))),
  );
  const close = openDialog({ title: t("chat.rename"), content: [form] });
  input.select();
  /** @param {Event} event */
  function take(event) {
    event.preventDefault();
    const title = input.value.trim();
    if (title) void change(conversation.id, { title, named: true });
    close();
  }
}

/** @param {Conversation} conversation @param {"md" | "json"} kind */
async function exportAs(conversation, kind) {
  const its = await messages(conversation.id);
  const text = kind === "md" ? toMarkdown(conversation, its) : toJson([{ conversation, messages: [...its.values()] }]);
  save(new Blob([text], { type: kind === "md" ? "text/markdown" : "application/json" }), fileName(conversation, kind));
}

/** @param {Conversation} conversation @param {Context} context */
async function discard(conversation, context) {
  const shown = window.location.hash;
  stop(conversation.id);
  await remove(conversation.id);
  if (shown === `#/c/${conversation.id}`) context.newChat();
  context.toast(t("chat.deleted", { title: conversation.title }), { label: t("shell.undo"), run: () => void back() });
  async function back() {
    await restore(conversation.id);
    if (shown === `#/c/${conversation.id}`) context.navigate(shown);
  }
}
