from pathlib import Path

import pytest

from mecum.errors import SettingsError
from mecum.settings import names
from mecum.settings.load import load

SECRET = "sk-canary"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def write(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    path = home / "mecum.toml"
    path.write_text(text)
    return path


def refusal(flags: dict | None = None, environ: dict | None = None, config: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags or {}, environ or {}, config=config)
    return caught.value.message


# Order and origins


def test_without_anything_all_is_default(home):
    loaded = load({}, {"MECUM_HOME": str(home)})
    assert loaded.settings.server.port == 8002
    assert loaded.origins["server.port"] == "default"
    assert loaded.file is None


def test_each_place_wins_over_the_weaker_ones(home):
    path = write(home, "[server]\nport = 1\nhost = '127.0.0.1'\nkeepalive = 5\n")
    environ = {"MECUM_HOME": str(home), "MECUM_SERVER_PORT": "2", "MECUM_SERVER_HOST": "::1"}
    loaded = load({"server.port": 3, "server.host": None}, environ)
    server = loaded.settings.server
    assert (server.port, server.host, server.keepalive) == (3, "::1", 5)
    assert loaded.file == path
    assert [loaded.origins[f"server.{name}"] for name in ("port", "host", "keepalive", "drain_timeout")] == [
        "flag --port",
        "MECUM_SERVER_HOST",
        f"mecum.toml ({home})",
        "default",
    ]


def test_every_setting_has_an_origin(home):
    assert set(load({}, {"MECUM_HOME": str(home)}).origins) == set(names.table())


def test_the_home_directory_has_a_default_and_two_names(home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    assert load({}, {}).settings.home.name == "mecum"
    assert load({}, {"MECUM_HOME": ""}).origins["home"] == "default"
    assert load({}, {"MECUM_HOME": "~/x"}).settings.home == Path.home() / "x"
    assert load({"home": home}, {"MECUM_HOME": "/elsewhere"}).settings.home == home


def test_settings_are_frozen(home):
    with pytest.raises(ValueError, match="frozen"):
        load({"home": home}, {}).settings.server.port = 1


# Values


def test_environment_values_are_read_as_what_they_are(home):
    environ = {
        "MECUM_HOME": str(home),
        "MECUM_SERVER_ALLOWED_HOSTS": "a.example, b.example,",
        "MECUM_ENGINE_SCRIPTED": "true",
        "MECUM_SERVER_KEEPALIVE": "0.5",
        "MECUM_ENGINE_MODEL": "",
        "MECUM_ENGINE_API_KEY": SECRET,
        "MECUM_SOAK": "1",
        "PATH": "/bin",
    }
    settings = load({}, environ).settings
    assert settings.server.allowed_hosts == ("a.example", "b.example")
    assert settings.engine.scripted is True
    assert settings.server.keepalive == 0.5
    assert settings.engine.model is None
    assert settings.engine.api_key is not None
    assert settings.engine.api_key.get_secret_value() == SECRET
    assert SECRET not in repr(settings)


@pytest.mark.parametrize(
    ("flags", "environ", "sentence"),
    [
        ({"server.port": 70000}, {}, "--port is 70000, but must be a whole number from 0 to 65535."),
        ({}, {"MECUM_SERVER_PORT": "x"}, "MECUM_SERVER_PORT is 'x', but must be a whole number from 0 to 65535."),
        ({"engine.context": 5}, {}, "--context is 5, but must be a whole number, at least 256."),
        ({"log.level": "loud"}, {}, "--log-level is 'loud', but must be one of debug, info, warning, error."),
        (
            {},
            {"MECUM_SERVER_DRAIN_TIMEOUT": "inf"},
            "MECUM_SERVER_DRAIN_TIMEOUT is 'inf', but must be a number above 0, at most 86400.",
        ),
        (
            {"engine.base_url": "ftp://me:pass@host"},
            {},
            "--engine-url is 'ftp://***@host', but must be an address that begins with http:// or https://.",
        ),
        ({"home": "~no-such-user/x"}, {}, "--home is '~no-such-user/x', whose ~ leads nowhere."),
        (
            {},
            {"MECUM_HOME": "/tmp/caf\udce9"},
            "MECUM_HOME is '/tmp/caf\\udce9', which is no text in UTF-8. Take another path.",
        ),
    ],
)
def test_a_wrong_value_is_one_sentence_with_place_and_range(flags, environ, sentence):
    assert refusal(flags, environ) == sentence


@pytest.mark.parametrize(
    ("written", "size"),
    [("'12 GB'", 12_000_000_000), ("'8GiB'", 8 * 2**30), ("'1.5 GB'", 1_500_000_000), ("1000", 1000), ("'1000'", 1000)],
)
def test_a_size_is_bytes_or_has_a_unit(home, written, size):
    write(home, f"[engine]\nmemory = {written}\n")
    assert load({"home": home}, {}).settings.engine.memory == size
    assert load({"home": home}, {"MECUM_ENGINE_MEMORY": written.strip("'")}).settings.engine.memory == size


@pytest.mark.parametrize("written", ["0", "-1", "true", "'much'", "'12 bananas'", "[1]"])
def test_what_is_no_size(home, written):
    path = write(home, f"[engine]\nmemory = {written}\n")
    assert refusal({"home": home}).startswith(f"engine.memory in {path} is ")
    assert refusal({"home": home}).endswith('must be a number of bytes, or a size such as "12 GB" or "8 GiB".')


def test_every_wrong_value_is_named_at_once():
    environ = {"MECUM_SERVER_PORT": "x", "MECUM_ENGINE_SLOTS": "0"}
    assert refusal({}, environ).count("\n") == 1


def test_a_secret_is_never_echoed(home):
    path = write(home, f"[engine]\napi_key = ['{SECRET}']\n")
    assert refusal({"home": home}) == f"engine.api_key in {path} must be text."


# The file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[server]\nport = 'x'\n", "server.port in {path} is 'x', but must be a whole number from 0 to 65535."),
        ("[engine]\nslots = true\n", "engine.slots in {path} is True, but must be a whole number from 1 to 256."),
        ("[server]\nallowed_hosts = 'a'\n", "server.allowed_hosts in {path} is 'a', but must be a list of texts."),
        ("[server]\nprot = 1\n", "server.prot in {path} is not a setting of mecum. Did you mean server.port?"),
        ("[servr]\nport = 1\n", "[servr] in {path} is not a setting of mecum. Did you mean server?"),
        ("port = 1\n", "port in {path} is not a setting of mecum. Did you mean server.port?"),
        ("server = 1\n", "server in {path} must be a table: write [server] on a line of its own."),
        (
            "home = '/x'\n",
            "home in {path} has no effect, because the file is found by it. Set MECUM_HOME or --home.",
        ),
        (
            "[log]\nzzzz = 1\n",
            "log.zzzz in {path} is not a setting of mecum. Remove it; `mecum config` then lists every setting.",
        ),
    ],
)
def test_a_wrong_line_in_the_file_is_named(home, text, sentence):
    path = write(home, text)
    assert refusal({"home": home}) == sentence.format(path=path)


