-- What Portcullis adds to MLflow's database: the gatekeeper's evidence, and functions for triggers.
-- Run by the owner role. Each function runs as its owner and finds nothing by the caller's search path.
-- `tasks/registry_database/checking.py` compares the bodies with this file.
--
-- A refusal has SQLSTATE 42501, as PostgreSQL's own: one rule for alerts finds both. Its text holds no value.

CREATE TABLE IF NOT EXISTS portcullis.names (
    name varchar(256) CONSTRAINT names_pkey PRIMARY KEY,
    use_case text NOT NULL CONSTRAINT names_use_case_check CHECK (use_case <> ''),
    log_origin text NOT NULL CONSTRAINT names_log_origin_check CHECK (log_origin <> ''),
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    claimed_by name NOT NULL DEFAULT session_user,
    CONSTRAINT names_owner_key UNIQUE (name, use_case, log_origin)
);

-- A decision that lets a model in: as a new version, or (`version`) once more as one that is there.
CREATE TABLE IF NOT EXISTS portcullis.evidence (
    evidence_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT evidence_pkey PRIMARY KEY,
    name varchar(256) NOT NULL,
    use_case text NOT NULL,
    log_origin text NOT NULL,
    log_entry bigint NOT NULL CONSTRAINT evidence_log_entry_check CHECK (log_entry >= 0),
    run_id varchar(32) NOT NULL,
    source varchar(500) NOT NULL CONSTRAINT evidence_source_check CHECK (source <> ''),
    model_sha256 text NOT NULL CONSTRAINT evidence_model_check CHECK (model_sha256 ~ '^[0-9a-f]{64}$'),
    decision_sha256 text NOT NULL CONSTRAINT evidence_decision_check CHECK (decision_sha256 ~ '^[0-9a-f]{64}$'),
    alias varchar(256) NOT NULL,
    tags jsonb NOT NULL CONSTRAINT evidence_tags_check CHECK (jsonb_typeof(tags) = 'object'),
    version integer,
    valid_until timestamptz NOT NULL,
    admitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    admitted_by name NOT NULL DEFAULT session_user,
    CONSTRAINT evidence_name_fkey FOREIGN KEY (name, use_case, log_origin)
        REFERENCES portcullis.names (name, use_case, log_origin),
    CONSTRAINT evidence_validity_check CHECK (valid_until <= admitted_at + interval '1 day')
);
CREATE INDEX IF NOT EXISTS evidence_name_index ON portcullis.evidence (name, evidence_id);

-- Which evidence a version was made of. The trigger alone writes here.
CREATE TABLE IF NOT EXISTS portcullis.versions (
    evidence_id bigint CONSTRAINT versions_pkey PRIMARY KEY
        CONSTRAINT versions_evidence_fkey REFERENCES portcullis.evidence,
    name varchar(256) NOT NULL,
    version integer NOT NULL,
    run_id varchar(32) NOT NULL,
    source varchar(500) NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by name NOT NULL DEFAULT session_user,
    CONSTRAINT versions_version_key UNIQUE (name, version),
    CONSTRAINT versions_source_key UNIQUE (name, run_id, source)
);
CREATE INDEX IF NOT EXISTS versions_run_index ON portcullis.versions (run_id);

-- A second person's approval of an alias; the newest one of an alias counts.
CREATE TABLE IF NOT EXISTS portcullis.approvals (
    approval_id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT approvals_pkey PRIMARY KEY,
    name varchar(256) NOT NULL,
    version integer NOT NULL,
    alias varchar(256) NOT NULL,
    requested_by text NOT NULL CONSTRAINT approvals_requested_check CHECK (btrim(requested_by) <> ''),
    approved_by text NOT NULL CONSTRAINT approvals_approved_check CHECK (btrim(approved_by) <> ''),
    log_entry bigint NOT NULL CONSTRAINT approvals_log_entry_check CHECK (log_entry >= 0),
    valid_until timestamptz NOT NULL,
    admitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    admitted_by name NOT NULL DEFAULT session_user,
    CONSTRAINT approvals_version_fkey FOREIGN KEY (name, version)
        REFERENCES portcullis.versions (name, version),
    CONSTRAINT approvals_person_check CHECK (lower(btrim(approved_by)) <> lower(btrim(requested_by))),
    CONSTRAINT approvals_validity_check CHECK (valid_until <= admitted_at + interval '1 day')
);
CREATE INDEX IF NOT EXISTS approvals_alias_index ON portcullis.approvals (name, alias, approval_id);

