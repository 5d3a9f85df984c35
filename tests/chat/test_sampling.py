"""Whose word holds for the sampling: the request's, the role's, the model's, the route's."""

from __future__ import annotations

import pytest
from tests.chat.rooms import Rooms, asks

from mecum.chat.sampling import settled
from mecum.types import Role, Sampling

ROLE = Role(uuid="r", name="R", system_prompt="", enable_l0_retrieval=False, temperature=0.4)
OWN = Sampling(temperature=0.7, top_p=0.8, top_k=20, min_p=0.01, repeat_penalty=1.1, presence_penalty=0.5)


@pytest.mark.parametrize(
    ("asked", "role", "own", "lets", "expected"),
    [
        (0.0, ROLE, 0.7, True, 0.0),
        (None, ROLE, 0.7, True, 0.4),
        (None, None, 0.7, True, 0.7),
        (None, None, 0.0, True, 0.0),
        (None, None, 0.7, False, 0.1),
        (None, None, None, True, 0.1),
    ],
)
def test_the_temperature(asked: float | None, role: Role | None, own: float | None, lets: bool, expected: float) -> None:
    request = asks(sampling={"temperature": asked}, default_temperature=0.1, model_temperature=lets)
    assert settled(request, role, Sampling(temperature=own)).temperature == expected


def test_the_rest_is_the_models_where_the_request_says_nothing() -> None:
    request = asks(sampling={"top_k": 0, "min_p": 0.5, "frequency_penalty": 1.0, "seed": 3})
    found = settled(request, ROLE, OWN)
    assert (found.top_k, found.min_p, found.frequency_penalty, found.seed) == (0, 0.5, 1.0, 3)
    assert (found.top_p, found.repeat_penalty, found.presence_penalty) == (0.8, 1.1, 0.5)


async def test_the_engine_is_asked_so() -> None:
    rooms = Rooms(defaults=OWN)
    sampling = (await rooms.asked(asks(default_temperature=1.0, model_temperature=True))).sampling
    assert (sampling.temperature, sampling.top_p, sampling.repeat_penalty) == (0.7, 0.8, 1.1)
