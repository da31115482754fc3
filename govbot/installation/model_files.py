"""A look at the files of the models."""

from __future__ import annotations

from govbot.config import Settings


def stored(settings: Settings) -> tuple[bool, str]:
    """What lies in the folder of the models; a file that cannot be read is a fault."""
    from govbot.models.store import Store

    found = Store(settings.data_dir / "models").all()
    bad = [f"{model.name}: {model.problem}" for model in found if model.problem]
    if bad:
        return False, "; ".join(bad[:5])
    unsigned = sum(model.manifest is None for model in found)
    words = f"{len(found)} in {settings.data_dir / 'models'}"
    return True, words + (f", {unsigned} of them without checksums" if unsigned else "")
