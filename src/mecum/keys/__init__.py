"""API keys: `text` is what one looks like, `ring` says who comes with one, `limits` how much they may ask."""
