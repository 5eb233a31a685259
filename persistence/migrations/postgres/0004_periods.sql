-- The log of a shard becomes ranges of positions, one for each period, that can be archived and
-- dropped. What a shard has now is its first range. Each range is read once to prove that it is
-- the shard's own: with a long log this takes a while, and nothing is appended meanwhile.

DO $$
DECLARE
    part text;
    parts text[] := ARRAY(
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'events'::regclass
    );
BEGIN
    FOREACH part IN ARRAY parts LOOP
        EXECUTE format('ALTER TABLE events DETACH PARTITION %I', part);
    END LOOP;
    -- Postgres can hold no constraint over several ranges without their position in it. Each range
    -- keeps its own; across them the positions are the fence, and `outcry verify` the proof.
    ALTER TABLE events DROP CONSTRAINT events_shard_room_seq_key;
    FOREACH part IN ARRAY parts LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', part, part || '_1');
        EXECUTE format(
            'CREATE TABLE %I (LIKE events INCLUDING ALL) PARTITION BY RANGE (position)', part);
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (MAXVALUE)',
            part, part || '_1');
        EXECUTE format(
            'ALTER TABLE events ATTACH PARTITION %I FOR VALUES IN (%s)',
            part, substr(part, length('events_') + 1));
    END LOOP;
END $$;
