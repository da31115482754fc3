"""Trains a LoRA adapter (Hu et al. 2021, arXiv:2106.09685) on chats, a chat at a time.

One chat is in memory at once, layers are computed again on the way back, and logits are made for
the answer alone: memory is bounded by the model and the longest chat, not by the batch. Each step
draws its own randomness, so a training that was stopped ends as one that was not.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govbot.errors import Invalid, Unavailable
from govbot.finetune.chats import Encoded
from govbot.finetune.gguf_lora import ARCHITECTURES
from govbot.finetune.progress import Journal
from govbot.models.encoder import choose_device, prepare_libraries

TARGETS: Final = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
CHECKPOINT: Final = "checkpoint"
_STATE: Final = "state.json"
_OPTIMIZER: Final = "optimizer.pt"
_CLIP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the adapter is trained. `batch` chats make a step; `minutes` ends a run early, 0 does
    not."""

    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    epochs: int = 2
    batch: int = 8
    rate: float = 2e-4
    warmup: float = 0.05
    max_tokens: int = 4096
    seed: int = 20
    save_steps: int = 20
    minutes: float = 0

    def steps(self, chats: int) -> int:
        """Of the whole training."""
        return -(-chats // self.batch) * self.epochs


def load_base(folder: Path, device: str) -> tuple[Any, Any]:
    """Model and tokenizer of a transformers folder; weights from safetensors alone.

    Raises Invalid E-FINETUNE-BASE for an architecture that no adapter can be converted for, or a
    model without chat template, Unavailable when it cannot be read.
    """
    prepare_libraries()
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    place = choose_device(device, "embedder")
    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), **local)
        model: Any = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=torch.float32 if place == "cpu" else torch.bfloat16,
            use_safetensors=True,
            **local,
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Unavailable(
            "The base model in %(folder)s cannot be loaded: %(reason)s",
            folder=folder,
            reason=" ".join(str(error).split())[:200],
        ) from error
    if model.config.model_type not in ARCHITECTURES:
        raise Invalid(
            "The base model is a %(kind)s; adapters are made for %(known)s.",
            code="E-FINETUNE-BASE",
            kind=model.config.model_type,
            known=", ".join(ARCHITECTURES),
        )
    if not tokenizer.chat_template:
        raise Invalid(
            "The base model has no chat template: take one that is tuned to instructions.",
            code="E-FINETUNE-BASE",
        )
    model.to(place)
    model.config.use_cache = False
    return model, tokenizer


def with_adapter(model: Any, recipe: Recipe) -> Any:
    """The model with a fresh adapter, which changes nothing yet; the rest is frozen."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(recipe.seed)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        target_modules=list(TARGETS),
        bias="none",
        use_rslora=False,
        use_dora=False,
        task_type="CAUSAL_LM",
    )
    model.activation_checkpointing_enable({"use_reentrant": False})
    with warnings.catch_warnings():  # peft asks transformers by names that are deprecated there
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)


def train(
    model: Any, chats: Sequence[Encoded], recipe: Recipe, folder: Path, journal: Journal
) -> bool:
    """Trains to the end, or as far as the minutes go; False when there is more to do.

    Goes on from the checkpoint in `folder`. Raises Unavailable E-FINETUNE-DIVERGED when the loss
    is no number any more.
    """
    import torch

    learned = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=recipe.rate, weight_decay=0.0)
    steps = recipe.steps(len(chats))
    first = _restore(model, optimizer, folder)
    model.train()
    for step in range(first, steps):
        rate = recipe.rate * _share_of_rate(step, steps, recipe.warmup)
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.manual_seed(recipe.seed * 1_000_003 + step)
        loss = _step(model, [chats[at] for at in _batch(step, len(chats), recipe)])
        if not math.isfinite(loss):
            raise Unavailable(
                "The training came to nothing at step %(step)s: take a lower --rate.",
                code="E-FINETUNE-DIVERGED",
                step=step + 1,
            )
        torch.nn.utils.clip_grad_norm_(learned, _CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        done = step + 1
        journal.tell(done, steps, done * recipe.epochs / steps, loss, rate)
        late = bool(recipe.minutes) and journal.seconds > recipe.minutes * 60
        if done % recipe.save_steps == 0 or done == steps or late:
            _save(model, optimizer, done, folder)
        if late and done < steps:
            return False
    model.eval()
    return True


def loss_of(model: Any, chats: Sequence[Encoded]) -> float | None:
    """The mean loss of an answer's token over these chats, natural logarithm; None without any."""
    import torch

    if not chats:
        return None
    with evaluating(model), torch.no_grad():
        total = sum(float(_loss(model, chat)) for chat in chats)
    return round(total / sum(len(chat.answer) for chat in chats), 4)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Without dropout while the block runs."""
    before = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(before)


def _step(model: Any, chats: Sequence[Encoded]) -> float:
    """Adds up the gradients of a batch; the mean loss of its answers' tokens."""
    tokens = sum(len(chat.answer) for chat in chats)
    total = 0.0
    for chat in chats:
        loss = _loss(model, chat) / tokens
        loss.backward()
        total += float(loss.detach())
    return total


def _loss(model: Any, chat: Encoded) -> Any:
    """The sum over the tokens of the answer, each given all before it."""
    import torch

    ids = torch.tensor([chat.prompt + chat.answer], device=model.device)
    # One more than the answer: the last token of the prompt foretells its first.
    logits = model(input_ids=ids, logits_to_keep=len(chat.answer) + 1).logits[0, :-1]
    targets = ids[0, -len(chat.answer) :]
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")


def _batch(step: int, chats: int, recipe: Recipe) -> list[int]:
    """Which chats a step takes: each once in an epoch, in an order of that epoch."""
    steps = -(-chats // recipe.batch)
    order = list(range(chats))
    random.Random(recipe.seed * 1009 + step // steps).shuffle(order)  # noqa: S311 - no secret
    return order[step % steps * recipe.batch :][: recipe.batch]


def _share_of_rate(step: int, steps: int, warmup: float) -> float:
    """Up over the first steps, then down in a line to nothing."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    return (steps - step) / max(1, steps - rising)


def _save(model: Any, optimizer: Any, step: int, folder: Path) -> None:
    """The newest checkpoint is whole at every moment."""
    import torch

    place, new, old = (folder / (CHECKPOINT + end) for end in ("", ".new", ".old"))
    shutil.rmtree(new, ignore_errors=True)
    model.save_pretrained(str(new), safe_serialization=True)
    torch.save(optimizer.state_dict(), new / _OPTIMIZER)
    (new / _STATE).write_text(json.dumps({"step": step}), "utf-8")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _restore(model: Any, optimizer: Any, folder: Path) -> int:
    """The number of steps done before; 0 without a checkpoint."""
    import torch
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    places = (folder / CHECKPOINT, folder / (CHECKPOINT + ".old"))
    found = next((each for each in places if (each / _STATE).exists()), None)
    if found is None:
        return 0
    set_peft_model_state_dict(model, load_file(found / "adapter_model.safetensors"))
    state = torch.load(found / _OPTIMIZER, map_location=model.device, weights_only=True)
    optimizer.load_state_dict(state)
    return int(json.loads((found / _STATE).read_text("utf-8"))["step"])
