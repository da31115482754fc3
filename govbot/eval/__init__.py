"""Measuring retrieval and answers on a set of questions with known answers."""
