"""Learning from approved answers: the export of pairs, a LoRA adapter, an adapted embedder."""
