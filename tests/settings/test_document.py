from pathlib import Path

from mecum.settings import document, names

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_page_is_current():
    assert PAGE.read_text() == document.markdown(), "run: python -m mecum.settings.document > docs/settings.md"


def test_the_page_has_every_setting_and_flag():
    page = document.markdown()
    for one in names.table().values():
        assert one.name == "home" or f"| `{one.name}`" in page
        assert one.flag is None or f"`{one.flag}" in page
