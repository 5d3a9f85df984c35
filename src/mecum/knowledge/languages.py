"""Which language a text in Latin script is in, told by its little words.

They are the commonest words of each language; half a dozen words of a question hold two or three of them. A language that
is not here is cut as English, in passages and questions alike. Proved by `tests/knowledge/test_tokens.py`.
"""
# ruff: noqa: RUF001 -- letters that look like others are other languages' own

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

_LITTLE: Final[Mapping[str, str]] = {  # case-folded, as the words are that are looked up
    "english": (
        "the of and to in is was that for it with as on by at from are this be which what who how when where did does i "
        "you he she they we my your have has had not or an but were been"
    ),
    "german": (
        "der die das und ist nicht ein eine einen einem einer zu den dem des mit von auf für im sich als auch wie was wer "
        "wann wo war wurde werden sind hat haben ich du er sie wir ihr dass bei nach aus durch welche welcher welches"
    ),
    "french": (
        "le la les des et est un une du dans pour que qui sur au aux avec par ne pas ce cette il elle nous vous sont été "
        "être avoir quel quelle comment où plus"
    ),
    "spanish": (
        "el la los las de y es en un una que por con para del se al lo como su más fue qué quién cuándo cómo dónde cuál "
        "cuántos son no está"
    ),
    "italian": (
        "il lo la gli le di e è un una che per con del della nel nella si sono come più da non chi quando dove quale cosa "
        "alla dei delle stato"
    ),
    "portuguese": (
        "o a os as de e é em um uma que por com para do da no na se dos das ao como mais foi qual quem quando onde não "
        "são pelo pela"
    ),
    "dutch": (
        "de het een en van is in op te dat die voor met zijn aan niet wat wie hoe wanneer waar er naar werd worden ook "
        "door bij welke"
    ),
    "swedish": "och att det som en ett är av för på med den till inte om var vad vem hur när har han hon jag de från",
    "danish": "og at det som en et er af for på med den til ikke om var hvad hvem hvordan hvornår har han hun jeg de fra",
    "norwegian": "og å det som en et er av for på med den til ikke om var hva hvem hvordan når har han hun jeg de fra",
    "finnish": "ja on ei se että oli joka mutta kun myös hän ovat mikä missä milloin kuka kuinka sen ole mitä",
    "romanian": "și în de la cu este a un o pe care nu din pentru ce cine când unde sunt cum mai au fost al ale",
    "hungarian": "a az és hogy nem is egy van volt mi ki hol mikor milyen mely meg ezt azt de vagy",
    "turkish": "ve bir bu için ile da de ne kim nasıl nerede zaman olarak olan daha hangi kaç ki çok gibi değil",
    "polish": "i w na z do się jest nie to że o jak co kto kiedy gdzie są był była przez od za po oraz",
    "indonesian": "dan yang di ke dari ini itu untuk dengan pada adalah tidak apa siapa kapan bagaimana oleh dalam akan",
    "vietnamese": "và là của có không được trong cho một những các người với đã này khi nào ai gì",
}

_COURTESIES: Final = frozenset(
    "thanks thank thx cheers hello hi hey bye goodbye ok okay great perfect nice cool wonderful morning evening good night "
    "danke dankeschön vielen dank hallo tschüss servus super prima guten morgen abend merci beaucoup bonjour bonsoir salut "
    "parfait gracias muchas hola adiós genial perfecto grazie ciao buongiorno perfetto obrigado obrigada olá bedankt dag "
    "tack hej tak takk kiitos moi dziękuję cześć спасибо привет "
    "very much lot 谢 谢谢 你 好 您 你好 您好 再 见 再见 早 上 早上 上好".split()
)


def language_of(words: Iterable[str]) -> str | None:
    """Return the language of case-folded words, None where they tell nothing, or tell of two alike."""
    table = _table()
    votes: Counter[str] = Counter()
    for word, number in Counter(filter(table.__contains__, words)).items():
        for language in table[word]:
            votes[language] += number
    ranked = votes.most_common(2)
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return None
    return ranked[0][0]


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for language, words in _LITTLE.items():
        for word in words.split():
            table[word] = (*table.get(word, ()), language)
    return table


def is_little(word: str) -> bool:
    """Whether a case-folded word is one of some language's little words."""
    return word in _table()


def is_courtesy(word: str) -> bool:
    """Whether a case-folded word thanks or greets, and asks nothing."""
    return word in _COURTESIES
