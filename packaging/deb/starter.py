"""Writes the starter embedder as a GGUF file, so that the package needs no PyTorch for it.

    starter.py MODEL_FOLDER FILE.gguf

Weights become 16 bits, half the size; the vectors stay those of the original to four digits
(tests/unit/models/test_llama_encoder.py holds the same writer against PyTorch).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.gguf_embedder import write_bert_gguf


def main(folder: Path, target: Path) -> None:
    """Writes `target` whole or not at all."""
    with tempfile.TemporaryDirectory() as scratch:
        halved = Path(scratch) / "model"
        shutil.copytree(folder, halved)
        weights = load_file(folder / "model.safetensors")
        save_file(
            {
                name: tensor.astype(np.float16) if _may_be_halved(name, tensor) else tensor
                for name, tensor in weights.items()
                if tensor.dtype == np.float32
            },
            halved / "model.safetensors",
        )
        made = write_bert_gguf(Path(scratch) / target.name, halved)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, target)


def _may_be_halved(name: str, tensor: np.ndarray) -> bool:
    """Matrices; but llama.cpp adds those of positions and kinds of token to numbers of 32 bits."""
    return tensor.ndim == 2 and "position" not in name and "token_type" not in name


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
