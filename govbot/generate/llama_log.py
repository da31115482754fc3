"""What llama.cpp prints, as records of our log: the engine's name for it."""

from govbot.llama_log import silence

__all__ = ["silence"]
