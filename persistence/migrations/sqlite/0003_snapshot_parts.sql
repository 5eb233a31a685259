-- The beginning of a large snapshot, in order; its end is in `snapshots`.

CREATE TABLE snapshot_parts (
    position INTEGER NOT NULL,
    part INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (position, part)
);