def test_broken_toml_names_the_line(home):
    path = write(home, "[server]\nport = \n")
    assert refusal({"home": home}).startswith(f"{path} is not valid TOML: ")
    assert "at line 2" in refusal({"home": home})


def test_a_file_that_is_not_text_or_not_a_file_is_refused(home):
    path = write(home, "")
    path.write_bytes(b"\xff\xfe")
    assert refusal({"home": home}) == f"{path} is not UTF-8 text."
    assert refusal(config=home) == f"{home} cannot be read: Is a directory."


def test_a_file_asked_for_by_name_must_exist(tmp_path):
    missing = tmp_path / "no.toml"
    assert refusal(config=missing) == f"--config names {missing}, which does not exist."
    assert refusal(environ={"MECUM_CONFIG": str(missing)}) == f"MECUM_CONFIG names {missing}, which does not exist."


def test_the_named_file_stands_in_for_the_one_in_the_home(home, tmp_path):
    write(home, "[server]\nport = 1\n")
    other, third = tmp_path / "other.toml", tmp_path / "third.toml"
    other.write_text("[server]\nport = 2\n")
    third.write_text("[server]\nport = 3\n")
    environ = {"MECUM_HOME": str(home), "MECUM_CONFIG": str(other)}
    assert load({}, environ).settings.server.port == 2
    assert load({}, environ, config=third).settings.server.port == 3


