/** @type {import("../index.js").Texts} */
export default {
  "chat.new": "New chat",
};
