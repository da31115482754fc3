"""The conversation: from a question to a stored answer with checked citations."""
