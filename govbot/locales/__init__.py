"""The gettext catalogs of the pages, and the commands that keep them (see __main__)."""
