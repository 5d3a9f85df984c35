"""A proxy the usual way: FastAPI, httpx `aiter_lines`, the json module, a StreamingResponse."""

from __future__ import annotations

import argparse
import json
from collections.abc import AsyncIterator

import httpx
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse


def build(upstream: str) -> FastAPI:
    """Return the proxy of an OpenAI-compatible server, given its base URL."""
    app = FastAPI()
    client = httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None), trust_env=False)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> StreamingResponse:
        return StreamingResponse(relay(await request.json()), media_type="text/event-stream")

    async def relay(body: dict[str, object]) -> AsyncIterator[str]:
        async with client.stream("POST", f"{upstream}/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                if line == "data: [DONE]":
                    yield "data: [DONE]\n\n"
                    return
                yield f"data: {json.dumps(json.loads(line[6:]))}\n\n"

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True)
    arguments = parser.parse_args()
    proxy = build(f"http://127.0.0.1:{arguments.upstream}/v1")
    uvicorn.run(proxy, host="127.0.0.1", port=arguments.port, log_level="warning", access_log=False)
