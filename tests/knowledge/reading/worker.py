"""A worker for tests: under the limits of the real one, it does what the "file" says."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from mecum.knowledge.extract import readers
from mecum.knowledge.extract.base import Block, Extracted, Part
from mecum.knowledge.reading import program

program.CPU = 1  # seconds


def read(content: bytes, name: str) -> Extracted:
    match content:
        case b"crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case b"exit":
            os._exit(3)
        case b"hang":
            time.sleep(600)
        case b"spin":
            while True:
                pass
        case b"memory":
            return Extracted("text", (Part.of("text", [Block("x" * 2 * 1024**3)]),))
        case b"write":
            Path("/tmp/mecum-test-must-not-exist").write_text("x")
        case b"connect":
            socket.create_connection(("127.0.0.1", 9))
        case b"start":
            subprocess.run(["true"], check=True)
    return Extracted("text", (Part.of("text", [Block(repr(dict(os.environ)))]),))


readers.read = read
program.main(sys.argv[1])
