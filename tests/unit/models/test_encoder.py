from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from govbot.config import Settings
from govbot.config.table import Embedder as EmbedderSettings
from govbot.errors import Unavailable
from govbot.models import encoder as encoders
from govbot.models.files import ModelFiles, find_model


@pytest.fixture
def model(tmp_path: Path, bert: Callable[..., Path]) -> ModelFiles:
    return find_model(Settings(data_dir=tmp_path, embedder=EmbedderSettings(model=str(bert()))))


def test_without_onednn_the_work_is_done_again_and_goes_on(
    model: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    encoder = encoders.TorchEncoder(model, "cpu", 1)
    expected = encoder.encode(["lei"], query=True)
    real, failures = encoder._questions.encode, []

    def fail_with_onednn(*args: object, **kwargs: object) -> object:
        if torch.backends.mkldnn.enabled:
            failures.append(1)
            raise RuntimeError("could not create a primitive descriptor")
        return real(*args, **kwargs)

    monkeypatch.setattr(encoder._questions, "encode", fail_with_onednn)
    try:
        assert encoder.encode(["lei"], query=True)[0] == pytest.approx(expected[0], abs=1e-5)
        encoder.encode(["lei"], query=True)
    finally:
        torch.backends.mkldnn.set_flags(True)
    assert len(failures) == 1


def test_a_gpu_that_fails_hands_over_to_the_cpu_when_the_device_is_auto(
    model: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "choose_device", lambda device, section: "cpu")
    encoder = encoders.TorchEncoder(model, "auto", 1)
    encoder.device = "cuda"

    def out_of_memory(*args: object, **kwargs: object) -> object:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(encoder._model, "encode", out_of_memory)
    assert len(encoder.encode(["lei"], query=False)[0]) == model.dimension
    assert encoder.device == "cpu"


def test_other_failures_are_not_hidden(model: ModelFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = encoders.TorchEncoder(model, "cpu", 1)

    def fail(*args: object, **kwargs: object) -> object:
        raise RuntimeError("something else")

    monkeypatch.setattr(encoder._model, "encode", fail)
    with pytest.raises(RuntimeError, match="something else"):
        encoder.encode(["lei"], query=False)


def test_prefixes_are_put_before_questions_and_passages(model: ModelFiles) -> None:
    from dataclasses import replace

    plain = encoders.TorchEncoder(model, "cpu", 1)
    prefixed = encoders.TorchEncoder(
        replace(model, query_prefix="edital ", passage_prefix="obra "), "cpu", 1
    )
    assert prefixed.encode(["lei"], query=True)[0] == pytest.approx(
        plain.encode(["edital lei"], query=True)[0], abs=1e-5
    )
    assert prefixed.encode(["lei"], query=False)[0] == pytest.approx(
        plain.encode(["obra lei"], query=True)[0], abs=1e-5
    )


def test_weights_that_do_not_fit_are_refused_in_one_sentence(model: ModelFiles) -> None:
    (model.folder / "config.json").write_text('{"model_type": "unheard-of"}')
    with pytest.raises(Unavailable, match="cannot be loaded"):
        encoders.TorchEncoder(model, "cpu", 1)
