"""The demo: documents of an invented municipality, its users, and questions with known answers.

Everything here is data written by `packaging/demo/build.py`: `documents/`, `manifest.toml` (what
to create) and `questions.jsonl` (lines for `govbot eval run`).
"""
