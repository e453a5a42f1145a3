#!/usr/bin/env bash
# What `plimsoll pooler-sql` prints, in a real Postgres: who can look up whom, what the monitoring role may, and that it can be run again.
#
#   PSQL="psql -h HOST -p PORT -U SUPERUSER" PLIMSOLL=target/debug/plimsoll tests/pooler-sql.sh
#
# It makes roles and databases that begin with plimsoll_test, so give it a server of its own.
set -euo pipefail

psql=${PSQL:?a psql that is connected as a superuser} plimsoll=${PLIMSOLL:-target/debug/plimsoll}
database=plimsoll_test_app odd="plimsoll_test odd d'b \"x\""

fail() { echo "FAILED: $*" >&2; exit 1; }
# Runs SQL of standard input in a database, as a role where one is named.
in_database() { $psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1"; }
as() { { echo "SET ROLE \"$1\";"; cat; } | in_database "$2"; }
equal() { [ "$1" = "$2" ] || fail "$3: '$1' and not '$2'"; }
refused() { grep -q -- "$2" <<<"$1" || fail "$3: $1"; }

in_database postgres <<SQL
SET password_encryption = 'scram-sha-256';
CREATE ROLE plimsoll_test_good LOGIN PASSWORD 'x';
CREATE ROLE plimsoll_test_later LOGIN PASSWORD 'x' VALID UNTIL '2999-01-01';
CREATE ROLE plimsoll_test_expired LOGIN PASSWORD 'x' VALID UNTIL '2001-01-01';
CREATE ROLE plimsoll_test_nologin NOLOGIN PASSWORD 'x';
CREATE ROLE plimsoll_test_super LOGIN SUPERUSER PASSWORD 'x';
CREATE ROLE plimsoll_test_repl LOGIN REPLICATION PASSWORD 'x';
CREATE ROLE plimsoll_test_bypass LOGIN BYPASSRLS PASSWORD 'x';
CREATE ROLE plimsoll_test_none LOGIN;
CREATE DATABASE $database OWNER plimsoll_test_good;
CREATE DATABASE "${odd//\"/\"\"}";
SQL

lookup="plimsoll_test Look-up 'x'" watch=plimsoll_test_watch
sql=$("$plimsoll" pooler-sql --user "$lookup" --database "$database" --database "$odd" --monitor "$watch")
for _ in first again; do in_database postgres <<<"$sql"; done

for where in "$database" "$odd"; do
  found=$(as "$lookup" "$where" <<'SQL'
SELECT string_agg(username, ' ' ORDER BY username) FROM pg_catalog.pg_roles r, plimsoll.user_lookup(r.rolname::text)
 WHERE left(r.rolname, 9) = 'plimsoll_' AND left(secret, 14) = 'SCRAM-SHA-256$';
SQL
)
  equal "$found" "plimsoll_test_good plimsoll_test_later" "found in $where"
done
# Both guards hold by themselves: the right to call it, and the names that it looks up in.
guards=$(in_database "$database" <<'SQL'
SELECT has_function_privilege('plimsoll_test_good', oid, 'EXECUTE'), proconfig::text FROM pg_proc WHERE proname = 'user_lookup'
SQL
)
equal "$guards" 'f|{"search_path=pg_catalog, pg_temp"}' "its guards"
# Nobody else calls it, not even the database's owner, and the looking-up role reads nothing by itself.
refused "$(as plimsoll_test_good "$database" <<<"SELECT plimsoll.user_lookup('plimsoll_test_later')" 2>&1 || true)" "permission denied" "another role"
refused "$(as "$lookup" "$database" <<<"SELECT rolpassword FROM pg_authid" 2>&1 || true)" "permission denied" "the looking-up role"
# A name before the system's own changes nothing.
as "$lookup" "$database" <<'SQL' >/dev/null
CREATE TEMP TABLE pg_authid (rolname name, rolpassword text);
SET search_path = pg_temp, pg_catalog;
DO $$ BEGIN IF EXISTS (SELECT FROM plimsoll.user_lookup('plimsoll_test_super')) THEN RAISE 'found'; END IF; END $$;
SQL

# The monitoring role sees others' connections and settings, and changes and reads nothing.
seen=$($psql -X -A -t -d "$database" -c "SET ROLE $watch" -c "SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND query <> '<insufficient privilege>'" | tail -1)
equal "$seen" t "what the monitoring role sees"
equal "$(as "$watch" "$database" <<<"SELECT current_setting('max_connections')::int > 0 AND pg_current_wal_lsn() IS NOT NULL")" t "settings"
in_database "$database" <<<"CREATE TABLE public.plimsoll_test_secret (x int)"
refused "$(as "$watch" "$database" <<<"SELECT * FROM public.plimsoll_test_secret" 2>&1 || true)" "permission denied" "the monitoring role reads"
refused "$(as "$watch" "$database" <<<"CREATE TABLE public.plimsoll_test_more (x int)" 2>&1 || true)" "permission denied" "the monitoring role writes"
equal "$(in_database postgres <<<"SELECT rolconfig::text LIKE '%default_transaction_read_only=on%' FROM pg_roles WHERE rolname = '$watch'")" t "read-only"

# What somebody else could put something else into is refused.
as plimsoll_test_good "$database" <<<"CREATE SCHEMA plimsoll_test_mine"
refused "$("$plimsoll" pooler-sql --user "$lookup" --function plimsoll_test_mine.f --database "$database" | in_database postgres 2>&1 || true)" "belongs to somebody else" "a schema of another role"
refused "$("$plimsoll" pooler-sql --user plimsoll_test_super --database "$database" | in_database postgres 2>&1 || true)" "more rights" "a superuser as the looking-up role"

in_database postgres <<SQL
DROP DATABASE $database; DROP DATABASE "${odd//\"/\"\"}";
DO \$\$ DECLARE r name; BEGIN
  FOR r IN SELECT rolname FROM pg_roles WHERE left(rolname, 13) = 'plimsoll_test' LOOP EXECUTE format('DROP ROLE %I', r); END LOOP;
END \$\$;
SQL
echo "pooler-sql: the function finds whom it may and nobody else; the monitoring role sees and does not touch"
