"""Models on this machine: which are here, which fit, which one is the default, and how another one comes (`mecum pull`).

`shelf` is what is installed, `fit` what this machine can run, `catalogue` what is worth pulling, `pull` how it comes:
`source` reads what was asked for, `hub` and `choice` find the files, `web` and `fetch` bring them.
"""
