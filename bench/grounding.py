"""What answers out of documents are worth: the share of right answers, by where the passages come from.

    python -m bench.grounding --data DIR --model FILE.gguf --cache FILE.json

Four arms answer the same questions with the same model at temperature 0: `none` (no retrieval), `ours` (the product: search,
prompt and engine as `mecum serve` has them), `gold` (our prompt around the passage that holds the answer: the ceiling) and
`second-me` (vectors only, cosine of at least 0.7, the best three, put into the system prompt). Right: the normalised
answer is contained in what was said, or token F1 is at least 0.5 (`rulings.md` 32). Answers are kept in the cache, so a run
goes on where another was ended.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import re
import tempfile
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench.report import table
from mecum.app.build import App, build
from mecum.chat.request import ChatRequest
from mecum.knowledge.library import NewFile
from mecum.settings.schema import EngineSettings, Settings
from mecum.types import Hit, Message, Principal, Query, Retrieval, Sampling

QUESTIONS: Final = 20
WORDS: Final = 350  # of passages, in all
TOKENS: Final = 60  # of an answer
CHATS: Final = "locomo-dev"
ARMS: Final = ("none", "ours", "gold", "second-me")
LOCAL: Final = Principal()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answers and the text that holds one; `collection` is the set that it is asked of."""

    key: str
    text: str
    answers: tuple[str, ...]
    gold: str
    collection: str


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.grounding")
    parser.add_argument("--data", type=Path, required=True, help="a folder with xquad-en, xquad-de and locomo-dev")
    parser.add_argument("--model", type=Path, required=True, help="an instruct model, as a GGUF file")
    parser.add_argument("--cache", type=Path, required=True, help="answers that are there already (JSON)")
    parser.add_argument("--home", type=Path, help="a data directory to keep, so that embedding happens once")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--report", action="store_true", help="only print what the cache has by now")
    parser.add_argument("--seed", type=int, default=20261127)
    asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    sets = {name: _read(options.data / name) for name in ("xquad-en", "xquad-de", CHATS)}
    asked = _sample(sets, options.questions, random.Random(options.seed))
    said: dict[str, str] = json.loads(options.cache.read_text()) if options.cache.exists() else {}
    if options.report:
        print(_report([one for one in asked if all(f"{arm}:{one.key}" in said for arm in ARMS)], said))
        return
    with tempfile.TemporaryDirectory() as home:
        engine = EngineSettings(model=str(options.model), slots=1, context=4096)
        app = build(Settings(home=options.home or Path(home), engine=engine))
        try:
            await app.start()
            await _add(app, sets)
            await app.engine.ready()
            for one in asked:
                for arm in ARMS:
                    if (key := f"{arm}:{one.key}") not in said:
                        said[key] = await _ask(app, arm, one)
                        options.cache.write_text(json.dumps(said, ensure_ascii=False, indent=1))
        finally:
            await app.aclose()
    print(_report(asked, said))


def _read(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, set[str]]]:
    corpus, queries = (
        [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines()]
        for name in ("corpus.jsonl", "queries.jsonl")
    )
    gold: dict[str, set[str]] = {}
    for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")
        if float(score) > 0:
            gold.setdefault(query, set()).add(document)
    return corpus, queries, gold


