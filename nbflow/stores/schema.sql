-- The tables of an nbflow store, version 2. Names and columns are public: people query them.
-- Times are UTC. Payloads are JSON text in VARCHAR: `payload->>'sku'` reads them, and a commit doesn't parse them again.
-- There are no primary keys and indexes on purpose: docs/decisions/0003-duckdb-store-layout.md.

CREATE TABLE meta (
    schema_version INTEGER NOT NULL,
    store_id VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    created_by VARCHAR NOT NULL,
    lsn BIGINT NOT NULL
);
COMMENT ON TABLE meta IS 'One row: what this file is';
COMMENT ON COLUMN meta.schema_version IS 'Version of these tables; nbflow migrates older ones when it opens them';
COMMENT ON COLUMN meta.store_id IS 'UUID, made when the store was created';
COMMENT ON COLUMN meta.created_at IS 'When the store was created (UTC)';
COMMENT ON COLUMN meta.created_by IS 'The nbflow version that created it';
COMMENT ON COLUMN meta.lsn IS 'Number of an operation that left no row; the newest number is the highest lsn of all tables';

CREATE TABLE instances (
    iid BIGINT NOT NULL,
    instance_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    execution_id VARCHAR NOT NULL,
    generation INTEGER NOT NULL,
    status VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    last_updated_at TIMESTAMP NOT NULL,
    start_at TIMESTAMP,
    input VARCHAR NOT NULL,
    output VARCHAR,
    custom_status VARCHAR,
    failure VARCHAR,
    stall VARCHAR,
    definition VARCHAR NOT NULL,
    parent_instance_id VARCHAR,
    parent_execution_id VARCHAR,
    parent_scheduled_id BIGINT,
    origin VARCHAR,
    lsn BIGINT NOT NULL,
    seal BLOB
);
COMMENT ON TABLE instances IS 'One row an instance: how it stands now';
COMMENT ON COLUMN instances.iid IS 'Number of the instance in this store, rising; history refers to it';
COMMENT ON COLUMN instances.instance_id IS 'The ID that its owner gave';
COMMENT ON COLUMN instances.name IS 'Name of the workflow';
COMMENT ON COLUMN instances.execution_id IS 'The present execution; older ones are in the view runs';
COMMENT ON COLUMN instances.generation IS 'How many times it has continued as new';
COMMENT ON COLUMN instances.status IS 'PENDING, RUNNING, SUSPENDED, STALLED, COMPLETED, FAILED or TERMINATED';
COMMENT ON COLUMN instances.created_at IS 'When it was started (UTC)';
COMMENT ON COLUMN instances.last_updated_at IS 'When this row last changed (UTC)';
COMMENT ON COLUMN instances.start_at IS 'When it is to begin, if that was put off (UTC)';
COMMENT ON COLUMN instances.input IS 'JSON text';
COMMENT ON COLUMN instances.output IS 'JSON text, once it has ended';
COMMENT ON COLUMN instances.custom_status IS 'JSON text that the workflow published';
COMMENT ON COLUMN instances.failure IS 'Why it failed: JSON with type, message, stack_trace, frames, cause';
COMMENT ON COLUMN instances.stall IS 'Why it waits for its owner: JSON with reason, message, and the place in the code';
COMMENT ON COLUMN instances.definition IS 'Hash of the code that it runs; see definitions.code_hash';
COMMENT ON COLUMN instances.parent_instance_id IS 'The instance whose child it is';
COMMENT ON COLUMN instances.parent_execution_id IS 'That instance''s execution';
COMMENT ON COLUMN instances.parent_scheduled_id IS 'The event there that started it';
COMMENT ON COLUMN instances.origin IS 'Which run it was forked from, or taken back from: JSON with reason, instance_id, execution_id, seq';
COMMENT ON COLUMN instances.lsn IS 'Number of the operation that wrote this row last';
COMMENT ON COLUMN instances.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';

