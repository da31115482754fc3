"""Backups that prove themselves: a dump of one moment, the originals that it names, the settings.

A folder holds any number of backups and, once for all of them, the originals (`objects.py`). A
backup is a folder with a manifest that names every piece with its checksum; it is filled under
another name and counts from the moment of its one rename.
"""