def _sample(sets: Mapping[str, Any], number: int, dice: random.Random) -> list[Asked]:
    """Return the questions: two fifths English and one fifth German paragraphs, two fifths people's chats."""
    shares = {"xquad-en": 2 * number // 5, "xquad-de": number // 5, CHATS: number - 3 * number // 5}
    found: list[Asked] = []
    for name, share in shares.items():
        corpus, queries, gold = sets[name]
        texts = {entry["_id"]: f"{entry['title']}\n{entry['text']}".strip() for entry in corpus}
        usable = [query for query in queries if _answers(query) and gold.get(query["_id"])]
        for query in dice.sample(usable, share):
            passages = "\n".join(texts[document] for document in sorted(gold[query["_id"]]))
            found.append(Asked(query["_id"], query["text"], _answers(query), passages, name))
    return found


def _answers(query: Mapping[str, Any]) -> tuple[str, ...]:
    metadata = query["metadata"]
    given = metadata.get("answers") or [metadata.get("answer")]
    return tuple(str(answer) for answer in given if answer is not None)


async def _add(app: App, sets: Mapping[str, Any]) -> None:
    """Add each paragraph, and each day of a chat, as a document of its set's collection."""
    for name, (corpus, _, _) in sets.items():
        texts: dict[str, list[str]] = {}
        for entry in corpus:
            key = (
                entry["_id"]
                if "session" not in entry["metadata"]
                else f"{entry['metadata']['conversation']} {entry['title']}"
            )
            texts.setdefault(key, [entry["title"]] if entry["title"] else []).append(entry["text"])
        for key, lines in texts.items():
            content = "\n\n".join(lines).encode()
            file = app.library.temporary()
            file.write_bytes(content)
            new = NewFile(path=f"{key}.txt", content=file, sha256=_sha(content), size=len(content), collection=name)
            await app.library.add(new, LOCAL)
    await app.library.settled()


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def _ask(app: App, arm: str, one: Asked) -> str:
    messages: tuple[Message, ...] = (Message("user", one.text),)
    if arm == "second-me":
        messages = (Message("system", await _second_me(app, one)), *messages)
    chat = app.chat
    if arm == "gold":
        chat._library = _Fixed(one.gold)  # noqa: SLF001 -- the product with one part exchanged
    try:
        request = ChatRequest(
            messages=messages,
            sampling=Sampling(temperature=0, max_tokens=TOKENS, seed=1),
            retrieval=arm in ("ours", "gold"),
            collections=(one.collection,),
            top_k=3 if one.collection == CHATS else 2,  # which keeps to WORDS: a chat's passages have some 120, prose 170
        )
        async with aclosing(await chat.answer(request, LOCAL)) as answer:
            return "".join([delta.content or "" async for batch in answer for delta in batch])
    finally:
        chat._library = app.library  # noqa: SLF001 -- as above


async def _second_me(app: App, one: Asked) -> str:
    """Return the system message of Second Me's way: the three nearest passages of at least 0.7, by cosine alone."""
    found = await app.library.search(
        Query(text=one.text, k=3, mode="vector", min_score=0.0, collections=(one.collection,)), LOCAL
    )
    question = await app.library.embedder.embed_query(one.text)
    vectors = await app.library.embedder.embed_passages([hit.text for hit in found.hits])
    near = [hit.text for hit, vector in zip(found.hits, vectors, strict=True) if float(np.dot(question, vector)) >= 0.7]
    return "Use this knowledge of the user's:\n" + "\n".join(_cut(near, WORDS)) if near else "You are a helpful assistant."


def _cut(texts: list[str], words: int) -> list[str]:
    kept: list[str] = []
    for text in texts:
        words -= len(text.split())
        if words < 0:
            break
        kept.append(text)
    return kept or texts[:1]


class _Fixed:
    """A library that finds one text, whatever is asked."""

    def __init__(self, text: str) -> None:
        self._text = " ".join(text.split(" ")[:WORDS])

    async def search(self, query: Query, principal: Principal) -> Retrieval:
        del principal
        hit = Hit(1, "d", "Notes", "notes.txt", None, "c", 1.0, self._text)
        return Retrieval(status="ok", mode="hybrid", query=query.text, k=1, ms=0.0, hits=(hit,))


def is_right(said: str, answers: tuple[str, ...]) -> bool:
    """Return whether an answer is contained, or shares half of its words."""
    words = _normal(re.sub(r"\[\d+\]", " ", said)).split()
    return any(_contains(words, _normal(answer).split()) or _f1(words, _normal(answer).split()) >= 0.5 for answer in answers)


def _normal(text: str) -> str:
    plain = re.sub(r"[^\w\s]", " ", text.casefold())
    return " ".join(word for word in plain.split() if word not in ("a", "an", "the"))


def _contains(words: list[str], answer: list[str]) -> bool:
    return bool(answer) and any(words[n : n + len(answer)] == answer for n in range(len(words) - len(answer) + 1))


def _f1(words: list[str], answer: list[str]) -> float:
    shared = sum(min(words.count(word), answer.count(word)) for word in set(answer))
    return 2 * shared / (len(words) + len(answer)) if shared else 0.0


def _report(asked: list[Asked], said: Mapping[str, str]) -> str:
    names = list(dict.fromkeys(one.collection for one in asked))
    rows = []
    for arm in ARMS:
        right = [(one.collection, is_right(said[f"{arm}:{one.key}"], one.answers)) for one in asked]
        shares = [f"{sum(ok for name, ok in right if name == n)}/{sum(name == n for name, _ in right)}" for n in names]
        total = sum(ok for _, ok in right)
        rows.append([arm, *shares, f"{total}/{len(right)}", f"{total / len(right):.2f}"])
    return table(["passages", *names, "right", "share"], rows)


if __name__ == "__main__":
    main()
