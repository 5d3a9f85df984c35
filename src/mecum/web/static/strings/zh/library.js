/** @type {import("../index.js").Texts} */
export default {};
