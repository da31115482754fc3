"""What the words of a question ask for: BM25's constants, words without weight, bounds.

The stems themselves are made by `govbot_tsv` in the database, for questions and documents alike.
"""

from __future__ import annotations

# Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), section
# 3.2: the usual values. Others (k1 0.9 to 1.5, b 0.4 to 0.75) made no difference beyond noise.
K1 = 1.2
B = 0.75

# Each pair of neighbouring stems of the question that stands in a passage at the same distance
# adds this much, for the best passages by BM25. Measured: tests/bench/README.md.
PAIR_BONUS = 2.0
PAIR_DEPTH = 50

# So much of the score follows the share of the question, weighted by rarity, that a passage holds.
COVERAGE_SHARE = 0.3

# A stem that stands in nothing readable is stood for by the nearest that does, one or two edits
# away, with this weight and this part of it held. So many stems of a question are looked up.
NEAR = (0.7, 0.5)
MAX_NEAR = 3

# The passage that is the norm or article named, against one that names it too.
IDENTITY_WEIGHT = 2.0
LEAST_IDENTITY = 2.0

# What an acronym means, or the acronym of what is meant, weighs so much; what stands for a stem
# counts at most MOST_CREDIT of it as held. So many definitions are looked at to find the usual one.
ACRONYM_WEIGHT = 0.4
MOST_CREDIT = 0.7
MAX_ACRONYMS = 200

# Of a stem in more passages than LIST_LIMIT the best are read; the RESCORED best of all that were
# read are then scored in full. Measured: tests/bench/README.md.
LIST_LIMIT = 2000
RESCORED = 300

# A question longer than this is a pasted document; its first stems say what it is about.
MAX_CHARACTERS = 8000
MAX_STEMS = 64
MAX_POSITIONS = 256

# Stems of words that ask, but are not asked for. They would otherwise count as content that a
# passage lacks.
ASKING_STEMS = (
    *("acord", "cit", "conform", "cuj", "defin", "descrev", "diz", "exist", "expliqu", "inform"),
    *("aond", "onde", "porqu", "qua", "quant", "refer", "segund", "tal", "trat"),
    # Stop words of PostgreSQL's list that folding their accents has hidden from it.
    *("ate", "esta", "ha", "ja", "nao", "sao", "ser", "sera", "so", "tamb", "ter", "tera", "voc"),
)


def bounded(question: str) -> str:
    """The part of a question that is searched for; NUL, which PostgreSQL refuses, is a space."""
    return question[:MAX_CHARACTERS].replace("\0", " ")
