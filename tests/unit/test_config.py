"""Settings: where values come from, and what is said when one is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from govbot.config import allowed, fields, load_settings
from govbot.config.table import Settings
from govbot.errors import BadConfig


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file's place; the working directory is another, empty folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return tmp_path / "conf" / "govbot.toml"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def refusal(path: Path | None = None, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(BadConfig) as caught:
        load_settings(path, environ or {})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_file_and_environment_the_defaults_hold(file: Path) -> None:
    settings = load_settings(None, {})
    assert settings.web == Settings().web
    assert settings.file is None
    assert settings.origin("web.port") == "default"
    assert settings.data_dir == Path.cwd() / "data"


def test_file_overrides_defaults(file: Path) -> None:
    settings = load_settings(write(file, "[web]\nport = 9000\n"), {})
    assert settings.web.port == 9000
    assert settings.origin("web.port") == str(file)
    assert settings.web.host == "127.0.0.1"


def test_environment_overrides_credentials_which_override_the_file(file: Path) -> None:
    write(file, '[generation]\napi_key = "file"\nmodel = "file"\nbase_url = "http://file"\n')
    credentials = file.parent / "credentials"
    write(credentials / "generation.api_key", "credential\n")
    write(credentials / "generation.model", "credential")
    write(credentials / "other-service", "not ours")
    environ = {
        "CREDENTIALS_DIRECTORY": str(credentials),
        "GOVBOT_GENERATION__MODEL": "environment",
    }
    settings = load_settings(file, environ)
    assert settings.generation.base_url == "http://file"
    assert settings.generation.api_key.get_secret_value() == "credential"
    assert settings.generation.model == "environment"
    assert settings.origin("generation.model") == "GOVBOT_GENERATION__MODEL"
    assert settings.origin("generation.api_key") == str(credentials / "generation.api_key")


def test_a_folder_of_credentials_comes_with_our_name_before_each_and_may_hold_files(
    file: Path,
) -> None:
    credentials = file.parent / "credentials"
    write(credentials / "govbot_ldap.bind_password", "segredo\n")
    write(credentials / "govbot_web.tls_key", "-----BEGIN PRIVATE KEY-----")
    write(file, '[web]\ntls_certificate = "server.pem"\n')
    settings = load_settings(file, {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert settings.ldap.bind_password.get_secret_value() == "segredo"
    assert settings.web.tls_key == str(credentials / "govbot_web.tls_key")
    assert settings.web.tls_certificate == str(file.parent / "server.pem")
    assert settings.web.secure


def test_certificate_and_key_need_each_other(file: Path) -> None:
    assert "tls_key" in refusal(write(file, '[web]\ntls_certificate = "a.pem"\n'))
    assert "tls_certificate" in refusal(write(file, '[web]\ntls_key = "a.key"\n'))


def test_config_variable_names_the_file(file: Path) -> None:
    write(file, "[web]\nport = 9000\n")
    assert load_settings(None, {"GOVBOT_CONFIG": str(file)}).web.port == 9000


def test_file_in_the_working_directory_is_found(file: Path) -> None:
    write(Path.cwd() / "govbot.toml", "[web]\nport = 9000\n")
    assert load_settings(None, {}).file == Path.cwd() / "govbot.toml"


def test_given_file_wins_over_the_variable(file: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.toml", "[web]\nport = 9001\n")
    write(file, "[web]\nport = 9000\n")
    assert load_settings(other, {"GOVBOT_CONFIG": str(file)}).web.port == 9001


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("GOVBOT_WEB__ALLOWED_HOSTS", "a.example, b.example", ("a.example", "b.example")),
        ("GOVBOT_WEB__ALLOWED_HOSTS", "", ()),
        ("GOVBOT_WEB__SECURE_COOKIES", "true", True),
        ("GOVBOT_WEB__SECURE_COOKIES", "0", False),
        ("GOVBOT_EMBEDDER__WEIGHT", "0.25", 0.25),
        ("GOVBOT_EMBEDDER__WEIGHT", "", None),
        ("GOVBOT_LOGGING__LEVEL", "debug", "DEBUG"),
        ("GOVBOT_INGEST__MAX_PAGES", "10", 10),
    ],
)
def test_environment_text_becomes_the_setting_s_type(
    file: Path, variable: str, text: str, value: object
) -> None:
    settings = load_settings(None, {variable: text})
    section, key = variable.removeprefix("GOVBOT_").lower().split("__")
    assert getattr(getattr(settings, section), key) == value


def test_paths_in_the_file_start_at_its_folder(file: Path) -> None:
    write(file, 'data_dir = "store"\n[generation]\nmodel_path = "model.gguf"\n')
    settings = load_settings(file, {})
    assert settings.data_dir == file.parent / "store"
    assert settings.generation.model_path == str(file.parent / "model.gguf")


def test_data_folder_stands_beside_the_file_by_default(file: Path) -> None:
    assert load_settings(write(file, ""), {}).data_dir == file.parent / "data"


def test_paths_in_the_environment_start_at_the_working_directory(file: Path) -> None:
    write(file, 'data_dir = "store"\n')
    assert load_settings(file, {"GOVBOT_DATA_DIR": "mine"}).data_dir == Path.cwd() / "mine"


def test_absolute_path_stays(file: Path) -> None:
    write(file, 'data_dir = "/srv/govbot"\n')
    assert load_settings(file, {}).data_dir == Path("/srv/govbot")


def test_secret_is_read_from_the_file_that_is_named(file: Path) -> None:
    write(file.parent / "key", "s3cret\n")
    settings = load_settings(write(file, '[generation]\napi_key_file = "key"\n'), {})
    assert settings.generation.api_key.get_secret_value() == "s3cret"
    assert settings.origin("generation.api_key") == str(file.parent / "key")


def test_secret_in_the_environment_wins_over_a_secret_file_in_the_file(file: Path) -> None:
    write(file.parent / "key", "from file")
    write(file, '[generation]\napi_key_file = "key"\n')
    settings = load_settings(file, {"GOVBOT_GENERATION__API_KEY": "mine"})
    assert settings.generation.api_key.get_secret_value() == "mine"


def test_secret_and_its_file_together_are_refused(file: Path) -> None:
    write(file.parent / "key", "x")
    write(file, '[generation]\napi_key = "a"\napi_key_file = "key"\n')
    assert refusal(file).endswith(
        "generation.api_key and generation.api_key_file: set only one of them"
    )


def test_missing_secret_file_is_named(file: Path) -> None:
    write(file, '[database]\nurl_file = "nowhere"\n')
    assert "database.url_file: cannot read" in refusal(file)
    assert "No such file" in refusal(file)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[web]\nprot = 1\n", '[web] has no key "prot"; did you mean "port"?'),
        ("[wbe]\nport = 1\n", 'there is no key or section "wbe"; did you mean "web"?'),
        ("[watch]\nport = 1\n", '[watch] has no key "port"; it belongs to [web]'),
        ("[audit]\nzzz = 1\n", '[audit] has no key "zzz"; it knows question_text'),
        ("web = 1\n", "web is a section: write [web] and its keys below"),
        ("[web]\nport = 70000\n", "[web] port must be an integer from 1 to 65535, not 70000"),
        ("[web]\nport = true\n", "[web] port must be an integer from 1 to 65535, not true"),
        (
            '[generation]\nbackend = "lama"\n',
            '[generation] backend must be one of "auto", "llama", "openai", "extractive", '
            'not "lama"',
        ),
        ("[embedder]\nweight = 2\n", "weight must be a number from 0 to 1, or unset, not 2"),
        ('[embedder]\ndevice = "gpu"\n', 'must be auto, cpu, mps, cuda or cuda:N, not "gpu"'),
        ('[audit]\nquestion_text = "x"\n', 'question_text must be true or false, not "x"'),
        ('organisation = ""\n', 'organisation must be a text of 1 to 80 characters, not ""'),
        ('[web]\nallowed_hosts = "a"\n', 'allowed_hosts must be a list of texts, not "a"'),
        ('[web]\nbase_url = "x y"\n', "must be an address http://... or https://..., or empty"),
        ('[generation]\nbackend = "llama"\n', '"llama" needs [generation] model_path'),
        ('[generation]\nbackend = "openai"\n', '"openai" needs [generation] base_url'),
        ("[generation]\nmax_tokens = 9000\n", "max_tokens must be smaller than context_tokens"),
        ("[ingest]\nchunk_overlap_words = 100\n", "must be at most half of chunk_words (180)"),
        ('[database]\nowner_url = "postgresql://o@h/b"\n', "owner_url needs [database] url"),
        ("[web\n", "is not valid TOML"),
    ],
)
def test_mistake_in_the_file_is_one_line_naming_file_key_and_what_is_allowed(
    file: Path, text: str, sentence: str
) -> None:
    message = refusal(write(file, text))
    assert message.startswith(f"{file}: ")
    assert sentence in message


@pytest.mark.parametrize(
    ("variable", "sentence"),
    [
        ("GOVBOT_WEB__PROT", '[web] has no key "prot"; did you mean "port"?'),
        ("GOVBOT_WEBB__PORT", 'there is no section [webb]; did you mean "web"?'),
        ("GOVBOT_WEB__PORT", '[web] port must be an integer from 1 to 65535, not "x"'),
        ("GOVBOT_DATADIR", 'there is no key or section "datadir"; did you mean "data_dir"?'),
        ("GOVBOT_LANGUAGE", 'language must be one of "pt-BR", "en", not "x"'),
    ],
)
def test_mistake_in_the_environment_names_the_variable(
    file: Path, variable: str, sentence: str
) -> None:
    assert refusal(None, {variable: "x"}) == f"{variable}: {sentence}"


FOLDER = '[[watch.folders]]\npath = "/srv/leis"\ncollection = "Leis"\n'


def test_a_list_of_tables_is_read_with_its_paths_from_the_folder_of_the_file(file: Path) -> None:
    write(file, FOLDER + '[[watch.folders]]\npath = "atas/../oficios"\ncollection = "O"\n'
          'mode = "poll"\n')  # fmt: skip
    leis, oficios = load_settings(file, {}).watch.folders
    assert (leis.path, leis.collection, leis.mode) == ("/srv/leis", "Leis", "events")
    assert (oficios.path, oficios.mode) == (str(file.parent / "oficios"), "poll")


def test_a_list_of_tables_is_json_in_the_environment(file: Path) -> None:
    write(file, FOLDER)
    value = '[{"path": "atas", "collection": "Atas", "settle_seconds": 5}]'
    settings = load_settings(file, {"GOVBOT_WATCH__FOLDERS": value})
    (folder,) = settings.watch.folders
    assert (folder.path, folder.settle_seconds) == (str(Path.cwd() / "atas"), 5)
    assert settings.origin("watch.folders") == "GOVBOT_WATCH__FOLDERS"
    assert load_settings(file, {"GOVBOT_WATCH__FOLDERS": ""}).watch.folders == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[watch]\nfolders = "/srv"\n', "watch.folders is a list of tables: write "
         "[[watch.folders]] and its keys below"),
        ('[watch]\nfolders = ["/srv"]\n', "watch.folders is a list of tables"),
        ("[watch.folders]\n", "watch.folders is a list of tables"),
        (FOLDER + 'mod = "poll"\n',
         '[[watch.folders]] number 1 has no key "mod"; did you mean "mode"?'),
        (FOLDER + "zzz = 1\n", '[[watch.folders]] number 1 has no key "zzz"; it knows path, '),
        (FOLDER + 'mode = "pol"\n',
         '[[watch.folders]] number 1: mode must be one of "events", "poll", not "pol"'),
        (FOLDER + "settle_seconds = 0\n",
         "number 1: settle_seconds must be a number from 0.1 to 3600, not 0"),
        (FOLDER + "poll_seconds = true\n",
         "number 1: poll_seconds must be an integer from 1 to 86400, not true"),
        (FOLDER + '[[watch.folders]]\npath = "/srv/atas"\n',
         "[[watch.folders]] number 2 needs collection, a text of 1 to 200 characters"),
        (FOLDER + FOLDER, "number 2: path /srv/leis is the folder of number 1 already"),
        (FOLDER + '[[watch.folders]]\npath = "/srv/leis/a"\ncollection = "A"\n',
         "number 2: path /srv/leis/a and number 1 (/srv/leis) must not lie in one another"),
        (FOLDER + '[[watch.folders]]\npath = "/srv"\ncollection = "A"\n',
         "number 2: path /srv and number 1 (/srv/leis) must not lie in one another"),
        ('data_dir = "/srv/leis/dados"\n' + FOLDER,
         "path /srv/leis must be apart from data_dir (/srv/leis/dados)"),
        ('data_dir = "/srv"\n' + FOLDER, "path /srv/leis must be apart from data_dir (/srv)"),
    ],
)  # fmt: skip
def test_mistake_in_a_list_of_tables_names_the_table_and_the_key(
    file: Path, text: str, sentence: str
) -> None:
    message = refusal(write(file, text))
    assert message.startswith(f"{file}: ")
    assert sentence in message


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("[{", "is not valid JSON: "),
        ('{"path": "/srv"}', "watch.folders is a list of tables"),
        ('[{"path": "/srv/leis"}]', "[[watch.folders]] number 1 needs collection"),
    ],
)
def test_mistake_in_a_list_of_tables_in_the_environment_names_the_variable(
    file: Path, value: str, sentence: str
) -> None:
    message = refusal(None, {"GOVBOT_WATCH__FOLDERS": value})
    assert message.startswith(f"GOVBOT_WATCH__FOLDERS: {sentence}")


def test_variables_of_other_software_are_left_alone(file: Path) -> None:
    load_settings(None, {"GOVBOT_PORT": "tcp://10.0.0.1:80", "GOVBOT_SERVICE_HOST": "10.0.0.1"})


def test_file_that_is_not_there_is_named(file: Path) -> None:
    assert refusal(file) == f"{file}: there is no such configuration file"


def test_wrong_secret_is_never_quoted(file: Path) -> None:
    message = refusal(None, {"GOVBOT_DATABASE__URL": "mysql://u:hunter2@h/b"})
    assert "hunter2" not in message
    assert "must be a connection postgresql://" in message


def test_unknown_credential_of_a_known_section_is_refused(file: Path) -> None:
    write(file.parent / "generation.api_kye", "x")
    message = refusal(None, {"CREDENTIALS_DIRECTORY": str(file.parent)})
    assert message.endswith('[generation] has no key "api_kye"; did you mean "api_key"?')


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Settings().web, "port", 1)  # noqa: B010


def test_secret_does_not_show_in_the_representation() -> None:
    assert "hunter2" not in repr(
        load_settings(None, {"GOVBOT_GENERATION__API_KEY": "hunter2"}).generation
    )


@pytest.mark.parametrize("setting", [f"{section}.{key}" for section, key, _ in fields()])
def test_what_a_setting_allows_is_said_in_words(setting: str) -> None:
    info = next(info for section, key, info in fields() if f"{section}.{key}" == setting)
    words = allowed(info)
    assert words
    if info.annotation in (int, float):
        assert " from " in words, "a number has limits"


def test_settings_load_without_heavy_libraries() -> None:
    code = (
        "import sys\n"
        "from govbot.config import load_settings; load_settings(None, {})\n"
        "print(*sys.modules)"
    )
    loaded = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    heavy = {"babel", "jinja2", "litestar", "llama_cpp", "numpy", "PIL", "psycopg", "sqlalchemy",
             "torch", "typer"}  # fmt: skip
    assert heavy.isdisjoint(loaded)


MODELS = """
[generation]
threads = 3
api_key = "of the section"
[[generation.models]]
name = "rapido"
tier = "fast"
model_path = "small.gguf"
lora = ["a.gguf", "/b.gguf"]
[[generation.models]]
name = "servidor-1"
base_url = "http://h:8000/v1"
model = "qwen"
api_key_file = "key"
threads = 9
"""


def test_a_model_of_the_list_takes_what_it_leaves_open_but_not_who_it_is(file: Path) -> None:
    write(file.parent / "key", "s3cret\n")
    settings = load_settings(write(file, MODELS), {})
    fast, remote = settings.generation.listed()
    assert (fast.threads, remote.threads) == (3, 9)
    assert (fast.tier, remote.tier, fast.label) == ("fast", "quality", "")
    assert fast.model_path == str(file.parent / "small.gguf")
    assert fast.lora == (str(file.parent / "a.gguf"), "/b.gguf")
    assert fast.api_key.get_secret_value() == ""
    assert remote.api_key.get_secret_value() == "s3cret"
    assert load_settings(write(file, ""), {}).generation.listed() == ()


def test_one_key_of_one_table_comes_from_a_variable_or_a_credential(file: Path) -> None:
    write(file.parent / "key", "s3cret\n")
    write(file, MODELS)
    folder = file.parent / "credentials"
    folder.mkdir()
    write(folder / "generation.models.servidor-1.api_key", "of systemd\n")
    environ = {"CREDENTIALS_DIRECTORY": str(folder)}
    environ["GOVBOT_GENERATION__MODELS__RAPIDO__LORA"] = "/x.gguf, /y.gguf"
    fast, remote = load_settings(file, environ).generation.models
    assert fast.lora == ("/x.gguf", "/y.gguf")
    assert remote.api_key.get_secret_value() == "of systemd"
    environ["GOVBOT_GENERATION__MODELS__SERVIDOR_1__API_KEY"] = "of the variable"
    remote = load_settings(file, environ).generation.models[1]
    assert remote.api_key.get_secret_value() == "of the variable"


@pytest.mark.parametrize(
    ("text", "environ", "sentence"),
    [
        (MODELS, {"GOVBOT_GENERATION__MODELS__NADA__TIER": "fast"}, 'no .* name "nada"; there are'),
        (MODELS, {"GOVBOT_GENERATION__MODELS__RAPIDO__TIR": "fast"}, 'did you mean "tier"'),
        (MODELS, {"GOVBOT_GENERATION__MODEL_PATH": "/m.gguf"}, "set only one of them"),
        (MODELS, {"GOVBOT_GENERATION__BACKEND": "extractive"}, 'backend must be "auto"'),
        (MODELS, {"GOVBOT_EVALUATION__MEASURES__A__B": "x"}, "not a list of tables"),
        ('[[generation.models]]\nname = "a"', {}, "number 1: needs model_path or base_url"),
        ('[[generation.models]]\nname = "A"\nmodel_path = "m"', {}, "small letters"),
        ('[[generation.models]]\nmodel_path = "m"', {}, "number 1 needs name"),
        (
            '[[generation.models]]\nname = "a"\nmodel_path = "m"\n' * 2,
            {},
            'number 2: name "a" is taken',
        ),
        ('[[generation.models]]\nname = "a"\nbase_url = "http://h"', {}, "base_url needs model"),
        (
            '[[generation.models]]\nname = "a"\nmodel_path = "m"\n'
            'api_key = "x"\napi_key_file = "k"',
            {},
            "set only one of them",
        ),
    ],
)
def test_a_slip_in_the_list_of_models_is_named(
    file: Path, text: str, environ: dict[str, str], sentence: str
) -> None:
    write(file.parent / "key", "s3cret\n")
    with pytest.raises(BadConfig, match=sentence):
        load_settings(write(file, text), environ)
