-- A contact between two sessions uses up a counter, as a session does: muster_seal::chain::Contact.
CREATE TABLE contact (
  counter INTEGER PRIMARY KEY,   -- shared with session.counter: never used twice
  note TEXT NOT NULL,            -- signed and kept before it is sent; the same note is sent until it is accepted
  accepted INTEGER NOT NULL DEFAULT 0,
  refused TEXT                   -- what the bureau says against it, while it does
) STRICT;

-- Closed for another class before anybody came: this one may be opened again.
ALTER TABLE session ADD COLUMN unused INTEGER NOT NULL DEFAULT 0;