CREATE TABLE history (
    iid BIGINT NOT NULL,
    instance_id VARCHAR NOT NULL,
    execution_id VARCHAR NOT NULL,
    seq BIGINT NOT NULL,
    happened_at TIMESTAMP NOT NULL,
    kind VARCHAR NOT NULL,
    name VARCHAR,
    scheduled_id BIGINT,
    payload VARCHAR,
    data VARCHAR NOT NULL,
    format INTEGER NOT NULL,
    lsn BIGINT NOT NULL,
    seal BLOB
);
COMMENT ON TABLE history IS 'What happened, one row an event; append-only until the instance is purged';
COMMENT ON COLUMN history.iid IS 'Number of the instance; rows of one instance lie close together';
COMMENT ON COLUMN history.instance_id IS 'The instance';
COMMENT ON COLUMN history.execution_id IS 'The execution';
COMMENT ON COLUMN history.seq IS 'Position in the execution''s history, from 1';
COMMENT ON COLUMN history.happened_at IS 'When it happened (UTC)';
COMMENT ON COLUMN history.kind IS 'TaskScheduled, TaskCompleted, TimerFired, …';
COMMENT ON COLUMN history.name IS 'Name of the activity, workflow, event or marker';
COMMENT ON COLUMN history.scheduled_id IS 'The id that the event has (scheduling events) or names (results)';
COMMENT ON COLUMN history.payload IS 'Input, result, output or event payload: JSON text';
COMMENT ON COLUMN history.data IS 'Everything else about the event: a JSON object';
COMMENT ON COLUMN history.format IS 'Format of the row';
COMMENT ON COLUMN history.lsn IS 'Number of the operation that wrote the row';
COMMENT ON COLUMN history.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';

CREATE TABLE inbox (
    row_id BIGINT NOT NULL,
    instance_id VARCHAR NOT NULL,
    execution_id VARCHAR,
    due TIMESTAMP,
    happened_at TIMESTAMP NOT NULL,
    kind VARCHAR NOT NULL,
    name VARCHAR,
    scheduled_id BIGINT,
    payload VARCHAR,
    data VARCHAR NOT NULL,
    format INTEGER NOT NULL,
    lsn BIGINT NOT NULL,
    seal BLOB
);
COMMENT ON TABLE inbox IS 'Messages that instances have not consumed yet; a row leaves when a turn takes it';
COMMENT ON COLUMN inbox.row_id IS 'Order of delivery';
COMMENT ON COLUMN inbox.instance_id IS 'Whom it is for';
COMMENT ON COLUMN inbox.execution_id IS 'The execution it is for; NULL: whichever runs';
COMMENT ON COLUMN inbox.due IS 'When it may be delivered, such as a waiting timer (UTC); NULL: at once';
COMMENT ON COLUMN inbox.happened_at IS 'When it happened, or will: the time of the event (UTC)';
COMMENT ON COLUMN inbox.kind IS 'ExecutionStarted, TaskCompleted, TimerFired, EventRaised, …';
COMMENT ON COLUMN inbox.name IS 'Name of the workflow or event';
COMMENT ON COLUMN inbox.scheduled_id IS 'The scheduling event that it answers';
COMMENT ON COLUMN inbox.payload IS 'Input, result or event payload: JSON text';
COMMENT ON COLUMN inbox.data IS 'Everything else about the event: a JSON object';
COMMENT ON COLUMN inbox.format IS 'Format of the row';
COMMENT ON COLUMN inbox.lsn IS 'Number of the operation that wrote the row';
COMMENT ON COLUMN inbox.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';

CREATE TABLE definitions (
    kind VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    code_hash VARCHAR NOT NULL,
    source_hash VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    parameters VARCHAR NOT NULL,
    created_at TIMESTAMP NOT NULL,
    pin VARCHAR NOT NULL,
    lsn BIGINT NOT NULL,
    seal BLOB
);
COMMENT ON TABLE definitions IS 'Every version of workflow and activity code that was registered';
COMMENT ON COLUMN definitions.kind IS 'workflow or activity';
COMMENT ON COLUMN definitions.name IS 'The registered name';
COMMENT ON COLUMN definitions.code_hash IS 'Hash of what the code means: comments and layout don''t count';
COMMENT ON COLUMN definitions.source_hash IS 'Hash of the text';
COMMENT ON COLUMN definitions.source IS 'The text as its author wrote it';
COMMENT ON COLUMN definitions.parameters IS 'The signature as text';
COMMENT ON COLUMN definitions.created_at IS 'When this version was first registered (UTC)';
COMMENT ON COLUMN definitions.pin IS 'The code with all that it uses, as JSON; empty: it can''t be made without its cell';
COMMENT ON COLUMN definitions.lsn IS 'Number of the operation that added the row';
COMMENT ON COLUMN definitions.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';
