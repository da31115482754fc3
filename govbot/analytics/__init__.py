"""Figures of use: what is asked, how well it is answered, never who asked what."""
