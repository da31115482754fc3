"""The settings: what there is (table.py), and how it is read (load.py)."""

from govbot.config.load import as_texts, fields, load_settings
from govbot.config.table import Settings, allowed, is_secret, table_of

__all__ = ["Settings", "allowed", "as_texts", "fields", "is_secret", "load_settings", "table_of"]
