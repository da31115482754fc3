"""Settings go into a backup without what must not lie there in clear."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from govbot.backup import belongings
from govbot.backup.sealed import new_identity, read_identities
from govbot.config import load_settings
from govbot.errors import Invalid

CONFIG = """
organisation = "Prefeitura de Aurora"
[database]
url = "postgresql://govbot:s3nha@db/govbot"  # the application
[generation]
api_key = 'chave-"um"'
[[generation.models]]
name = "outro"
base_url = "http://gpu2:8000/v1"
model = "x"
api_key = "chave-dois"
"""


def test_secrets_are_taken_out_and_the_rest_stays() -> None:
    masked = belongings.without_secrets(CONFIG)
    assert not [word for word in ("s3nha", "chave-", "govbot@db") if word in masked]
    assert "# the application" in masked
    assert tomllib.loads(masked)["organisation"] == "Prefeitura de Aurora"


@pytest.mark.parametrize(
    "text", ['[security]\nkey = "a\\u0062c"\n', "[security]\nkey = '''a\nb'''\n", "no toml ["]
)
def test_what_cannot_be_masked_for_certain_is_left_out(text: str) -> None:
    masked = belongings.without_secrets(text)
    assert "abc" not in masked
    assert "u0062" not in masked
    assert "a\nb" not in masked


def test_keys_are_packed_when_the_backup_is_encrypted_only(tmp_path: Path) -> None:
    file = tmp_path / "govbot.toml"
    file.write_text(CONFIG)
    settings = load_settings(file, {"GOVBOT_DATA_DIR": str(tmp_path / "data")})
    settings.data_dir.mkdir()
    (settings.data_dir / "secret.key").write_text("k1\nk2\n")
    clear = belongings.unpack("x", belongings.pack(settings, {}, with_keys=False))
    sealed = belongings.unpack("x", belongings.pack(settings, {"ab": "log.gz"}, with_keys=True))
    assert "secret.key" not in clear
    assert b"s3nha" not in b"".join(clear.values())
    assert sealed["secret.key"] == b"k1\nk2\n"
    assert b"s3nha" in sealed["govbot.toml"]
    assert belongings.archived_in(sealed) == {"ab": "log.gz"}
    assert len(belongings.key_marks("k1\nk2")) == 2


def test_a_file_without_a_key_is_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "identity.txt"
    file.write_text(f"# age\n\n{new_identity()[0]}\n")
    assert len(read_identities(file)) == 1
    for text in ("", "# nothing\n", new_identity()[1], "ção"):
        file.write_text(text)
        with pytest.raises(Invalid, match="no private key"):
            read_identities(file)
