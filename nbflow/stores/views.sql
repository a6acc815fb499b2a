-- Views for people over the tables of schema.sql. They hold nothing, so that a migration makes them anew.

CREATE OR REPLACE VIEW runs AS
WITH told AS (
    SELECT
        iid, instance_id, execution_id, count(*) AS events, min(lsn) AS born,
        min(happened_at) FILTER (kind = 'ExecutionStarted') AS started_at,
        any_value(name) FILTER (kind = 'ExecutionStarted') AS name,
        any_value(payload) FILTER (kind = 'ExecutionStarted') AS input,
        any_value(CAST(data->>'generation' AS INTEGER)) FILTER (kind = 'ExecutionStarted') AS generation,
        arg_max({'kind': kind, 'at': happened_at, 'payload': payload, 'data': data}, seq)
            FILTER (kind IN ('ExecutionCompleted', 'ExecutionTerminated', 'ContinuedAsNew')) AS ending
    FROM history GROUP BY iid, instance_id, execution_id
    UNION ALL
    SELECT i.iid, i.instance_id, i.execution_id, 0, NULL, NULL, i.name, i.input, i.generation, NULL
    FROM instances AS i ANTI JOIN history AS h ON h.iid = i.iid AND h.execution_id = i.execution_id
)
SELECT
    t.instance_id AS instance,
    coalesce(i.name, t.name) AS name,
    coalesce(i.generation, t.generation) AS generation,
    CASE
        WHEN i.iid IS NOT NULL THEN i.status
        WHEN t.ending.kind = 'ContinuedAsNew' THEN 'CONTINUED_AS_NEW'
        WHEN t.ending.kind = 'ExecutionTerminated' THEN 'TERMINATED'
        ELSE t.ending.data->>'status'
    END AS status,
    t.started_at,
    t.ending.at AS ended_at,
    t.ending.at - t.started_at AS duration,
    coalesce(i.input, t.input) AS input,
    CASE
        WHEN t.ending.kind = 'ExecutionTerminated' OR t.ending.data->>'status' = 'COMPLETED' THEN t.ending.payload
    END AS output,
    (t.ending.data->'failure'->>'type') || ': ' || (t.ending.data->'failure'->>'message') AS error,
    t.events,
    i.iid IS NOT NULL AS is_present,
    t.execution_id
FROM told AS t
LEFT JOIN instances AS i ON i.iid = t.iid AND i.execution_id = t.execution_id
ORDER BY t.iid, t.born NULLS LAST;
COMMENT ON VIEW runs IS 'Every execution, older ones too until their instance is purged';
COMMENT ON COLUMN runs.instance IS 'The instance''s ID';
COMMENT ON COLUMN runs.name IS 'Name of the workflow';
COMMENT ON COLUMN runs.generation IS 'How many times it had continued as new';
COMMENT ON COLUMN runs.status IS 'As in instances; for older executions how they ended, also CONTINUED_AS_NEW; NULL if history doesn''t say';
COMMENT ON COLUMN runs.started_at IS 'When the execution began (UTC); NULL: not yet';
COMMENT ON COLUMN runs.ended_at IS 'When it ended (UTC); NULL: not yet';
COMMENT ON COLUMN runs.duration IS 'From its beginning to its end';
COMMENT ON COLUMN runs.input IS 'JSON text';
COMMENT ON COLUMN runs.output IS 'JSON text';
COMMENT ON COLUMN runs.error IS 'Type and message of the failure';
COMMENT ON COLUMN runs.events IS 'How many history events it has';
COMMENT ON COLUMN runs.is_present IS 'Whether the instance is at this execution now';
COMMENT ON COLUMN runs.execution_id IS 'The execution';

