"""Rows 6, 14 and 25: a request that chooses the upstream, sets raw parameters of the engine, or reaches it past us.

`tests/engine/test_upstream.py`, `test_connection.py` and `tests/clients/test_reaching_the_engine.py` have the engine's side;
`tests/engine/test_embedded.py` (`test_only_we_can_reach_it`) and `test_command.py` have the child's socket, port and key.
Invariants: whatever a request says, our engine gets it at one address, with our own key and headers, and a fixed list of
fields; nobody reaches any other route of it through us.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from tests.clients.server import Server
from tests.clients.wire import CHAT_ROUTES, V1, asks, has_both_shapes, post, request
from tests.security.routes import JSON, Routes
from tests.security.upstreams import KEY, MODEL, Upstream, relaying, upstream

ELSEWHERE: Final = "http://127.0.0.1:9/v1"
STEERING: Final = {  # what proxies of this kind took out of a body
    **dict.fromkeys(("api_base", "base_url", "api_url", "endpoint", "url", "proxy", "host", "engine_url"), ELSEWHERE),
    **dict.fromkeys(("api_key", "api_version", "organization", "custom_llm_provider", "deployment_id"), "stolen"),
    **{name: {"X-Evil": "1", "Authorization": "Bearer evil"} for name in ("headers", "extra_headers", "default_headers")},
    **{name: {"api_base": ELSEWHERE, "n_predict": -1} for name in ("extra_body", "litellm_params", "options", "model_info")},
    "fallbacks": [{"model": "x", "api_base": ELSEWHERE}],
    "metadata": {"api_base": ELSEWHERE, "headers": {"X-Evil": "1"}},
    "mock_response": "evil",
}
RAW: Final = {  # llama.cpp's own, vLLM's own
    "n_predict": -1,
    "n_discard": -5,
    "n_keep": -7,
    "n_probs": 10**6,
    "id_slot": 0,
    "slot_id": 0,
    "cache_prompt": True,
    "grammar": "root ::= [x]*",
    "grammar_lazy": True,
    "json_schema": {"type": "object"},
    "samplers": "kfypmt",
    "chat_template": "{{ ''.__class__ }}",
    "chat_template_kwargs": {"add_generation_prompt": False, "tools": [], "messages": [], "bos_token": "x"},
    "lora": [{"id": 0, "scale": 1}],
    "t_max_predict_ms": 10**9,
    "mirostat": 2,
    "dry_multiplier": 5,
    "typical_p": 0.1,
    "repeat_last_n": -1,
    "ignore_eos": True,
    "prompt": "raw",
    "input_prefix": "x",
    "input_suffix": "y",
    "image_data": [{"data": "AA", "id": 1}],
    "post_sampling_probs": True,
    "return_tokens": True,
    "timings_per_token": True,
    "return_progress": True,
    "speculative.n_max": 16,
    "response_fields": ["x"],
    "guided_json": {},
    "guided_regex": "(a+)+$",
    "guided_choice": ["a"],
    "structured_outputs": {"regex": "(a+)+$"},
    "prompt_logprobs": 10**6,
    "min_tokens": 10**9,
    "best_of": 999,
    "use_beam_search": True,
    "skip_special_tokens": False,
    "stop_token_ids": [1],
    "add_generation_prompt": False,
    "continue_final_message": True,
    "documents": [{"x": "y"}],
    "mm_processor_kwargs": {"num_crops": 10**9},
    "priority": -(10**9),
    "request_id": "x",
    "kv_transfer_params": {},
    "tokens": [1, 2],
    "truncate_prompt_tokens": 1,
    "cache_salt": "evil",
    "vllm_xargs": {"a": 1},
    "logits_processors": ["os.system"],
}
KNOWN_FIELDS: Final = {"model", "messages", "stream", "stream_options", "temperature", "max_tokens"}
PRIVATE_ROUTES: Final = """
/completion /completions /v1/completions /infill /embedding /embeddings /v1/rerank /rerank /tokenize /detokenize
/apply-template /props /slots /slots/0?action=erase /metrics /lora-adapters /health /v1/health /v1/messages /v1/responses
/v1/chat/completions/input_tokens /models/load /cors-proxy /api/tags /api/generate /api/pull /api/show /invocations /sleep
/v1/load_lora_adapter /collective_rpc /v1/models/../../slots /v1/models/%2e%2e/%2e%2e/slots /v1/models/..%2f..%2fslots
/v1/models/x%0d%0aGET%20/slots /api/kernel2/models/..%2f..%2fprops /api/kernel2/chat/../../../slots //slots /v1//slots
/static/..%2fslots
""".split()  # of llama-server, vLLM and Ollama: what a proxy that forwards paths would open


@pytest.fixture(scope="module")
def there() -> Iterator[Upstream]:
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def relay(there: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with relaying(tmp_path_factory.mktemp("relay"), there) as server:
        yield server


def got(there: Upstream, relay: Server, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    """What reaches the engine of a chat that is answered."""
    before = len(there.chats())
    answer = post(relay.url, path, {"stream": False, **body}, headers)
    assert answer.text() == "noted", answer.body
    (asked,) = there.chats()[before:]
    return asked


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_no_field_or_header_chooses_the_upstream(there: Upstream, relay: Server, path: str) -> None:
    headers = {
        "Authorization": "Bearer evil",
        "X-Evil": "1",
        "X-Forwarded-Host": "evil.test",
        "X-Api-Base": ELSEWHERE,
        "OpenAI-Organization": "evil",
        "Cookie": "evil=1",
    }
    asked = got(there, relay, path, asks("hi", **STEERING), headers)
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["host"] == there.url.removeprefix("http://")
    assert set(asked.headers) <= {"host", "user-agent", "accept", "accept-encoding", "content-type", "content-length"} | {
        "authorization",
        "connection",
    }
    told = json.dumps(asked.headers) + asked.body.decode()
    assert "evil" not in told
    assert ELSEWHERE not in told
    assert "stolen" not in told


@pytest.mark.parametrize("model", [ELSEWHERE, "../../slots", "x\r\nX-Evil: 1", f"openai/{ELSEWHERE}"])
def test_no_name_of_a_model_does(there: Upstream, relay: Server, model: str) -> None:
    asked = got(there, relay, CHAT_ROUTES[0], asks("hi", model=model))
    assert asked.json["model"] == MODEL
    assert "x-evil" not in asked.headers


def test_a_redirect_takes_our_key_nowhere(there: Upstream, relay: Server) -> None:
    with upstream() as elsewhere:
        there.redirect = f"{elsewhere.url}/v1/chat/completions"
        try:
            for path in CHAT_ROUTES:
                error = has_both_shapes(post(relay.url, path, asks("hi")), 502)
                assert KEY not in error["message"]
                assert elsewhere.url not in error["message"]
        finally:
            there.redirect = ""
        assert elsewhere.asked == []


@pytest.mark.parametrize("path", CHAT_ROUTES)
def test_raw_parameters_are_left_behind(there: Upstream, relay: Server, path: str) -> None:
    asked = got(there, relay, path, asks("hi", **RAW))
    assert set(asked.json) <= KNOWN_FIELDS
    message = {
        "role": "user",
        "content": "hi",
        "cache_control": {"type": "x"},
        "prefix": True,
        "tokens": [1],
        "audio": {"id": "x"},
    }
    asked = got(there, relay, path, {"messages": [message], "stream_options": {"include_usage": True, "x": 1}})
    assert asked.json["messages"] == [{"role": "user", "content": "hi"}]
    assert asked.json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "temperature": [-0.1, 2.1, 1e308, "1"],
        "top_p": [0, 1.1, -1],
        "top_k": [-1, 100_001, 2**63, 1.5],
        "min_p": [-0.1, 1.1],
        "repeat_penalty": [0, -1, 2.1],
        "chat_template_kwargs": [{"enable_thinking": "x"}, {"thinking": 2}, [1]],
        "max_tokens": [0, -1, 2**31, 1e300],
        "max_completion_tokens": [0, -1, 2**31],
        "n": [0, -1, 129, 2**64],
        "seed": [2**63, -(2**63) - 1, 1.5],
        "presence_penalty": [-2.1, 2.1],
        "frequency_penalty": [-2.1, 2.1],
        "top_logprobs": [-1, 21],
        "logit_bias": [{"-1": 0}, {"1": 101}, {"x": 1}, {str(2**40): 1}, {str(i): 1 for i in range(1025)}],
        "stop": [[""], ["x"] * 17, ["x" * 1025], [1]],
        "tools": [[{"type": "function", "function": {"name": "f"}}] * 129, [{"type": "code_interpreter"}]],
    }.items(),
)
def test_ranges(there: Upstream, relay: Server, field: str, values: list[Any]) -> None:
    before = len(there.chats())
    for path in CHAT_ROUTES:
        for value in values:
            error = has_both_shapes(post(relay.url, path, asks("hi", logprobs=True, **{field: value})), 400)
            assert error["param"].startswith(field), (field, value)
    assert len(there.chats()) == before


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_no_route_of_the_engine_is_reached_through_us(there: Upstream, relay: Server, method: str) -> None:
    before = len(there.asked)
    for path in PRIVATE_ROUTES:
        body = b'{"prompt": "x", "content": "x", "messages": []}' if method != "GET" else None
        answer = request(relay.url, method, path, body, {"Content-Type": JSON} if body else {})
        assert answer.status in (404, 405), (path, answer.body)
    assert [
        one.path for one in there.asked[before:] if one.path != "/v1/models"
    ] == []  # the server looks for models by itself


def test_only_chats_reach_the_engine(there: Upstream, relay: Server, routes: Routes) -> None:
    """Of all routes, with whatever they take."""
    before = len(there.asked)
    for route in routes.documented():
        if route.path != "/api/documents/events":
            body = json.dumps(routes.body(route, "hi")).encode() if JSON in route.takes else None
            request(relay.url, route.method, route.at(), body, {"Content-Type": JSON} if body else {})
            if route.path in ("/api/keys", "/api/keys/open"):
                request(relay.url, "POST", "/api/keys/open", b"", key(relay))
    paths = {one.path for one in there.asked[before:]}
    assert paths <= {"/v1/models", "/v1/chat/completions", "/v1/chat/completions/input_tokens", "/tokenize"}
    assert post(relay.url, V1, asks("hi", stream=False)).text() == "noted"


def key(relay: Server) -> dict[str, str]:
    """What makes its bearer the owner, as `run.json` tells the commands of this machine."""
    token = json.loads((relay.log.parent / "run.json").read_text())["token"]
    return {"Authorization": f"Bearer {token}"}
