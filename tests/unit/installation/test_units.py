"""Drop-ins are written, replaced and taken away; what somebody wrote by hand stays."""

from __future__ import annotations

from pathlib import Path

from govbot.config import Settings, load_settings
from govbot.installation import units


def settings(**environ: str) -> Settings:
    return load_settings(None, {"GOVBOT_DATA_DIR": "/var/lib/govbot", **environ})


def test_what_is_needed_is_written_once_and_taken_away_later(tmp_path: Path) -> None:
    wide = settings(
        GOVBOT_WEB__HOST="0.0.0.0",
        GOVBOT_EMBEDDER__KIND="openai",
        GOVBOT_EMBEDDER__BASE_URL="http://10.0.0.5:8000/v1",
    )
    listen = tmp_path / "govbot.socket.d" / "listen.conf"
    network = tmp_path / "govbot.service.d" / "network.conf"
    assert units.missing(wide, root=tmp_path) == [listen, network]
    assert units.install(wide, root=tmp_path) == [f"wrote {network}", f"wrote {listen}"]
    assert listen.read_text().startswith(units.MARK)
    assert "PrivateNetwork=no" in network.read_text()
    assert units.missing(wide, root=tmp_path) == []
    assert units.install(wide, root=tmp_path) == []
    assert units.install(settings(), root=tmp_path) == [f"removed {network}", f"removed {listen}"]


def test_drop_in_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    own = tmp_path / "govbot.socket.d" / "listen.conf"
    own.parent.mkdir()
    own.write_text("[Socket]\nListenStream=10.0.0.1:80\n")
    assert units.install(settings(GOVBOT_WEB__PORT="9000"), root=tmp_path) == []
    assert units.install(settings(), root=tmp_path) == []
    assert "10.0.0.1:80" in own.read_text()


def test_gpu_is_opened_and_closed_only_when_asked(tmp_path: Path) -> None:
    gpu = tmp_path / "govbot.service.d" / "gpu.conf"
    assert units.install(settings(), gpu=True, root=tmp_path) == [f"wrote {gpu}"]
    assert units.install(settings(), root=tmp_path) == []
    assert units.install(settings(), gpu=False, root=tmp_path) == [f"removed {gpu}"]
