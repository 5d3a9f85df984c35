/** @type {import("../index.js").Texts} */
export default {
  "chat.new": "新对话",
};
