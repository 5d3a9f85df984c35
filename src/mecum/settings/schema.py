"""Every setting, its default and its meaning. `docs/settings.md` is made from this file and a test holds them together.

A setting `section.name` is `MECUM_SECTION_NAME` in the environment, `[section] name` in `mecum.toml`, and, where the
command line has it, a flag. Times are seconds, sizes are bytes unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr, WithJsonSchema

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Slots = Annotated[int, Field(ge=1, le=256)]
Context = Annotated[int, Field(ge=256)]
Threads = Annotated[int, Field(ge=1, le=512)]
GpuLayers = Annotated[int, Field(ge=-1)]
Batch = Annotated[int, Field(ge=32, le=4096)]
Memory = Annotated[
    ByteSize,
    Field(gt=0),
    WithJsonSchema({"type": "string", "allowed": 'a number of bytes, or a size such as "12 GB" or "8 GiB"'}),
]
KeepAlive = Annotated[float, Field(ge=0, le=31_536_000)]
Alias = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f]{1,128}$")]
Address = Annotated[
    str,
    Field(
        pattern=r"^https?://[^/\s]+\S*$",
        json_schema_extra={"allowed": "an address that begins with http:// or https://"},
    ),
]


Form = Annotated[
    str,
    Field(
        pattern=r"^[^{}]*\{text\}[^{}]*$",
        json_schema_extra={"allowed": "a text with {text} in it once, such as 'query: {text}'"},
    ),
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class ServerSettings(_Section):
    """Where mecum listens, and for how long it waits."""

    host: str = Field("localhost", description="address to listen on; localhost is 127.0.0.1 and, where there is one, ::1")
    port: Port = Field(8002, description="port to listen on; 0 takes a free one")
    allow_open_network: bool = Field(
        default=False, description="let whoever reaches host in without a key, while there is none; said at each start"
    )
    public_url: Address | None = Field(None, description="address that links in answers begin with; else the request's Host")
    allowed_hosts: tuple[str, ...] = Field((), description="names, besides localhost, that a Host header may carry")
    allowed_origins: tuple[str, ...] = Field((), description="web origins that may call the API from a browser")
    max_body_mb: Annotated[float, Field(gt=0, le=1024)] = Field(4, description="largest chat request, in MiB")
    head_timeout: Seconds = Field(10, description="longest time that a request's headers may take to arrive")
    body_timeout: Seconds = Field(30, description="longest time that a request's body may take to arrive")
    header_wait: Seconds = Field(2, description="longest wait for a true status before a stream's headers are sent")
    keepalive: Seconds = Field(10, description="a silent stream gets a comment line this often")
    drain_timeout: Seconds = Field(30, description="how long running answers may go on after SIGTERM")


class EngineSettings(_Section):
    """What generates the text: llama.cpp in a child of ours, or an OpenAI-compatible server elsewhere."""

    model: str | None = Field(
        None,
        description="GGUF file, or one in MECUM_HOME/models; else what `mecum models default` chose, else the starter",
    )
    base_url: Address | None = Field(
        None, description="an OpenAI-compatible server to use instead, such as http://127.0.0.1:8000/v1"
    )
    api_key: SecretStr | None = Field(None, description="the key that base_url asks for")
    upstream_model: str | None = Field(None, description="which of base_url's models is the default; else its first")
    binary: Path | None = Field(None, description="a llama-server program to run instead of the built-in llama.cpp")
    scripted: bool = Field(default=False, description="a deterministic engine without a model, for tests and demos")
    slots: Slots | None = Field(None, description="requests worked on at once; else by memory, at most 4")
    context: Context | None = Field(
        None, description="tokens that one request may use; else the model's own, if memory allows"
    )
    threads: Threads | None = Field(None, description="threads that compute; else the physical cores")
    gpu_layers: GpuLayers = Field(-1, description="layers put on a GPU, where there is one; -1 means all that fit")
    batch: Batch | None = Field(
        None, description="prompt tokens computed in one go, while other streams pause; else by the model's size, 128 to 512"
    )
    memory: Memory | None = Field(
        None,
        description="what all loaded models together may take; else nine tenths of what is free at the start, less what an "
        "embedder takes that is not the built-in one",
    )
    keep_alive: KeepAlive | None = Field(
        None,
        description="a model that nobody used for this long is unloaded, 0: as soon as it may; "
        "else the default model stays, and others go after 900",
    )
    concurrency: Annotated[int, Field(ge=1, le=4096)] = Field(32, description="requests sent to base_url at once")
    queue: Annotated[int, Field(ge=0, le=100_000)] = Field(64, description="requests that may wait for their turn")
    queue_timeout: Seconds = Field(120, description="longest wait for a turn")
    start_timeout: Seconds = Field(60, description="longest time without progress while a model loads")
    silence_timeout: Seconds | None = Field(
        None,
        description="an engine silent for this long at work is taken for stuck; else 60, with base_url 300",
    )


class ModelSettings(_Section):
    """What holds for one model. Fields that `EngineSettings` has too take their place (`settings.models.engine_for`)."""

    aliases: Annotated[tuple[Alias, ...], Field(json_schema_extra={"allowed": "a list of names without spaces"})] = Field(
        (), description="further names that requests may call it by"
    )
    context: Context | None = Field(None, description="in place of `engine.context`")
    slots: Slots | None = Field(None, description="in place of `engine.slots`")
    threads: Threads | None = Field(None, description="in place of `engine.threads`")
    gpu_layers: GpuLayers | None = Field(None, description="in place of `engine.gpu_layers`")
    batch: Batch | None = Field(None, description="in place of `engine.batch`")
    chat_template: str | None = Field(
        None, description="a Jinja template, or the file that holds it, in place of the one in the model file"
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="where neither the request nor its role says one; not on `/api/kernel2/chat`, whose own is 0.1"
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(None, description="where the request says none")
    top_k: Annotated[int, Field(ge=0, le=100_000)] | None = Field(None, description="where the request says none")
    min_p: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="where the request says none")
    repeat_penalty: Annotated[float, Field(gt=0, le=2)] | None = Field(None, description="where the request says none")
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = Field(None, description="where the request says none")
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = Field(None, description="where the request says none")


class LibrarySettings(_Section):
    """The user's documents."""

    watch: tuple[Path, ...] = Field((), description="folders whose files are added, and kept up to date, while mecum serves")
    embedder: str = Field(
        "local",
        description="what makes vectors: local (the built-in model), an embedding model by name or file, none (keywords), "
        "scripted (for tests); else what `mecum models embedder` chose",
    )
    embedder_url: Address | None = Field(
        None, description="an OpenAI-compatible server to use instead, such as http://127.0.0.1:11434/v1"
    )
    embedder_key: SecretStr | None = Field(None, description="the key that embedder_url asks for")
    embedder_model: str | None = Field(None, description="which of embedder_url's models; else the only one that it lists")
    embedder_query: Form | None = Field(None, description="how a question is given to the model; else as its authors advise")
    embedder_passage: Form | None = Field(None, description="how a passage is given to it; else as its authors advise")
    embedder_pooling: Literal["mean", "cls", "last"] | None = Field(
        None, description="how a file's model makes one vector of its tokens'; else as the file says"
    )
    embedder_tokens: Annotated[int, Field(ge=32, le=32_768)] = Field(
        512, description="tokens of a text that a file's model reads, at most its own; more takes more memory"
    )
    top_k: Annotated[int, Field(ge=1, le=50)] = Field(5, description="most passages that an answer may rest on")
    max_upload_mb: Annotated[float, Field(gt=0, le=200)] = Field(200, description="largest file that is added, in MiB")


class LogSettings(_Section):
    """What is written to stderr. The text of chats never is."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least severe message that is written")
    format: Literal["text", "json"] = Field("text", description="one line for people, or one JSON object a line")


class Settings(_Section):
    """Everything that can be set, in one frozen value."""

    home: Path = Field(description="data directory; MECUM_HOME, else the platform's own")
    server: ServerSettings = ServerSettings()
    engine: EngineSettings = EngineSettings()
    models: Mapping[str, ModelSettings] = Field({}, description="by the model's name in lower case")
    library: LibrarySettings = LibrarySettings()
    log: LogSettings = LogSettings()
