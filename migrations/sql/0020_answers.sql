-- What stands behind each sentence of an answer; how answers from a collection are to be written.

-- One object for each sentence that was checked: its place in the text, the marks it cites, its
-- state and why. Under the policies of its message.
ALTER TABLE messages
    ADD COLUMN support jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(support) = 'array');

-- Of those who manage the collection, for the model; readable where the collection is.
ALTER TABLE collections
    ADD COLUMN instructions text NOT NULL DEFAULT '' CHECK (length(instructions) <= 2000);
