// Roles as the API has them.
import { call, get, send } from "../api.js";

/**
 * `collections` are those that it may look into, none means all; `model` and `temperature` null mean the server's default.
 * @typedef {object} Role
 * @property {string} uuid
 * @property {string} name
 * @property {string} description
 * @property {string} system_prompt
 * @property {string} icon
 * @property {boolean} is_active
 * @property {boolean} enable_l0_retrieval
 * @property {string[]} collections
 * @property {string | null} model
 * @property {number | null} temperature
 */

const PATH = "/api/kernel2/roles";

/** @returns {Promise<Role[]>} the oldest first */
export const listRoles = () => get(PATH);

/** @param {string} uuid @returns {Promise<Role>} */
export const getRole = (uuid) => get(`${PATH}/${encodeURIComponent(uuid)}`);

/** @param {Partial<Role>} values @returns {Promise<Role>} */
export const createRole = async (values) => (await (await send("POST", PATH, values)).json()).data;

/** Changes what is given. @param {string} uuid @param {Partial<Role>} values @returns {Promise<Role>} */
export const changeRole = async (uuid, values) => (await (await send("PATCH", `${PATH}/${encodeURIComponent(uuid)}`, values)).json()).data;

/** @param {string} uuid */
export const removeRole = (uuid) => call(`${PATH}/${encodeURIComponent(uuid)}`, { method: "DELETE" });

/** The names of the models, the default first. @returns {Promise<string[]>} */
export async function modelNames() {
  const { data } = await (await call("/v1/models")).json();
  return data.map((/** @type {{id: string}} */ model) => model.id);
}

/** The names of the collections; none where the key is not for documents. @returns {Promise<string[]>} */
export async function collectionNames() {
  const facets = await get("/api/documents/facets").catch(() => ({ collections: {} }));
  return Object.keys(facets.collections);
}