CREATE OR REPLACE VIEW activities AS
WITH overdue AS (
    SELECT t.iid, t.execution_id, CAST(t.data->>'for_id' AS BIGINT) AS scheduled_id
    FROM history AS t
    SEMI JOIN history AS f
        ON f.kind = 'TimerFired' AND f.iid = t.iid AND f.execution_id = t.execution_id
        AND f.scheduled_id = t.scheduled_id
    WHERE t.kind = 'TimerCreated' AND t.data->>'purpose' = 'timeout'
)
SELECT
    s.instance_id AS instance,
    s.name,
    CAST(s.data->>'attempt' AS INTEGER) AS attempt,
    s.happened_at AS scheduled_at,
    CAST(r.data->>'started_at' AS TIMESTAMP) AS started_at,
    r.happened_at AS ended_at,
    r.happened_at - CAST(r.data->>'started_at' AS TIMESTAMP) AS duration,
    CASE r.kind
        WHEN 'TaskCompleted' THEN 'COMPLETED'
        WHEN 'TaskFailed' THEN 'FAILED'
        WHEN 'TaskCancelled' THEN CASE WHEN o.scheduled_id IS NULL THEN 'CANCELLED' ELSE 'TIMED_OUT' END
        ELSE CASE WHEN i.iid IS NULL THEN 'ABANDONED' ELSE 'PENDING' END
    END AS status,
    s.payload AS input,
    r.payload AS output,
    (r.data->'failure'->>'type') || ': ' || (r.data->'failure'->>'message') AS error,
    r.data->>'worker' AS worker,
    r.data->>'prints' AS prints,
    s.execution_id,
    CAST(s.data->>'task_id' AS BIGINT) AS task_id,
    s.scheduled_id,
    s.seq
FROM history AS s
LEFT JOIN history AS r
    ON r.iid = s.iid AND r.execution_id = s.execution_id AND r.scheduled_id = s.scheduled_id
    AND r.kind IN ('TaskCompleted', 'TaskFailed', 'TaskCancelled')
LEFT JOIN overdue AS o
    ON o.iid = s.iid AND o.execution_id = s.execution_id AND o.scheduled_id = s.scheduled_id
LEFT JOIN instances AS i
    ON i.iid = s.iid AND i.execution_id = s.execution_id
    AND i.status NOT IN ('COMPLETED', 'FAILED', 'TERMINATED')
WHERE s.kind = 'TaskScheduled'
ORDER BY s.lsn, s.seq;
COMMENT ON VIEW activities IS 'Every attempt of an activity';
COMMENT ON COLUMN activities.instance IS 'The instance''s ID';
COMMENT ON COLUMN activities.name IS 'Name of the activity';
COMMENT ON COLUMN activities.attempt IS 'Which attempt of the call this is, from 1';
COMMENT ON COLUMN activities.scheduled_at IS 'When the workflow asked for it (UTC)';
COMMENT ON COLUMN activities.started_at IS 'When a worker began it (UTC)';
COMMENT ON COLUMN activities.ended_at IS 'When it returned, raised, ran out of time or was cancelled (UTC)';
COMMENT ON COLUMN activities.duration IS 'From started_at to ended_at';
COMMENT ON COLUMN activities.status IS 'PENDING, COMPLETED, FAILED, TIMED_OUT, CANCELLED; ABANDONED: its run ended without it';
COMMENT ON COLUMN activities.input IS 'JSON text';
COMMENT ON COLUMN activities.output IS 'JSON text';
COMMENT ON COLUMN activities.error IS 'Type and message of the failure';
COMMENT ON COLUMN activities.worker IS 'Who ran it';
COMMENT ON COLUMN activities.prints IS 'What it printed';
COMMENT ON COLUMN activities.execution_id IS 'The execution';
COMMENT ON COLUMN activities.task_id IS 'The call: the same for each of its attempts';
COMMENT ON COLUMN activities.scheduled_id IS 'The attempt''s id in the execution';
COMMENT ON COLUMN activities.seq IS 'Position in history at which it was scheduled';

CREATE OR REPLACE VIEW timers AS
SELECT
    s.instance_id AS instance,
    s.data->>'purpose' AS purpose,
    s.happened_at AS created_at,
    CAST(s.data->>'fire_at' AS TIMESTAMP) AS fire_at,
    CASE r.kind WHEN 'TimerFired' THEN r.happened_at END AS fired_at,
    CASE r.kind
        WHEN 'TimerFired' THEN 'FIRED'
        WHEN 'TimerCancelled' THEN 'CANCELLED'
        ELSE CASE WHEN i.iid IS NULL THEN 'ABANDONED' ELSE 'WAITING' END
    END AS status,
    CAST(s.data->>'for_id' AS BIGINT) AS for_id,
    s.execution_id,
    s.scheduled_id,
    s.seq
