-- From version 1 to version 2. What was written before has no seal: its owner says once that it is theirs.
ALTER TABLE instances ADD COLUMN IF NOT EXISTS origin VARCHAR;
ALTER TABLE instances ADD COLUMN IF NOT EXISTS seal BLOB;
ALTER TABLE history ADD COLUMN IF NOT EXISTS seal BLOB;
ALTER TABLE inbox ADD COLUMN IF NOT EXISTS seal BLOB;
ALTER TABLE definitions ADD COLUMN IF NOT EXISTS seal BLOB;
ALTER TABLE definitions DROP COLUMN IF EXISTS signature;
ALTER TABLE definitions ADD COLUMN IF NOT EXISTS pin VARCHAR DEFAULT '';
ALTER TABLE definitions ALTER COLUMN pin SET NOT NULL;
COMMENT ON COLUMN instances.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';
COMMENT ON COLUMN history.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';
COMMENT ON COLUMN inbox.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';
COMMENT ON COLUMN definitions.seal IS 'Signed with the owner''s key, over all other columns; NULL: by nobody';
COMMENT ON COLUMN definitions.pin IS 'The code with all that it uses, as JSON; empty: it can''t be made without its cell';
COMMENT ON COLUMN instances.origin IS 'Which run it was forked from, or taken back from: JSON with reason, instance_id, execution_id, seq';
