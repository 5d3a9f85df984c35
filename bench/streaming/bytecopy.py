"""The least that a proxy can do: copies bytes both ways and parses nothing. The floor that others are compared with."""

from __future__ import annotations

import argparse
import asyncio

import uvloop


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


async def _serve(port: int, upstream: int) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", upstream)
        forward = asyncio.create_task(_copy(reader, back))
        try:
            await _copy(there, writer)
        finally:
            forward.cancel()
            back.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", type=int, required=True)
    arguments = parser.parse_args()
    uvloop.run(_serve(arguments.port, arguments.upstream))
