-- The log of a shard becomes ranges of positions, one for each period, that can be archived and
-- dropped. What a shard has now is its first range, and the next begins behind it. Each is read once
-- to prove that it is what it is said to be: with a long log this takes a while, and nothing is
-- appended meanwhile.

DO $$
DECLARE
    part text;
    next_first bigint;
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
        EXECUTE format('SELECT coalesce(max(position), 0) + 1 FROM %I', part || '_1')
           INTO next_first;
        EXECUTE format(
            'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)',
            part, part || '_1', CASE next_first WHEN 1 THEN 'MAXVALUE' ELSE next_first::text END);
        IF next_first > 1 THEN
            EXECUTE format(
                'CREATE TABLE %I (LIKE events INCLUDING ALL, UNIQUE (shard, room, seq))',
                part || '_' || next_first);
            EXECUTE format(
                'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (MAXVALUE)',
                part, part || '_' || next_first, next_first);
        END IF;
        EXECUTE format(
            'ALTER TABLE events ATTACH PARTITION %I FOR VALUES IN (%s)',
            part, substr(part, length('events_') + 1));
    END LOOP;
END $$;