-- A version that may be deleted, as MLflow deletes it: the row stays, without its source.
CREATE TABLE IF NOT EXISTS portcullis.withdrawals (
    name varchar(256) NOT NULL,
    version integer NOT NULL,
    log_entry bigint NOT NULL CONSTRAINT withdrawals_log_entry_check CHECK (log_entry >= 0),
    admitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    admitted_by name NOT NULL DEFAULT session_user,
    CONSTRAINT withdrawals_pkey PRIMARY KEY (name, version)
);

-- Versions of a time before there was evidence. The first installation alone writes here.
CREATE TABLE IF NOT EXISTS portcullis.inherited (
    name varchar(256) NOT NULL,
    version integer NOT NULL,
    CONSTRAINT inherited_pkey PRIMARY KEY (name, version)
);

-- Aliases by which models are served, in lower case.
CREATE TABLE IF NOT EXISTS portcullis.serving_aliases (
    alias varchar(256) CONSTRAINT serving_aliases_pkey PRIMARY KEY
        CONSTRAINT serving_aliases_check CHECK (alias = lower(alias))
);

CREATE OR REPLACE FUNCTION portcullis.refuse(reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'portcullis: ' || reason;
END
$portcullis$;

-- A migration of MLflow's own, which the installer runs as the owner.
CREATE OR REPLACE FUNCTION portcullis.is_migrating() RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    RETURN current_setting('portcullis.migrating', true) = 'on'
        AND pg_has_role(session_user, 'portcullis_owner', 'MEMBER');
END
$portcullis$;

-- An older snapshot would not see what was closed, used or withdrawn since.
CREATE OR REPLACE FUNCTION portcullis.require_current_snapshot() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM portcullis.refuse('the registry is written to in READ COMMITTED');
    END IF;
END
$portcullis$;

CREATE OR REPLACE FUNCTION portcullis.refuse_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    IF NOT (portcullis.is_migrating() AND TG_TABLE_SCHEMA = 'public') THEN
        PERFORM portcullis.refuse('rows of ' || TG_TABLE_NAME || ' stay as they are');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$portcullis$;

CREATE OR REPLACE FUNCTION portcullis.check_evidence() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    PERFORM portcullis.require_current_snapshot();
    IF NEW.version IS NULL THEN
        RETURN NEW;
    END IF;
    -- The same model once more: whatever else the new decision is about, its bytes are the version's.
    PERFORM 1 FROM portcullis.versions AS made JOIN portcullis.evidence AS first USING (evidence_id)
        WHERE made.name = NEW.name AND made.version = NEW.version
        AND first.model_sha256 = NEW.model_sha256 AND first.run_id = NEW.run_id
        AND first.source = NEW.source;
    IF NOT FOUND THEN
        PERFORM portcullis.refuse('no such version was made of this model');
    END IF;
    RETURN NEW;
END
$portcullis$;

CREATE OR REPLACE FUNCTION portcullis.check_approval() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    PERFORM portcullis.require_current_snapshot();
    IF EXISTS (SELECT FROM portcullis.withdrawals
            WHERE name = NEW.name AND version = NEW.version) THEN
        PERFORM portcullis.refuse('the version was withdrawn');
    END IF;
    RETURN NEW;
END
$portcullis$;

-- registered_models: a name is the gatekeeper's to give, and stays.
CREATE OR REPLACE FUNCTION portcullis.guard_name() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
DECLARE
    free constant text[] := ARRAY['description', 'last_updated_time'];
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
            PERFORM portcullis.refuse('a registered model is not renamed or moved');
        END IF;
    ELSIF NEW.workspace <> 'default'
            OR NOT EXISTS (SELECT FROM portcullis.names WHERE name = NEW.name) THEN
        PERFORM portcullis.refuse('the gatekeeper gave this name to nobody');
    END IF;
    RETURN NEW;
END
$portcullis$;

-- model_versions, after the row is there: it uses up one row of evidence that is about exactly it.
CREATE OR REPLACE FUNCTION portcullis.make_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
DECLARE
    evidence bigint;
    newest integer;
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN NULL;
    END IF;
    PERFORM portcullis.require_current_snapshot();
    IF NEW.workspace <> 'default' OR NEW.current_stage <> 'None' OR NEW.status <> 'READY'
            OR NEW.storage_location IS DISTINCT FROM NEW.source THEN
        PERFORM portcullis.refuse('a version begins without a stage, and is loaded from its source');
    END IF;

    -- Nobody is writing to the run any more: `require_open_run` holds its row until it has written.
    PERFORM 1 FROM public.runs WHERE run_uuid = NEW.run_id
        AND status = 'FINISHED' AND lifecycle_stage = 'active' FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM portcullis.refuse('a version is made of a finished run');
    END IF;

    -- The lock makes two that want the same row take turns; the second one then finds it used.
    SELECT evidence_id INTO evidence FROM portcullis.evidence AS given
        WHERE given.name = NEW.name AND given.run_id = NEW.run_id AND given.source = NEW.source
        AND given.version IS NULL AND given.valid_until > clock_timestamp()
        ORDER BY evidence_id DESC LIMIT 1 FOR UPDATE;
    IF NOT FOUND OR EXISTS (SELECT FROM portcullis.versions WHERE evidence_id = evidence
            OR (name = NEW.name AND run_id = NEW.run_id AND source = NEW.source)) THEN
        PERFORM portcullis.refuse('no evidence for this version that is valid and unused');
    END IF;
    SELECT coalesce(max(version), 0) INTO newest FROM public.model_versions
        WHERE name = NEW.name AND workspace = NEW.workspace AND version <> NEW.version;
    IF NEW.version <> newest + 1 THEN
        PERFORM portcullis.refuse('versions are numbered one after the other');
    END IF;
    INSERT INTO portcullis.versions (evidence_id, name, version, run_id, source)
        VALUES (evidence, NEW.name, NEW.version, NEW.run_id, NEW.source);
    RETURN NULL;
END
$portcullis$;

-- model_versions: what a version is stays; one that was withdrawn is deleted as MLflow does it.
CREATE OR REPLACE FUNCTION portcullis.keep_version() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
DECLARE
    free text[] := ARRAY['description', 'last_updated_time'];
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN NEW;
    END IF;
    PERFORM portcullis.require_current_snapshot();
    IF NEW.current_stage = 'Deleted_Internal' AND NEW.source = 'REDACTED-SOURCE-PATH'
            AND NEW.run_id = 'REDACTED-RUN-ID' AND OLD.current_stage <> 'Deleted_Internal'
            AND EXISTS (SELECT FROM portcullis.withdrawals
                WHERE name = OLD.name AND version = OLD.version) THEN
        free := free || ARRAY['current_stage', 'source', 'run_id', 'run_link', 'user_id', 'status_message'];
    END IF;
    IF to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
        PERFORM portcullis.refuse('a version stays what it was when it was made');
    END IF;
    RETURN NEW;
END
$portcullis$;

-- Tags `portcullis.…` of a version say what the newest evidence about it says.
CREATE OR REPLACE FUNCTION portcullis.guard_version_tag() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
DECLARE
    known jsonb;
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP <> 'INSERT' AND lower(btrim(OLD.key)) LIKE 'portcullis.%'
            AND (TG_OP = 'DELETE' OR (NEW.key, NEW.name, NEW.version, NEW.workspace)
                IS DISTINCT FROM (OLD.key, OLD.name, OLD.version, OLD.workspace)) THEN
        PERFORM portcullis.refuse('a tag of evidence stays');
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF lower(btrim(NEW.key)) LIKE 'portcullis.%' THEN
        PERFORM portcullis.require_current_snapshot();
        SELECT given.tags INTO known FROM portcullis.versions AS made
            JOIN portcullis.evidence AS given ON given.evidence_id = made.evidence_id
                OR (given.name = made.name AND given.version = made.version)
            WHERE made.name = NEW.name AND made.version = NEW.version
            ORDER BY given.evidence_id DESC LIMIT 1;
        IF NEW.workspace <> 'default' OR known ->> NEW.key IS DISTINCT FROM NEW.value THEN
            PERFORM portcullis.refuse('a tag that no evidence gives');
        END IF;
    END IF;
    RETURN NEW;
END
$portcullis$;

-- Tags `portcullis.…` of a registered model say to which use case its name was given.
CREATE OR REPLACE FUNCTION portcullis.guard_name_tag() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF TG_OP <> 'INSERT' AND lower(btrim(OLD.key)) LIKE 'portcullis.%'
            AND (TG_OP = 'DELETE' OR (NEW.key, NEW.name, NEW.workspace)
                IS DISTINCT FROM (OLD.key, OLD.name, OLD.workspace)) THEN
        PERFORM portcullis.refuse('a tag of evidence stays');
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF lower(btrim(NEW.key)) LIKE 'portcullis.%' AND (NEW.workspace <> 'default' OR NOT EXISTS (
            SELECT FROM portcullis.names AS owned WHERE owned.name = NEW.name AND NEW.value = CASE NEW.key
                WHEN 'portcullis.use_case' THEN owned.use_case
                WHEN 'portcullis.log_origin' THEN owned.log_origin END)) THEN
        PERFORM portcullis.refuse('a tag that no evidence gives');
    END IF;
    RETURN NEW;
END
$portcullis$;

-- Aliases: the newest evidence about an alias names its version; one that serves needs an approval.
CREATE OR REPLACE FUNCTION portcullis.guard_alias() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
DECLARE
    allowed integer;
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN NULL;
    END IF;
    PERFORM portcullis.require_current_snapshot();
    IF TG_OP = 'UPDATE' AND (NEW.name, NEW.alias, NEW.workspace)
            IS DISTINCT FROM (OLD.name, OLD.alias, OLD.workspace) THEN
        PERFORM portcullis.refuse('an alias is not renamed');
    END IF;
    IF NEW.workspace <> 'default' OR EXISTS (SELECT FROM portcullis.withdrawals
            WHERE name = NEW.name AND version = NEW.version) THEN
        PERFORM portcullis.refuse('the version was withdrawn');
    END IF;

    IF NOT EXISTS (SELECT FROM portcullis.serving_aliases WHERE alias = lower(NEW.alias)) THEN
        SELECT made.version INTO allowed FROM portcullis.versions AS made
            JOIN portcullis.evidence AS given ON given.evidence_id = made.evidence_id
                OR (given.name = made.name AND given.version = made.version)
            WHERE given.name = NEW.name AND given.alias = NEW.alias
            ORDER BY given.evidence_id DESC LIMIT 1;
    END IF;
    IF allowed IS DISTINCT FROM NEW.version THEN
        SELECT CASE WHEN valid_until > clock_timestamp() THEN version END INTO allowed
            FROM portcullis.approvals WHERE name = NEW.name AND alias = NEW.alias
            ORDER BY approval_id DESC LIMIT 1;
    END IF;
    IF allowed IS DISTINCT FROM NEW.version THEN
        PERFORM portcullis.refuse('neither evidence nor an approval gives this alias to the version');
    END IF;
    RETURN NULL;
END
$portcullis$;

CREATE OR REPLACE FUNCTION portcullis.keep_serving_alias() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    IF NOT portcullis.is_migrating()
            AND EXISTS (SELECT FROM portcullis.serving_aliases WHERE alias = lower(OLD.alias))
            AND NOT EXISTS (SELECT FROM portcullis.withdrawals
                WHERE name = OLD.name AND version = OLD.version) THEN
        PERFORM portcullis.refuse('the alias of a model that serves is moved, not deleted');
    END IF;
    RETURN OLD;
END
$portcullis$;

-- The arguments name the columns that may hold a run's id. Whoever owns the tables erases people there.
CREATE OR REPLACE FUNCTION portcullis.require_open_run() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
DECLARE
    before constant jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    behind constant jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    field text;
    run_ids text[] := '{}';
BEGIN
    FOREACH field IN ARRAY TG_ARGV LOOP
        IF field = 'model_id' THEN
            run_ids := run_ids || ARRAY(SELECT source_run_id::text FROM public.logged_models
                WHERE model_id IN (before ->> field, behind ->> field));
        ELSE
            run_ids := run_ids || ARRAY[before ->> field, behind ->> field];
        END IF;
    END LOOP;

    -- Held until the transaction ends, so that no version is made of the run in between.
    PERFORM 1 FROM public.runs WHERE run_uuid = ANY (run_ids) FOR KEY SHARE;
    -- Not by `require_current_snapshot`: this runs for each metric, and a call costs as much as the rest.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM portcullis.refuse('the registry is written to in READ COMMITTED');
    END IF;
    IF EXISTS (SELECT FROM portcullis.versions WHERE run_id = ANY (run_ids))
            AND NOT pg_has_role(session_user, 'portcullis_owner', 'MEMBER') THEN
        PERFORM portcullis.refuse('a version was made of this run: it is closed');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$portcullis$;

CREATE OR REPLACE FUNCTION portcullis.guard_experiment() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $portcullis$
BEGIN
    IF portcullis.is_migrating() THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    -- MLflow makes an experiment first, and gives it its place once it has a number.
    IF TG_OP = 'UPDATE' AND coalesce(OLD.artifact_location, '') <> ''
            AND NEW.artifact_location IS DISTINCT FROM OLD.artifact_location THEN
        PERFORM portcullis.refuse('the artifacts of an experiment stay where they are');
    END IF;
    PERFORM portcullis.require_current_snapshot();
    IF (TG_OP = 'DELETE' OR (NEW.name, NEW.lifecycle_stage, NEW.workspace)
                IS DISTINCT FROM (OLD.name, OLD.lifecycle_stage, OLD.workspace))
            AND EXISTS (SELECT FROM portcullis.versions AS made JOIN public.runs AS run
                ON run.run_uuid = made.run_id WHERE run.experiment_id = OLD.experiment_id) THEN
        PERFORM portcullis.refuse('a version was made of a run of this experiment: it is closed');
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$portcullis$;
