import pytest

from mecum.knowledge.extract.decode import decode, is_text

GERMAN = "Die Größe der Übung überrascht: für Ärzte ist das schön. Und weiter im Text, ohne jedes besondere Zeichen darin."
RUSSIAN = "Следующее заседание комиссии начнётся во вторник в три часа дня в большом зале городского совета."
JAPANESE = "次の会議は火曜日の午後三時に大きな会議室で始まります。出席できない方は連絡してください。"
CHINESE = "下一次会议将于星期二下午三点在大会议室举行。不能参加的人请提前通知我们。谢谢大家的配合。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(
            (text, encoding)
            for text in (GERMAN, RUSSIAN, CHINESE)
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")
        ),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-16-be"),
        (GERMAN, "latin-1"),
        (GERMAN, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
    ],
)
def test_it_is_found(text, encoding):
    assert decode(text.encode(encoding)) == text
    assert is_text(text.encode(encoding))


def test_what_the_file_says_comes_before_guesses():
    assert decode(RUSSIAN.encode("iso8859_5"), "iso8859_5") == RUSSIAN
    assert decode(GERMAN.encode(), "no such encoding") == GERMAN


def test_nothing_is_ever_refused():
    assert decode(b"\xff\x00\x81\x8d" * 3)


@pytest.mark.parametrize("data", [b"\0\1\2\3" * 50, b"abc\0def", bytes(range(32)) * 10])
def test_what_is_no_text(data):
    assert not is_text(data)