def test_the_working_directory_is_never_looked_at(home, tmp_path, monkeypatch):
    (tmp_path / "mecum.toml").write_text("[server]\nport = 1\n")
    monkeypatch.chdir(tmp_path)
    assert load({"home": home}, {}).settings.server.port == 8002


# Unknown names


@pytest.mark.parametrize(
    ("env", "hint"),
    [
        ("MECUM_SERVR_PORT", "Did you mean MECUM_SERVER_PORT?"),
        ("MECUM_CONFIGG", "Did you mean MECUM_CONFIG?"),
        ("MECUM_SERVER_KEEP_ALIVE", "Did you mean MECUM_SERVER_KEEPALIVE?"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest_name(env, hint):
    assert refusal({}, {env: "1"}) == f"{env} is not a setting of mecum. {hint}"


# What generates


def test_the_stronger_place_decides_what_generates(home):
    write(home, "[engine]\nbase_url = 'http://127.0.0.1:1/v1'\n")
    loaded = load({"home": home, "engine.scripted": True}, {"MECUM_ENGINE_MODEL": "x.gguf"})
    engine = loaded.settings.engine
    assert (engine.scripted, engine.base_url, engine.model) == (True, None, None)
    assert loaded.origins["engine.base_url"] == "default, because --demo sets it aside"


def test_two_answers_of_the_same_strength_contradict():
    flags = {"engine.model": "x.gguf", "engine.base_url": "http://127.0.0.1:1/v1"}
    assert refusal(flags).startswith("--engine-url and --model contradict each other")
    assert load({"engine.model": "x.gguf"}, {"MECUM_ENGINE_SCRIPTED": "false"}).settings.engine.model == "x.gguf"


def test_an_embedder_that_was_chosen_gives_way_to_what_is_said(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "embedder").write_text("bge.gguf\n")
    environ = {"MECUM_HOME": str(tmp_path)}
    chosen = load({}, environ)
    assert chosen.settings.library.embedder == str(tmp_path / "models" / "bge.gguf")
    assert chosen.origins["library.embedder"] == f"models/embedder ({tmp_path})"
    url = {"MECUM_LIBRARY_EMBEDDER_URL": "http://127.0.0.1:1/v1"}
    aside = load({}, {**environ, **url})
    assert aside.settings.library.embedder == "local"
    assert aside.origins["library.embedder"] == "default, because MECUM_LIBRARY_EMBEDDER_URL sets it aside"
    with pytest.raises(SettingsError, match="each names what makes vectors"):
        load({}, {**environ, **url, "MECUM_LIBRARY_EMBEDDER": "none"})
    (tmp_path / "models" / "embedder").write_text("../x.gguf")
    with pytest.raises(SettingsError, match="mecum models embedder NAME"):
        load({}, environ)


@pytest.mark.parametrize("form", ["query:", "{text} {text}", "{text} {other}", "{Text}"])
def test_a_form_has_the_text_in_it_once(tmp_path, form):
    with pytest.raises(SettingsError, match=r"must be a text with \{text\} in it once"):
        load({}, {"MECUM_HOME": str(tmp_path), "MECUM_LIBRARY_EMBEDDER_QUERY": form})
