"""What needs PyTorch: the extra "torch", which a small installation leaves out."""

from __future__ import annotations

from importlib.util import find_spec

from govbot.errors import Unavailable


def has_torch() -> bool:
    """Whether the libraries of the extra are installed; imports none of them."""
    return all(find_spec(name) is not None for name in ("torch", "sentence_transformers"))


def require_torch(setting: str) -> None:
    """Raises Unavailable naming the setting that needs the extra, where it is not installed."""
    if not has_torch():
        raise Unavailable(
            "The setting %(setting)s needs PyTorch, which is not installed here: install GovBot "
            'with the extra "torch" (pip install "govbot[torch]"), or change the setting.',
            setting=setting,
        )
