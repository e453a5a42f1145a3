# shellcheck shell=bash
# The servers: made, asked, promoted, replaced.

bin=/usr/lib/postgresql/17/bin
primary=1

server() { # NUMBER SOURCE: a copy of another server, or with its own number a new database
  local role=replica
  [ "$1" != "$2" ] || role=primary
  sed "s/NUMBER/$1/g; s/SOURCE/$2/; s/ROLE/$role/; s/LIMIT/${connections:-100}/" "$here/server.yaml" | k apply -f - >/dev/null
}
server_ready() { k wait "pod/auth-db-$1" --for=condition=Ready --timeout=60s >/dev/null; }
database_ip() { k get pod "auth-db-$1" -o 'jsonpath={.status.podIP}'; }
sql() { local server=$1; shift; k exec "auth-db-$server" -- "$bin/psql" -qtAXU postgres -d azora -c "$@"; }
# As the service, through the pool, by a name that only the cluster knows: DATABASE SQL
through_pool() { k exec "auth-db-$primary" -- sh -c 'PGPASSWORD=$APP_PASSWORD exec '"$bin"'/psql -qtAX "host=auth-pgbouncer user=azora dbname=$0 connect_timeout=10" -c "$1"' "$@"; }

servers() { # new ones, with max_connections as said
  k delete pod -l app=auth-db --grace-period=0 --force >/dev/null 2>&1 || true
  primary=1
  local n
  for n in 1 2 3; do server "$n" 1; done
  for n in 1 2 3; do server_ready "$n"; done
  # The roles of the pool, as its users make them.
  { "$PLIMSOLL" pooler-sql --user plimsoll_auth --monitor plimsoll_monitor --database azora
    echo "alter role plimsoll_monitor password '$monitor_password'; alter role plimsoll_auth password 'the-poolers-may-ask-who-is-who';"
  } | k exec -i auth-db-1 -- "$bin/psql" -qXU postgres >/dev/null
}
users() { # the list of users as it is on the primary: SCRAM secrets, no passwords
  k create secret generic auth-db-users --dry-run=client -o yaml --from-file=userlist.txt=<(sql "$primary" \
    "select format('\"%s\" \"%s\"', rolname, rolpassword) from pg_authid where rolname in ('azora')") | k apply -f - >/dev/null
  k create secret generic auth-db-monitor --dry-run=client -o yaml --from-literal=username=plimsoll_monitor \
    --from-literal=password="$monitor_password" | k apply -f - >/dev/null
}
replicas_of() { # NUMBER: the others, as the profile has them
  local n list=()
  for n in 1 2 3; do [ "$n" = "$1" ] || list+=("{\"host\":\"auth-db-$n\"}"); done
  (IFS=,; echo "[${list[*]}]")
}
third() { local n; for n in 1 2 3; do [ "$n" = "$1" ] || [ "$n" = "$2" ] || echo "$n"; done; }
promote() { k exec "auth-db-$1" -- sh /etc/auth-db/promote "${2:-}"; } # NUMBER [FROM]
# After NEW was promoted: the name follows it, the third server copies it, and the old one is made anew as its replica. A third server
# that has more of the old one's log than NEW had cannot copy NEW, and is made anew too: the old one, idle, still writes a record now and then.
rebuild() { # NEW OLD [anew]
  local other
  other=$(third "$1" "$2")
  k label pod "auth-db-$1" role=primary --overwrite >/dev/null
  primary=$1
  anew "$2"
  if [ -n "${3:-}" ]; then anew "$other"; else k exec "auth-db-$other" -- sh /etc/auth-db/follow "$1"; fi
  server_ready "$2"
  within 5 level 2 || { anew "$other"; server_ready "$other"; }
  await 30 'two replicas that have everything' level 2
}
anew() { # NUMBER: as a replica of the primary
  k delete pod "auth-db-$1" --grace-period=0 --force --ignore-not-found >/dev/null 2>&1
  server "$1" "$primary"
}
# A server that cannot go on says `streaming` for a moment at each try: what it has replayed is asked for.
level() { # NUMBER: so many replicas have replayed what the primary has written by now
  local end
  end=$(sql "$primary" 'select pg_current_wal_lsn()')
  sleep 0.3
  [ "$(sql "$primary" "select count(*) from pg_stat_replication where state = 'streaming' and replay_lsn >= '$end'")" = "$1" ]
}
