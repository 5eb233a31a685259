-- One file is one shard. Moments are milliseconds since 1970.

CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    log_id TEXT NOT NULL
);

CREATE TABLE lease (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    owner TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    alive_at INTEGER
);

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    event TEXT NOT NULL,
    hash TEXT NOT NULL,
    command_id TEXT NOT NULL,
    command_hash TEXT NOT NULL,
    result TEXT,
    UNIQUE (room, seq)
);

CREATE TABLE snapshots (
    position INTEGER PRIMARY KEY,
    data BLOB NOT NULL,
    saved_at INTEGER NOT NULL
);

-- For people.
CREATE VIEW event_log AS
SELECT position, room, seq, strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch') AS at, actor,
       json_extract(event, '$.event') AS type, event, command_id, result, hash
FROM events;
