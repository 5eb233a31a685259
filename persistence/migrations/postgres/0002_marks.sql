-- How far something beside the log has come with it, such as letters that were sent.

CREATE TABLE marks (
    shard integer NOT NULL,
    name text NOT NULL,
    position bigint NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shard, name)
);
