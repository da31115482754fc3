-- Rights on single documents; secrecy of documents against the clearance of people.

-- 0 public, 1 restricted, 2 reserved, 3 secret, 4 top secret (Lei 12.527/2011, art. 23 and 24, with
-- the restricted access of art. 31 before them).
ALTER TABLE users ADD COLUMN clearance smallint NOT NULL DEFAULT 0 CHECK (clearance BETWEEN 0 AND 4);
ALTER TABLE documents ADD COLUMN secrecy smallint NOT NULL DEFAULT 0 CHECK (secrecy BETWEEN 0 AND 4);
CREATE INDEX documents_secrecy ON documents (secrecy, key) WHERE secrecy > 0;
