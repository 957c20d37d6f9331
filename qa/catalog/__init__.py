"""Answers of the catalogue: who wrote an article, when, where, how many there are, and which."""
