// What the server has to choose from. Whatever a key may not ask for is not offered.
import { call, get } from "../api.js";

/** @returns {Promise<import("./session.js").Offered>} */
export async function offered() {
  const [roles, models, counts] = await Promise.all([
    get("/api/kernel2/roles").catch(() => []),
    call("/v1/models").then((response) => response.json()).catch(() => ({ data: [] })),
    get("/api/documents/counts").catch(() => null),
  ]); // prettier-ignore
  const numbers = /** @type {number[]} */ (Object.values(counts?.documents ?? {}));
  return {
    roles: roles.filter((/** @type {{is_active: boolean}} */ role) => role.is_active),
    models: models.data.map((/** @type {{id: string}} */ model) => model.id),
    documents: counts && numbers.reduce((sum, number) => sum + number, 0),
  };
}
