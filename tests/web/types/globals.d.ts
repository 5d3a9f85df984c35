// What the API's page gets from its vendored script.
declare function SwaggerUIBundle(options: Record<string, unknown>): void;
