"""A LoRA adapter of a tiny llama: learned in pieces or at once, and the same in llama.cpp."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from govbot.chat.prompt import prompt_for
from govbot.errors import Conflict, GovBotError, Invalid, Unavailable
from govbot.finetune import gguf_lora
from govbot.finetune.adapter import train
from govbot.finetune.chats import encoded, read_chats
from govbot.finetune.lora import Recipe, load_base, with_adapter
from govbot.finetune.progress import Step
from govbot.generate import Source
from tests.tiny_llama import logits_of, make_llama, write_gguf

CLOSE = 5e-3  # of logits: llama.cpp takes shortcuts in its exponentials
RECIPE = Recipe(rank=4, alpha=16, epochs=2, batch=4, rate=1e-2, max_tokens=200, save_steps=3)


def line(question: str, answer: str) -> str:
    roles = (("system", "Cite."), ("user", question), ("assistant", answer))
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in roles]}) + "\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    said = [line(f"Prazo {at}?", f"Dez dias [{at % 3 + 1}].") for at in range(24)]
    (folder / "train.jsonl").write_text("".join(said[:16]), "utf-8")
    (folder / "held.jsonl").write_text("".join(said[16:]), "utf-8")
    return folder


# peft asks transformers by names that are deprecated there.
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
def test_an_adapter_learns_the_answers_and_goes_on_where_it_was_stopped(
    tmp_path: Path, data: Path
) -> None:
    base = make_llama(tmp_path / "base")
    model = write_gguf(base, tmp_path / "base.gguf")
    steps: list[Step] = []
    whole = train(
        data, base, tmp_path / "whole", RECIPE, device="cpu", base_gguf=model,
        on_step=steps.append,
    )  # fmt: skip
    assert [step.step for step in steps] == list(range(1, 9))
    assert (whole.finished, whole.chats, whole.held) == (True, 16, 8)
    assert whole.before is not None
    assert whole.after is not None
    assert whole.after < whole.before - 1.0
    assert whole.adapter is not None

    other = write_gguf(make_llama(tmp_path / "other", width=32), tmp_path / "other.gguf")
    for wrong in (other, data / "train.jsonl"):
        with pytest.raises(Unavailable):
            gguf_lora.require_fits(whole.adapter, wrong)
    with pytest.raises(Conflict):
        train(data, base, tmp_path / "whole", RECIPE, device="cpu")

    hurried = replace(RECIPE, minutes=1e-9)
    stopped = train(data, base, tmp_path / "pieces", hurried, device="cpu")
    assert (stopped.finished, stopped.adapter) == (False, None)
    with pytest.raises(Conflict) as refused:
        train(data, base, tmp_path / "pieces", replace(RECIPE, rank=8), device="cpu")
    assert refused.value.error_code == "E-FINETUNE-RESUME"
    train(data, base, tmp_path / "pieces", hurried, device="cpu")
    steps.clear()
    resumed = train(data, base, tmp_path / "pieces", RECIPE, device="cpu", on_step=steps.append)
    assert [step.step for step in steps] == list(range(3, 9))
    assert resumed.adapter is not None
    assert resumed.adapter.read_bytes() == whole.adapter.read_bytes()

    qwen = json.loads((base / "config.json").read_text("utf-8")) | {"model_type": "gpt2"}
    (base / "config.json").write_text(json.dumps(qwen), "utf-8")
    with pytest.raises(GovBotError):
        train(data, base, tmp_path / "gpt", RECIPE, device="cpu")


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("kind", gguf_lora.ARCHITECTURES)
def test_an_adapter_says_the_same_in_llama_cpp(tmp_path: Path, kind: str) -> None:
    import torch

    base = make_llama(tmp_path / "base", kind=kind)
    model = write_gguf(base, tmp_path / "base.gguf")
    plain, _ = load_base(base, "cpu")
    tokens = [1, 40, 95, 77, 130, 200, 12, 5, 60, 61, 62, 99]
    with torch.no_grad():
        before = plain(torch.tensor([tokens])).logits[0].numpy()
        tuned = with_adapter(plain, RECIPE).eval()
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.05)
        after = tuned(torch.tensor([tokens])).logits[0].numpy()
    tuned.save_pretrained(str(tmp_path / "peft"))
    adapter = tmp_path / "adapter.gguf"
    assert gguf_lora.convert(tmp_path / "peft", plain.config, adapter) == 28
    assert np.abs(logits_of(model, tokens) - before).max() < CLOSE
    assert np.abs(logits_of(model, tokens, adapter) - after).max() < CLOSE
    assert np.abs(after - before).max() > 100 * CLOSE  # so it is the adapter that agrees


def test_only_the_answer_counts_and_a_long_chat_loses_what_it_does_not_cite(
    tmp_path: Path,
) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(make_llama(tmp_path / "base"))
    sources = tuple(
        Source(number, f"{word} " * 150, "Lei", "", 1, 0.0)
        for number, word in enumerate(("alfa", "beta", "gama"), 1)
    )
    messages = [
        {"role": m.role, "content": m.content} for m in prompt_for("Qual é o prazo?", sources)
    ]
    row = {
        "messages": [*messages, {"role": "assistant", "content": "Dez dias [2]."}],
        "question": "Qual é o prazo?",
        "language": "pt-BR",
        "passages": [
            {"number": s.number, "title": s.title, "heading": s.heading, "page": s.page,
             "text": s.text, "cited": s.number == 2}
            for s in sources
        ],
    }  # fmt: skip
    file = tmp_path / "train.jsonl"
    file.write_text(json.dumps(row) + "\n", "utf-8")
    chats = read_chats(file)
    left_out: Counter[str] = Counter()
    [whole] = encoded(chats, tokenizer, 100_000, left_out)
    assert tokenizer.decode(whole.answer) == "Dez dias [2].<|end|>"
    assert tokenizer.decode(whole.prompt).endswith("Pergunta: Qual é o prazo?<|end|><|assistant|>")
    size = len(whole.prompt) + len(whole.answer)
    [shorter] = encoded(chats, tokenizer, size - 1, left_out)
    shown = tokenizer.decode(shorter.prompt)
    assert ("alfa" in shown, "beta" in shown, "gama" in shown) == (True, True, False)
    [shortest] = encoded(chats, tokenizer, size - len(sources[0].text) - 100, left_out)
    assert 'n="2"' in tokenizer.decode(shortest.prompt)
    assert shortest.answer == whole.answer
    assert encoded(chats, tokenizer, 500, left_out) == []
    assert left_out == {"too long": 1}
    file.write_text('{"messages": []}\n', "utf-8")
    with pytest.raises(Invalid):
        read_chats(file)
