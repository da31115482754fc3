"""The rights of persons (LGPD, art. 18): what is kept about them, handed over, and erased."""
