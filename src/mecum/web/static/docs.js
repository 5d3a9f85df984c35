// The API's page. Everything comes from this server: no validator, no fonts, no other address.
import { headers } from "./api.js";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  validatorUrl: null,
  deepLinking: true,
  tryItOutEnabled: true,
  requestInterceptor: (/** @type {{headers: object}} */ request) => ({ ...request, headers: { ...headers(), ...request.headers } }), // with the page's key
});