FROM history AS s
LEFT JOIN history AS r
    ON r.iid = s.iid AND r.execution_id = s.execution_id AND r.scheduled_id = s.scheduled_id
    AND r.kind IN ('TimerFired', 'TimerCancelled')
LEFT JOIN instances AS i
    ON i.iid = s.iid AND i.execution_id = s.execution_id
    AND i.status NOT IN ('COMPLETED', 'FAILED', 'TERMINATED')
WHERE s.kind = 'TimerCreated'
ORDER BY s.lsn, s.seq;
COMMENT ON VIEW timers IS 'Every durable timer';
COMMENT ON COLUMN timers.instance IS 'The instance''s ID';
COMMENT ON COLUMN timers.purpose IS 'timer (the author''s), retry or timeout';
COMMENT ON COLUMN timers.created_at IS 'When it was set (UTC)';
COMMENT ON COLUMN timers.fire_at IS 'When it is to fire (UTC)';
COMMENT ON COLUMN timers.fired_at IS 'When it fired (UTC)';
COMMENT ON COLUMN timers.status IS 'WAITING, FIRED, CANCELLED; ABANDONED: its run ended without it';
COMMENT ON COLUMN timers.for_id IS 'The activity attempt that it serves, for retry and timeout';
COMMENT ON COLUMN timers.execution_id IS 'The execution';
COMMENT ON COLUMN timers.scheduled_id IS 'The timer''s id in the execution';
COMMENT ON COLUMN timers.seq IS 'Position in history at which it was set';

CREATE OR REPLACE VIEW events AS
SELECT
    e.instance_id AS instance,
    coalesce(e.name, w.name) AS name,
    CASE e.kind
        WHEN 'EventWaitCreated' THEN 'AWAITED'
        WHEN 'EventRaised' THEN 'RAISED'
        WHEN 'EventRejected' THEN 'REJECTED'
        WHEN 'EventWaitCancelled' THEN 'WAIT_ENDED'
        WHEN 'EventSent' THEN 'SENT'
    END AS what,
    e.happened_at,
    e.payload,
    e.data->>'reason' AS reason,
    e.data->>'schema' AS json_schema,
    e.data->>'instance_id' AS target,
    e.execution_id,
    e.scheduled_id,
    e.seq
FROM history AS e
LEFT JOIN history AS w
    ON e.kind = 'EventWaitCancelled' AND w.kind = 'EventWaitCreated'
    AND w.iid = e.iid AND w.execution_id = e.execution_id AND w.scheduled_id = e.scheduled_id
WHERE e.kind IN ('EventWaitCreated', 'EventRaised', 'EventRejected', 'EventWaitCancelled', 'EventSent')
ORDER BY e.lsn, e.seq;
COMMENT ON VIEW events IS 'What happened with external events, in order';
COMMENT ON COLUMN events.instance IS 'The instance''s ID';
COMMENT ON COLUMN events.name IS 'Name of the event; case doesn''t count';
COMMENT ON COLUMN events.what IS 'AWAITED, RAISED, REJECTED, WAIT_ENDED (time up or cancelled) or SENT';
COMMENT ON COLUMN events.happened_at IS 'When (UTC)';
COMMENT ON COLUMN events.payload IS 'JSON text, for RAISED and SENT';
COMMENT ON COLUMN events.reason IS 'Why it was rejected';
COMMENT ON COLUMN events.json_schema IS 'What the wait expects, if that was declared';
COMMENT ON COLUMN events.target IS 'The instance that it was sent to';
COMMENT ON COLUMN events.execution_id IS 'The execution';
COMMENT ON COLUMN events.scheduled_id IS 'The wait''s id in the execution';
COMMENT ON COLUMN events.seq IS 'Position in history';
