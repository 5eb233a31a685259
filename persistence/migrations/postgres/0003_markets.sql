-- Who is to own which shard. Who does own it is a matter of `shard_lease` alone.

CREATE TABLE markets (
    name text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
    shard integer NOT NULL UNIQUE CHECK (shard >= 0),
    writer text NOT NULL DEFAULT '',
    standby text NOT NULL DEFAULT '',
    moved_at timestamptz NOT NULL DEFAULT 'epoch',
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO markets (name, shard) VALUES ('main', 0);

-- `load` is market -> commands a second; `ready` are the markets that are followed without a lag.
CREATE TABLE writers (
    name text PRIMARY KEY,
    session text NOT NULL,
    address text NOT NULL,
    seen_at timestamptz NOT NULL,
    load jsonb NOT NULL,
    ready text[] NOT NULL,
    draining boolean NOT NULL DEFAULT false
);

-- One row. The leader alone writes `markets.writer` and `markets.standby`; the epoch is its fence.
CREATE TABLE leader (
    id integer PRIMARY KEY CHECK (id = 0),
    name text NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0,
    until timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO leader (id) VALUES (0);

-- One row, written once: shards have numbers below this one, for ever.
CREATE TABLE shard_numbers (
    id integer PRIMARY KEY CHECK (id = 0),
    shards_max integer NOT NULL CHECK (shards_max > 0)
);
