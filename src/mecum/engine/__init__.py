"""The engine room: what generates text, behind one protocol (`base`).

`scripted` is deterministic and ships for tests and `--demo`; `upstream` speaks to any OpenAI-compatible server;
`embedded` is llama.cpp in a supervised child (`process`, `supervisor`) and speaks to it through `upstream`;
`queue` gives turns; `gguf` reads model files.
"""
