"""The program: `build` puts the rooms together, `server` runs it, `home` is its data directory."""
