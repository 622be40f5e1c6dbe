"""Triggers that write every change of users, rights and configuration to the audit log (O-3).

Whatever changes a row is recorded, a `psql` session too: before and after from the database, who,
from where and why from the context that django-pghistory puts in front of each statement. The
projected tables have no triggers (A-7): they change by commands alone, which are recorded where
they are sent. The triggers are made after each `migrate`, so that they always are as this list.
"""

import hashlib
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection, transaction

FUNCTION = "exchange_audit_row"


class Audited(NamedTuple):
    """A table: what its rows are called, which columns name one, which do not count, which are secret."""

    table: str
    kind: str
    names: str
    ignored: str = ""
    secret: str = ""


TABLES = (
    Audited("accounts_user", "user", "username", "last_login", "password"),
    Audited("accounts_user_groups", "user group", "user_id group_id"),
    Audited("accounts_user_user_permissions", "user permission", "user_id permission_id"),
    Audited("accounts_authtoken", "token", "token_key name", "last_used", "digest"),
    Audited("accounts_venuesetting", "setting", "venue name", "updated_at"),
    Audited("accounts_moneyrequest", "money request", "id account_id"),
    Audited("trading_delistingrequest", "delisting request", "venue symbol"),
    Audited("accounts_bank", "bank", "bank_id"),
    Audited("accounts_bankaccount", "signed bank account", "account_id number", "failures locked_until",
            "password"),
    Audited("accounts_fundpassword", "fund password", "account_id", "failures locked_until", "password"),
    Audited("accounts_announcement", "announcement", "title"),
    Audited("auth_group", "group", "name"),
    Audited("auth_group_permissions", "group permission", "group_id permission_id"),
    Audited("marketdata_feedconnection", "feed connection", "venue connection_id", "",
            "password_cipher auth_code_cipher"),
    Audited("settlement_contest", "contest", "id"),
    Audited("django_celery_beat_periodictask", "schedule", "name",
            "last_run_at total_run_count date_changed"),
    Audited("django_celery_beat_crontabschedule", "schedule", "id"),
    Audited("django_celery_beat_intervalschedule", "schedule", "id"),
)  # fmt: skip

BODY = f"""
CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
    ignored text[] := string_to_array(TG_ARGV[2], ' ');
    who jsonb := coalesce(nullif(current_setting('pghistory.context_metadata', true), ''), '{{}}')::jsonb;
    old_row jsonb;
    new_row jsonb;
    one jsonb;
    name text;
    target text := '';
BEGIN
    IF TG_OP <> 'INSERT' THEN old_row := to_jsonb(OLD) - ignored; END IF;
    IF TG_OP <> 'DELETE' THEN new_row := to_jsonb(NEW) - ignored; END IF;
    one := coalesce(new_row, old_row);
    FOREACH name IN ARRAY string_to_array(TG_ARGV[1], ' ') LOOP
        target := concat_ws(' ', nullif(target, ''), one ->> name);
    END LOOP;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key)
            INTO old_row, new_row
            FROM jsonb_each(old_row) o WHERE o.value IS DISTINCT FROM new_row -> o.key;
        IF old_row IS NULL THEN RETURN NULL; END IF;
    END IF;
    FOREACH name IN ARRAY string_to_array(TG_ARGV[3], ' ') LOOP
        IF old_row ? name THEN old_row := jsonb_set(old_row, ARRAY[name], '"***"'); END IF;
        IF new_row ? name THEN new_row := jsonb_set(new_row, ARRAY[name], '"***"'); END IF;
    END LOOP;
    INSERT INTO trading_auditlog
        (at, venue, user_id, username, address, action, target_type, target, before, after, reason, code,
         command_id)
    VALUES
        (clock_timestamp(), coalesce(one ->> 'venue', ''), left(coalesce(who ->> 'user', ''), 32),
         left(coalesce(who ->> 'username', 'database ' || session_user), 150),
         nullif(who ->> 'address', '')::inet,
         CASE TG_OP WHEN 'INSERT' THEN 'row_added' WHEN 'UPDATE' THEN 'row_changed' ELSE 'row_deleted' END,
         TG_ARGV[0], left(target, 200), old_row, new_row, left(coalesce(who ->> 'reason', ''), 200), 0, '');
    RETURN NULL;
END
$body$;
"""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def statement(table: Audited) -> str:
    """DDL of the trigger of one table."""
    arguments = ", ".join(map(_quoted, (table.kind, table.names, table.ignored, table.secret)))
    return (
        f"CREATE OR REPLACE TRIGGER {FUNCTION} AFTER INSERT OR UPDATE OR DELETE ON {table.table} "
        f"FOR EACH ROW EXECUTE FUNCTION {FUNCTION}({arguments})"
    )


def install(sender: Any = None, **_: Any) -> None:
    """Make function and triggers where they are not what this list says; after `migrate`."""
    if sender is not None and sender.label != list(apps.get_app_configs())[-1].label:
        return
    mark = hashlib.sha256((BODY + "".join(map(statement, TABLES))).encode()).hexdigest()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regproc(%s), 'pg_proc')", [FUNCTION])
        if cursor.fetchone()[0] == mark:
            return
        cursor.execute(BODY)
        for table in TABLES:
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table.table])
            if not cursor.fetchone()[0]:
                return  # an older state of the migrations: the next `migrate` makes the rest
            cursor.execute(statement(table))
        cursor.execute(f"COMMENT ON FUNCTION {FUNCTION}() IS {_quoted(mark)}")
