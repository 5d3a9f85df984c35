"""The real model against the wheel's own engine: the same tokens, and nearly the same vectors."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mecum.engine.embedder.encoder import Encoder
from mecum.engine.embedder.local import locate

pytestmark = pytest.mark.real_model
TEXTS = [
    "Norman castles were built of wood before they were built of stone.",
    "Die Kündigungsfrist beträgt drei Monate zum Quartalsende; sie gilt nicht für befristete Verträge.",
    "超级碗是美国国家橄榄球联盟的年度冠军赛通常在二月的第一个星期日举行。",
    "Где находится ближайшая аптека? Она закрывается в девять вечера.",
    "अगले मंगलवार को बैठक दोपहर तीन बजे शुरू होगी।",
    "موعد الاجتماع القادم يوم الثلاثاء الساعة الثالثة.",
    "การประชุมครั้งต่อไปจะเริ่มเวลาบ่ายสามโมง",
    "次の会議は火曜日の午後三時に始まります。",
    "def area(radius: float) -> float:\n\treturn 3.14159 * radius**2  # square metres",
    "8 May 2023, 13:56 Caroline: I went to a support group yesterday and it was so powerful! 😀",
    "SKU-99812/B; 4,5 kg; EUR 1.299,00; IBAN DE89 3704 0044 0532 0130 00",
    " ".join(["word"] * 300),
    "ﬁne №5 ½ ~ “quotes” …",
    "ok",
]


@pytest.fixture(scope="module")
def reference():
    program = Path(__file__).with_name("reference.py")
    done = subprocess.run([sys.executable, program], input=json.dumps(TEXTS), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Encoder:
    home = tmp_path_factory.mktemp("home")
    return Encoder(locate(home), home / "a.graph")


def test_the_same_tokens(encoder, reference):
    assert [len(encoder.ids("passage", text)) for text in TEXTS] == reference["tokens"]


@pytest.mark.parametrize("kind", ["query", "passage"])
def test_nearly_the_same_vectors(encoder, reference, kind):
    vectors = encoder.embed(kind, TEXTS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    cosines = (vectors * np.array(reference[kind])).sum(axis=1)
    assert cosines.min() >= 0.99
    assert cosines.mean() >= 0.997


def test_a_vector_depends_on_its_text_alone(encoder):
    together = encoder.embed("passage", TEXTS)
    alone = np.concatenate([encoder.embed("passage", [text]) for text in reversed(TEXTS)])[::-1]
    assert (together == alone).all()


def test_meaning_is_nearer_than_words_and_crosses_languages(encoder):
    (question,) = encoder.embed("query", ["When does the next meeting begin?"])
    scores = encoder.embed("passage", TEXTS) @ question
    assert {int(n) for n in np.argsort(-scores)[:3]} <= {4, 5, 6, 7}
