// What the chat keeps, as types. A conversation is a tree of messages: asking again, or editing, makes a branch.

/**
 * Settings of a conversation that are null hold what the server, or the role, takes for granted. `leaf` is the last message
 * of the branch that is shown; `named` says that its title was given by hand; `deleted` is when it was deleted: for a while
 * that can be undone. Times are milliseconds since 1970.
 * @typedef {object} Conversation
 * @property {string} id
 * @property {string} title
 * @property {boolean} named
 * @property {number} created
 * @property {number} updated
 * @property {string | null} leaf
 * @property {string | null} role
 * @property {string | null} model
 * @property {boolean | null} documents
 * @property {number | null} temperature
 * @property {number | null} max_tokens
 * @property {number} [deleted]
 */

/**
 * `streaming`: it is being written by some tab. `interrupted`: the tab went away meanwhile. `failed`: see `error`.
 * @typedef {"streaming" | "done" | "stopped" | "interrupted" | "failed"} State
 */

/**
 * One turn. `asked`, `first` and `last` are when it was asked for, and when its first and last piece came.
 * @typedef {object} Message
 * @property {string} id
 * @property {string} conversation
 * @property {string | null} parent
 * @property {"user" | "assistant"} role
 * @property {string} text
 * @property {number} created
 * @property {State} state
 * @property {string} [reasoning]
 * @property {{message: string, code: string, status: number}} [error]
 * @property {string} [model] that answered
 * @property {string} [wanted] the model that was asked for and is not there
 * @property {string} [finish] `length`: it was cut off by max_tokens
 * @property {{prompt_tokens: number, completion_tokens: number, prompt_tokens_details?: {cached_tokens?: number}}} [usage]
 * @property {{asked: number, first: number, last: number}} [times]
 * @property {import("../sources/panel.js").Source[]} [sources]
 * @property {import("../sources/badge.js").Retrieval} [retrieval]
 * @property {number[]} [cited] the sources that the text cites
 * @property {number} [dropped] how many turns before it did not fit into the context
 */

export {};
