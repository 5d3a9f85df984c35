"""Small text encoders in ONNX for tests, with their tokenizer.json: a table of vectors, one for each token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from mecum.engine.embedder.onnx import Graph, _bytes

WORDS = "[PAD] [UNK] [CLS] [SEP] the red fox ##es a blue whale sleep ##s , . cafe \u732b".split()
SIZE = 8


def table() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(len(WORDS), SIZE)).astype(np.float32)


def bert(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of BERT's kind."""
    normal = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    model = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100}
    return {
        "version": "1.0",
        "added_tokens": [special(number, WORDS[number]) for number in range(4)],
        "normalizer": {"type": "BertNormalizer", **normal},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "model": {"type": "WordPiece", **model, "vocab": {word: n for n, word in enumerate(WORDS)}},
        **changes,
    }


def special(number: int, text: str) -> dict[str, Any]:
    """A token that is no text."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": number, "content": text, **flags, "special": True}


def unigram(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of XLM-R's kind."""
    trimmed = {"trim_offsets": True, "add_prefix_space": True}
    space = "\N{LOWER ONE EIGHTH BLOCK}"
    vocab = [
        ["<s>", 0.0],
        ["<pad>", 0.0],
        ["</s>", 0.0],
        ["<unk>", 0.0],
        [f"{space}the", -1.0],
        [f"{space}fox", -2.0],
        ["es", -2.5],
    ]
    words = {"type": "Metaspace", "replacement": space, "prepend_scheme": "always"}
    return {
        "version": "1.0",
        "added_tokens": [special(number, vocab[number][0]) for number in range(4)],
        "normalizer": {"type": "NFKC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, words]},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], **trimmed},
        "model": {"type": "Unigram", "unk_id": 3, "vocab": vocab},
        **changes,
    }


def bpe(**changes: Any) -> dict[str, Any]:
    """A tokenizer.json of Qwen's kind, trained by the library itself: bytes in pairs, closed by one token."""
    trained = tokenizers.Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, show_progress=False, initial_alphabet=alphabet)
    trained.train_from_iterator(["the red foxes sleep", "a blue whale sleeps", "the fox, the whale"] * 9, trainer)
    trained.decoder = decoders.ByteLevel()
    trained.add_special_tokens(["<|end|>"])
    trained.post_processor = processors.TemplateProcessing(
        single="$A <|end|>", special_tokens=[("<|end|>", trained.token_to_id("<|end|>"))]
    )
    return {**json.loads(trained.to_str()), **changes}


def network(*, pooled: bool = False, name: str = "input_ids", broken: str = "", kind: str = "int64") -> bytes:
    """An encoder that gives each token its row of the table; `pooled`: their mean at once; of a `broken` word: NaN."""
    graph = Graph(name="encoder")
    ids = graph.input(name, [1, "n"], kind)
    graph.input("attention_mask", [1, "n"], kind)
    rows = table()
    if broken:
        rows[WORDS.index(broken)] = np.nan
    states = graph.node("Gather", graph.constant(rows), ids)
    if pooled:
        states = graph.node("ReduceMean", states, graph.constant(np.array([1], np.int64)), keepdims=0)
    graph.output(states, [1, SIZE] if pooled else [1, "n", SIZE])
    return graph.model()


class Named(Graph):
    """A graph whose results can be called as an exporter calls them."""

    def call(self, value: str, name: str) -> str:
        """Give a value another name."""
        self._nodes.append(_bytes(1, value.encode()) + _bytes(2, name.encode()) + _bytes(4, b"Identity"))
        return name


def exported(*, kind: str = "int64", pooled: bool = False, cache: bool = False, places: bool = False) -> bytes:
    """An encoder as optimum writes it: each token its row of the table; a `pooled` one gives their sum besides.

    With `places` it gives rows by position, not by token. With a `cache` it adds the cache's sum, and where it is not empty
    fails.
    """
    graph = Named(name="exported")
    ids = graph.input("input_ids", ["batch", "n"], kind)
    graph.input("attention_mask", ["batch", "n"], kind)
    rows = graph.input("position_ids", ["batch", "n"], kind) if places else ids
    states = graph.node("Gather", graph.constant(table()), rows)
    if cache:
        past = graph.input("past_key_values.0.key", ["batch", 2, "past", 4])
        graph.input("past_key_values.0.value", ["batch", 2, "past", 4])
        flat = graph.node("Reshape", past, graph.constant(np.array([0], np.int64)), allowzero=1)
        states = graph.node("Add", states, graph.node("ReduceSum", flat, keepdims=0))
        graph.output(graph.call(past, "present.0.key"), ["batch", 2, "total", 4])
    graph.output(graph.call(states, "last_hidden_state"), ["batch", "n", SIZE])
    if pooled:
        total = graph.node("ReduceSum", states, graph.constant(np.array([1], np.int64)), keepdims=0)
        graph.output(graph.call(total, "sentence_embedding"), ["batch", SIZE])
    return graph.model()


def safetensors(**tensors: Any) -> bytes:
    """A file of weights: each a kind, a shape and its bytes; `_` stands for a dot."""
    header, data = {}, b""
    for name, (kind, shape, content) in tensors.items():
        span = [len(data), len(data) + len(content)]
        header[name.replace("_", ".")] = {"dtype": kind, "shape": shape, "data_offsets": span}
        data += content
    told = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    return len(told).to_bytes(8, "little") + told + data


def dense(folder: Path, weights: np.ndarray, *, tanh: bool = False, **config: Any) -> Path:
    """Write a linear layer without a bias as sentence-transformers has it."""
    folder.mkdir(parents=True)
    name = "torch.nn.modules.activation.Tanh" if tanh else "torch.nn.modules.linear.Identity"
    told = {"in_features": weights.shape[1], "out_features": len(weights), "bias": False, "activation_function": name}
    (folder / "config.json").write_text(json.dumps({**told, **config}))
    content = ("F32", list(weights.shape), weights.astype("<f4").tobytes())
    (folder / "model.safetensors").write_bytes(safetensors(linear_weight=content))
    return folder


def put(folder: Path, *, pooling: str | None = "mean_tokens", **files: Any) -> Path:
    """Write a folder; `files` by their names, with _ for a dot: JSON, or bytes as they are."""
    (folder / "1_Pooling").mkdir(parents=True, exist_ok=True)
    if pooling:
        told = {"word_embedding_dimension": SIZE, "pooling_mode_cls_token": False, f"pooling_mode_{pooling}": True}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(told))
    for name, content in {"model_onnx": network(), "tokenizer_json": bert(), **files}.items():
        if content is not None:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            (folder / ".".join(name.rsplit("_", 1))).write_bytes(data)
    return folder
