"""The libraries that training needs: the extra `finetune`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

from govbot.errors import Unavailable

OF_EMBEDDER: Final = ("torch", "sentence_transformers", "accelerate", "datasets")
OF_ADAPTER: Final = ("torch", "transformers", "accelerate", "peft", "gguf")


def require(packages: Sequence[str]) -> None:
    """Raises Unavailable E-FINETUNE-EXTRA naming those that are missing; imports nothing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise Unavailable(
            'Not installed: %(missing)s. Training needs the extra: pip install "govbot[finetune]".',
            code="E-FINETUNE-EXTRA",
            missing=", ".join(name.replace("_", "-") for name in missing),
        )
