"""`govbot finetune export|train|embedder`: learn from the organisation's own questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from govbot.cli import current_settings, output, run_async
from govbot.cli.document_rights import DEGREES, degree_of

if TYPE_CHECKING:
    from govbot.documents.types import Secrecy
    from govbot.finetune.adapt import Adapted
    from govbot.finetune.adapter import Trained
    from govbot.finetune.examples import Material
    from govbot.finetune.export import Exported, Wanted
    from govbot.finetune.progress import Step
    from govbot.models.files import ModelFiles

app = typer.Typer(no_args_is_help=True)

NICENESS = 15  # people who ask come first

Collections = Annotated[
    list[str] | None,
    typer.Option(
        "--collection",
        metavar="NAME",
        help="Learn from the documents of this collection; may be given several times.",
    ),
]
AllCollections = Annotated[
    bool,
    typer.Option(
        "--all-collections",
        help="Of all. Whoever asks the model may be told what it learned.",
    ),
]
MaxSecrecy = Annotated[
    str, typer.Option(metavar="DEGREE", help=f"Nothing more secret: {', '.join(DEGREES)}.")
]
Gold = Annotated[
    list[str] | None,
    typer.Option(metavar="SET", help="Only this gold set; may be given several times."),
]
Held = Annotated[
    float, typer.Option(min=0, max=0.9, help="Share of the questions that is never trained on.")
]
Minutes = Annotated[
    float, typer.Option(min=0, help="Stop after so long; the same command goes on. 0: never.")
]
Restart = Annotated[bool, typer.Option("--restart", help="Forget the checkpoints of before.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def group() -> None:
    """Adapt the models to your own questions. Needs the extra `finetune`, but for `export`."""


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="A new folder for the lines and the manifest.")],
    collection: Collections = None,
    all_collections: AllCollections = False,
    max_secrecy: MaxSecrecy = "public",
    gold: Gold = None,
    ratings: Annotated[
        bool,
        typer.Option("--ratings", help="Also answers rated good, where feedback.training is set."),
    ] = False,
    held: Held = 0.1,
    as_json: AsJson = False,
) -> None:
    """Write approved questions, answers and passages as lines of JSON in chat format. Audited.

    Personal data is masked. Documents that are revoked, in the trash, out of force, too secret or
    with grants of their own are left out.
    """
    from govbot.documents.types import Secrecy
    from govbot.finetune.export import Wanted

    names = chosen_collections(collection, all_collections)
    degree = Secrecy(degree_of(max_secrecy))
    wanted = Wanted(names, degree, tuple(gold or ()), ratings, held)
    done = run_async(_export, wanted, folder)
    if as_json:
        output.print_json(done)
        return
    rows = [(name, getattr(done, name)) for name in ("train", "held", "gold", "rated", "confirmed")]
    rows += [(f"left out: {why}", count) for why, count in done.left_out.items()]
    output.print_table(("pairs", "number"), rows)


def chosen_collections(names: list[str] | None, every: bool) -> tuple[str, ...] | None:
    """The names that were given, None for all; one of the two must be said."""
    if bool(names) == every:
        raise typer.BadParameter("name collections with --collection, or say --all-collections")
    return None if every else tuple(names or ())


async def _export(wanted: Wanted, folder: Path) -> Exported:
    from govbot.app import open_app
    from govbot.finetune.export import export as write

    async with open_app(current_settings()) as parts:
        with output.progress("pairs") as bar:
            return await write(parts, wanted, folder, bar.advance)


@app.command()
def embedder(
    name: Annotated[str, typer.Argument(help="Name of the new model, in data_dir/models.")],
    file: Annotated[
        Path | None,
        typer.Option(help="Lines of {id, question, answers, doc}, in place of gold sets."),
    ] = None,
    gold: Gold = None,
    collection: Collections = None,
    max_secrecy: MaxSecrecy = "public",
    held: Held = 0.3,
    negatives: Annotated[
        int, typer.Option(min=1, max=5, help="Hard negatives of each question, from the search.")
    ] = 2,
    corpus: Annotated[
        int, typer.Option(min=100, help="Passages that are measured in, at most.")
    ] = 5000,
    epochs: Annotated[int, typer.Option(min=1, max=50, help="Times through the questions.")] = 3,
    batch: Annotated[
        int, typer.Option(min=2, max=256, help="Questions at a time; bounds the memory.")
    ] = 16,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 2e-5,
    seed: Annotated[int, typer.Option(help="Of the order and of what is drawn.")] = 20,
    minutes: Minutes = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Place the model although it is not better.")
    ] = False,
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    """Adapt the embedder in use to your questions; figures before and after on those held back.

    A model that is not better is not placed. Nothing changes for the service until you name the
    new model in the settings and run `govbot reindex`. Can be stopped and started again.
    """
    from govbot.documents.types import Secrecy
    from govbot.finetune import adapt, extra
    from govbot.finetune.retrain import Recipe

    extra.require(extra.OF_EMBEDDER)
    settings = current_settings()
    base = adapt.base_of(settings)
    adapt.check_name(settings, name)
    reach = (tuple(collection) if collection else None, Secrecy(degree_of(max_secrecy)))
    sizes = (held, negatives, corpus, seed)
    material = run_async(_material, base, file, tuple(gold or ()), reach, sizes)
    recipe = Recipe(epochs=epochs, batch=batch, rate=rate, seed=seed, minutes=minutes)
    _give_way()
    with steps_shown("steps", as_json) as shown:
        done = adapt.adapt(
            settings, base, material, recipe, name, force=force, restart=restart, on_step=shown
        )
    if done.placed is not None:
        run_async(_record_placed, name, base.name, done)
    _tell(done, base, as_json)
    if not done.finished or done.placed is None:
        raise typer.Exit(1)


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="Folder of `govbot finetune export`.")],
    base: Annotated[
        Path, typer.Option(help="Folder of the base model: transformers, safetensors.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the adapter.")],
    base_gguf: Annotated[
        Path | None,
        typer.Option(help="GGUF of the same base: the adapter must load beside it."),
    ] = None,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Rank of the adapter.")] = 16,
    alpha: Annotated[int, typer.Option(min=1, help="Weight of the adapter, over the rank.")] = 32,
    epochs: Annotated[int, typer.Option(min=1, max=50, help="Times through the chats.")] = 2,
    batch: Annotated[int, typer.Option(min=1, help="Chats of a step; costs no memory.")] = 8,
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 2e-4,
    max_tokens: Annotated[
        int, typer.Option(min=64, help="Longest chat, which bounds the memory.")
    ] = 4096,
    seed: Annotated[int, typer.Option(help="Of the order, the start and the dropout.")] = 20,
    save_steps: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 20,
    minutes: Minutes = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    """Train a LoRA adapter on an export and write it as GGUF for llama.cpp.

    Only the answers are learned. Can be stopped and started again. Bases: llama, mistral, qwen2,
    qwen3.
    """
    from govbot.finetune import adapter, extra
    from govbot.finetune.lora import Recipe

    extra.require(extra.OF_ADAPTER)
    recipe = Recipe(
        rank=rank,
        alpha=alpha,
        epochs=epochs,
        batch=batch,
        rate=rate,
        max_tokens=max_tokens,
        seed=seed,
        save_steps=save_steps,
        minutes=minutes,
    )
    _give_way()
    with steps_shown("steps", as_json) as shown:
        done = adapter.train(
            data, base, out, recipe,
            device=device, base_gguf=base_gguf, restart=restart, on_step=shown,
        )  # fmt: skip
    _tell_trained(done, as_json)
    if not done.finished:
        raise typer.Exit(1)


def _tell_trained(done: Trained, as_json: bool) -> None:
    if as_json:
        output.print_json(done, line=True)
        return
    if not done.finished:
        print("Stopped in time: the same command goes on from here.")
        return
    rows = [("chats trained on", done.chats), ("chats held back", done.held)]
    rows += [(f"left out: {why}", count) for why, count in done.left_out.items()]
    output.print_table(
        ("", "value"),
        [
            *rows,
            ("parameters learned", done.parameters),
            ("loss of held answers before", done.before),
            ("loss of held answers after", done.after),
            ("adapter", done.adapter),
        ],
    )


def _give_way() -> None:
    """Runs this process at the niceness, unless somebody made it nicer."""
    os.nice(max(0, NICENESS - os.nice(0)))


@contextmanager
def steps_shown(label: str, as_json: bool) -> Iterator[Callable[[Step], None]]:
    """Shows steps of a training: lines of JSON with --json, else a bar on a terminal."""
    if as_json:
        yield lambda step: output.print_json(step, line=True)
        return
    with output.progress(label) as bar:

        def show(step: Step) -> None:
            loss = "" if step.loss is None else f", loss {step.loss:.3f}"
            bar.update(done=step.step, total=step.of, label=f"{label}{loss}")

        yield show


def _tell(done: Adapted, base: ModelFiles, as_json: bool) -> None:
    if as_json:
        output.print_json(done, line=True)
        return
    if not done.finished:
        print("Stopped in time: the same command goes on from here.")
        return
    output.print_table(
        ("figure", "n", "before", "after", "change", "95 %", "p", ""),
        [
            (
                *(d.measure, d.n, f"{d.before:.4f}", f"{d.after:.4f}", f"{d.change:+.4f}"),
                *(f"{d.low:+.4f} to {d.high:+.4f}", f"{d.p:.4f}", "*" if d.significant else ""),
            )
            for d in done.differences
        ],
    )
    output.say(
        f"{done.examples} questions trained on, {done.held} held back,"
        f" {done.corpus} of {done.corpus_of} passages measured in"
    )
    if done.placed is None:
        output.warn("The new model is not better and was not placed; --force places it.")
        return
    print(f'placed: {done.placed}\n\n[embedder]\nmodel = "{done.placed.name}"')
    print(f"weight = {base.weight}    # that of {base.name}: measure it anew")
    print("\nthen: govbot reindex")


async def _material(
    base: ModelFiles,
    file: Path | None,
    sets: tuple[str, ...],
    reach: tuple[tuple[str, ...] | None, Secrecy],
    sizes: tuple[float, int, int, int],
) -> Material:
    from govbot.app import open_app
    from govbot.db.access import OPERATOR, as_actor
    from govbot.eval.questions import read_questions
    from govbot.finetune.examples import material
    from govbot.finetune.gold_pairs import questions_of
    from govbot.finetune.reach import reach_of

    held, negatives, corpus, seed = sizes
    async with open_app(current_settings()) as parts:
        async with as_actor(parts.pool, OPERATOR) as conn:
            within = await reach_of(conn, *reach)
        questions = read_questions(file) if file else await questions_of(parts.pool, sets)
        with output.progress("questions", total=len(questions)) as bar:
            return await material(
                parts,
                base,
                within,
                questions,
                held=held,
                negatives=negatives,
                corpus=corpus,
                seed=seed,
                on_done=bar.advance,
            )


async def _record_placed(name: str, base: str, done: Adapted) -> None:
    from govbot import audit
    from govbot.app import open_store
    from govbot.db.access import OPERATOR, as_system

    async with open_store(current_settings()) as pool, as_system(pool) as conn:
        await audit.record(
            conn,
            actor=OPERATOR,
            action="finetune.embedder-placed",
            resource=f"model:{name}",
            details={
                "base": base,
                "fingerprint": done.fingerprint,
                "examples": done.examples,
                "held": done.held,
                "forced": not done.better,
                "figures": {d.measure: [d.before, d.after, d.p] for d in done.differences},
            },
        )
