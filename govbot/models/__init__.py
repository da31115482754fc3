"""Embedding models: the catalog, their files on this machine, the one thread that runs them."""
