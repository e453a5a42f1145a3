# shellcheck shell=bash
# Replicas that fall behind.

row_lag() { # replay is stopped on one, then on both; and goes on
  local a b out back writing
  read -r a b <<<"$(replicas_of "$primary" | tr -cd '0-9\n' | sed 's/\(.\)/\1 /g')"
  pooling '{"replicaLag":{"maxBytes":"1Mi","maxSeconds":5,"minReplicas":1,"whenNone":"primary"}}'
  await 30 'both replicas in rotation' rotation "$a $b"
  check 'reads go to both' is "$(readers 10)" "$(addresses "$a" "$b")"
  begin writers --clients 4; sleep 2
  replay "$a" pause
  out=$(now)
  await 30 "auth-db-$a to be out of rotation" rotation "$b"; out=$(since "$out")
  say "auth-db-$a is out of rotation"
  check 'out within the limit of 5 s and a few looks' in_time "$out" 10
  check 'reads go to the other alone' is "$(readers 10)" "$(addresses "$b")"
  replay "$b" pause
  await 30 'reads to go to the primary' every_pooler '.reads == "Primary"'
  check 'reads are answered by the primary' is "$(readers 10)" "$(addresses "$primary")"
  say 'reads go to the primary'
  pooling '{"replicaLag":{"whenNone":"stale"}}'
  await 20 'stale reads' every_pooler '.reads == "Stale"'
  check 'reads are answered by replicas' is "$(readers 10)" "$(addresses "$a" "$b")"
  pooling '{"replicaLag":{"whenNone":"fail"}}'
  await 20 'reads to go nowhere' every_pooler '.reads == "Nowhere"'
  check 'reads are refused' not through_pool azora_ro 'select 1'
  check 'writes are not' through_pool azora 'select' 
  replay "$a" resume; replay "$b" resume
  back=$(now)
  await 60 'both replicas to be back' rotation "$a $b"; back=$(since "$back")
  check 'reads go to both again' is "$(readers 10)" "$(addresses "$a" "$b")"
  end writers; writing=$ended
  check 'writes have not noticed' is "$(get "$writing" .failed)" 0
  await 20 'the condition' settled
  result "out_seconds=$out back_seconds=$back"
}
replay() { sql "$1" "select pg_wal_replay_$2()" >/dev/null; }
rotation() { # NUMBERS: exactly these are in rotation, on every pooler
  local hosts
  hosts=$(printf '"auth-db-%s"\n' $1 | sort | jq -sc .)
  every_pooler "[.replicas[] | select(.inRotation) | .host] | sort == $hosts"
}
addresses() { local n; for n; do database_ip "$n"; echo; done | sort -u | grep . | paste -sd' '; }
readers() { # NUMBER OF CONNECTIONS AT ONCE: who answers. One after the other they would all be given the same idle server connection
  k exec "auth-db-$primary" -- sh -c 'export PGPASSWORD=$APP_PASSWORD; i=0; while [ $i -lt '"$1"' ]; do i=$((i + 1))
    '"$bin"'/psql -qtAX "host=auth-pgbouncer user=azora dbname=azora_ro connect_timeout=5" -c "select host(inet_server_addr()) from pg_sleep(1)" &
    done; wait' | sort -u | paste -sd' '
}
not() { ! "$@" >/dev/null 2>&1; }
