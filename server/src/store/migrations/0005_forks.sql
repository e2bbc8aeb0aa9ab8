-- A fork that came after the device had ended accuses whoever holds it then, not the site that it was taken from.
ALTER TABLE fork ADD COLUMN after_end INTEGER NOT NULL DEFAULT 0;
