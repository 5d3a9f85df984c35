"""The pages: static files without a build step."""
