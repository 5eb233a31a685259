DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE EXCEPTION 'the database must have the encoding UTF8: what is hashed is UTF-8';
    END IF;
END $$;

CREATE TABLE log_meta (
    shard integer PRIMARY KEY,
    log_id text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

-- The fence: whoever appends shares a lock on this row, and a new owner changes the epoch.
CREATE TABLE shard_lease (
    shard integer PRIMARY KEY,
    owner text NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    alive_at timestamptz
);

-- `event` and `result` are json and not jsonb, which would not keep the bytes that are hashed.
-- `at` is milliseconds since 1970. The primary key is the second fence.
CREATE TABLE events (
    shard integer NOT NULL,
    position bigint NOT NULL,
    room text NOT NULL,
    seq bigint NOT NULL,
    at bigint NOT NULL,
    actor text NOT NULL,
    event json NOT NULL,
    hash text NOT NULL,
    command_id text NOT NULL,
    command_hash text NOT NULL,
    result json,
    PRIMARY KEY (shard, position),
    UNIQUE (shard, room, seq)
) PARTITION BY LIST (shard);

CREATE TABLE snapshots (
    shard integer NOT NULL,
    position bigint NOT NULL,
    data bytea NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, position)
);

-- For people. The type is found by pattern, for `->>` fails on an event where any text holds \u0000.
CREATE VIEW event_log AS
SELECT shard, position, room, seq, to_timestamp(at / 1000.0) AS at, actor,
       substring(event::text FROM '"event":"([^"]*)"') AS type, event, command_id, result, hash
FROM events;
