"""Trains a sentence-transformers model on questions with hard negatives, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from govbot.errors import Unavailable
from govbot.finetune.examples import Example
from govbot.finetune.progress import Journal
from govbot.models.encoder import choose_device, prepare_libraries
from govbot.models.files import ModelFiles

CHECKPOINTS: Final = "checkpoints"
_KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the embedder is trained. `batch` bounds the memory: questions at a time, each with its
    passage and its negatives. `minutes` ends a run early, to go on with later; 0 does not."""

    epochs: int = 3
    batch: int = 16
    rate: float = 2e-5
    warmup: float = 0.1
    seed: int = 20
    save_steps: int = 25
    minutes: float = 0


def load(files: ModelFiles, device: str) -> Any:
    """The model with its window and prefixes; raises Unavailable when it cannot be read."""
    prepare_libraries()
    from sentence_transformers import SentenceTransformer

    place = choose_device(device, "embedder")
    try:
        model = SentenceTransformer(
            str(files.folder), device=place, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise Unavailable(
            'The embedding model "%(name)s" in %(folder)s cannot be loaded: %(reason)s',
            name=files.name,
            folder=files.folder,
            reason=" ".join(str(error).split())[:200],
        ) from error
    model.max_seq_length = files.max_tokens
    # Its folder must say by itself what the catalog says of the base.
    model.prompts = {"query": files.query_prefix, "document": files.passage_prefix}
    model.default_prompt_name = None
    return model


def train(
    model: Any,
    files: ModelFiles,
    examples: Sequence[Example],
    recipe: Recipe,
    folder: Path,
    journal: Journal,
) -> bool:
    """Trains to the end, or as far as the minutes go; False when there is more to do.

    Goes on from the newest checkpoint in `folder`. In-batch negatives come from the other
    questions of a batch, never from one with the same passage (MultipleNegativesRankingLoss:
    Henderson et al. 2017, arXiv:1705.00652).
    """
    from sentence_transformers import SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import PrinterCallback

    class Trainer(SentenceTransformerTrainer):
        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """None: a card quotes questions and passages, and shows a bar while it gathers them."""

    arguments = _arguments(files, examples, recipe, folder, on_cpu=model.device.type == "cpu")
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=_dataset(examples),
        loss=MultipleNegativesRankingLoss(model),
        callbacks=[_callback(journal, recipe)],
    )
    latest = _latest(folder / CHECKPOINTS)
    trainer.remove_callback(PrinterCallback)  # standard output is the command's
    trainer.train(resume_from_checkpoint=str(latest) if latest else None)
    model.eval()
    return bool(trainer.state.global_step >= trainer.state.max_steps)


def _dataset(examples: Sequence[Example]) -> Any:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    columns: dict[str, list[str]] = {
        "anchor": [each.question for each in examples],
        "positive": [each.positive for each in examples],
    }
    for at in range(len(examples[0].negatives)):
        columns[f"negative_{at + 1}"] = [each.negatives[at] for each in examples]
    return Dataset.from_dict(columns)


def _arguments(
    files: ModelFiles, examples: Sequence[Example], recipe: Recipe, folder: Path, *, on_cpu: bool
) -> Any:
    from sentence_transformers import SentenceTransformerTrainingArguments
    from sentence_transformers.base.sampler import BatchSamplers

    steps = max(1, -(-len(examples) // recipe.batch)) * recipe.epochs
    passage = files.passage_prefix
    names = ["positive", *(f"negative_{at + 1}" for at in range(len(examples[0].negatives)))]
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder / CHECKPOINTS),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=min(recipe.batch, len(examples)),
        learning_rate=recipe.rate,
        warmup_steps=round(recipe.warmup * steps),
        lr_scheduler_type="linear",
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        prompts={"anchor": files.query_prefix, **dict.fromkeys(names, passage)},
        save_strategy="steps",
        save_steps=recipe.save_steps,
        save_total_limit=_KEPT,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        seed=recipe.seed,
        data_seed=recipe.seed,
        use_cpu=on_cpu,
        dataloader_pin_memory=False,
        report_to="none",
        disable_tqdm=True,
    )


def _callback(journal: Journal, recipe: Recipe) -> Any:
    from transformers import TrainerCallback

    class Told(TrainerCallback):
        """Passes each step on, and stops in time with a checkpoint."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                journal.tell(
                    state.global_step,
                    state.max_steps,
                    state.epoch or 0.0,
                    float(logs["loss"]),
                    float(logs.get("learning_rate", 0.0)),
                )

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
            if recipe.minutes and journal.seconds > recipe.minutes * 60:
                control.should_save = True
                control.should_training_stop = True
            return control

    return Told()


def _latest(folder: Path) -> Path | None:
    """The newest checkpoint that is whole."""
    found = [each for each in folder.glob("checkpoint-*") if (each / "trainer_state.json").exists()]
    return max(found, key=lambda each: int(each.name.rpartition("-")[2]), default=None)
