-- The colours of the pages that somebody chose, kept with the account like the language. Empty:
-- not chosen; the browser's cookie and then the settings decide.
ALTER TABLE users ADD COLUMN theme text NOT NULL DEFAULT ''
    CHECK (theme IN ('', 'auto', 'light', 'dark', 'contrast'));
