"""A conversation, or one answer of it, as a file to take away: question, answer, sources, proof."""
