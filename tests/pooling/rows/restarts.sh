# shellcheck shell=bash
# Poolers that are restarted, replaced, changed and killed, under clients that do not stop.

row_prepared() { # 8 clients × 40 executions of statements that each connection has prepared once
  local r
  r=$(client --host "$(service_ip)" prepared --clients 8 --executions 40 | tail -1)
  check 'all were executed' is "$(get "$r" .executed)" 320
  check 'no error' is "$(get "$r" .failed)" 0
  result "$(get "$r" '"executed=\(.executed) failed=\(.failed)"')"
}

row_restart() { # all poolers restarted, one after the other, under 30 hot clients
  local r times=() i begun
  begin hot --clients 30; sleep 2
  for ((i = 1; i <= ${REPEAT:-3}; i++)); do
    begun=$(now)
    k rollout restart statefulset/auth-pgbouncer >/dev/null
    rolled_out || stop 'the rollout did not end' || break
    times+=("$(since "$begun")")
    say "restart $i of ${REPEAT:-3}: ${times[-1]} s"
  done
  sleep 2
  end hot; r=$ended
  nothing_cut "$r"
  result "restarts=${#times[@]} seconds=$(IFS=,; echo "${times[*]}") $(figures "$r")"
}

row_image() { # another image, then a setting that only a start can change
  local r before begun took=()
  "${CTR[@]}" images tag --force localhost/pgbouncer:1.24.1 localhost/pgbouncer:1.24.1-again >/dev/null
  begin hot --clients 30; sleep 2
  for change in '{"image":"localhost/pgbouncer:1.24.1-again"}' '{"parameters":{"listen_backlog":"256"}}'; do
    before=$(lives) begun=$(now)
    pooling "$change"
    await 20 "a rollout for $change" started_anew "$before"
    rolled_out || stop 'the rollout did not end' || break
    await 30 'the condition' settled
    took+=("$(since "$begun")")
  done
  sleep 2
  end hot; r=$ended
  nothing_cut "$r"
  result "seconds=$(IFS=,; echo "${took[*]}") $(figures "$r")"
}
started_anew() { [ "$(lives)" != "$1" ]; }
metric_is() { # NAME VALUE [DATABASE]: on every pooler
  local ip
  for ip in $(pooler_ips); do
    metrics "$ip" | awk -v name="$1" -v value="$2" -v database="${3:+name=\"$3\"}" '
      index($1, name) == 1 && index($0, database) { found = $NF + 0 == value } END { exit !found }' || return 1
  done
}

row_reload() { # a change that a running PgBouncer takes
  local before document begun loaded read
  before=$(lives) document=$(wanted_hash) begun=$(now)
  pooling '{"defaultPoolSize":17,"parameters":{"query_wait_timeout":"45"}}'
  await 20 'another document' changed_from "$document"
  await 20 'every pooler to have loaded it' loaded_everywhere; loaded=$(since "$begun")
  await 20 'the size of the pool in SHOW DATABASES of every pooler' metric_is 'pgbouncer_databases_pool_size{' 17 azora; read=$(since "$begun")
  await 20 'the condition' settled
  check 'read back within 10 s' in_time "$read" 10
  check 'no pod and no container was started' is "$(lives)" "$before"
  result "loaded_seconds=$loaded read_back_seconds=$read condition_seconds=$(since "$begun") restarts=0"
}
changed_from() { [ "$(wanted_hash)" != "$1" ]; }

row_cancel() { # to the other pooler, both ways, and to whichever the Service picks
  local a b r worst=0 i
  a=$(pooler_ip 0) b=$(pooler_ip 1)
  for i in "$a $b" "$b $a" "$(service_ip) $(service_ip)" "$(service_ip) $(service_ip)" "$(service_ip) $(service_ip)"; do
    r=$(client --host "${i% *}" cancel --other "${i#* }" | tail -1)
    check "cancelled, by way of ${i#* }" is "$(get "$r" .cancelled)" true
    check 'within 2 s' in_time "$(get "$r" .milliseconds)" 2000
    worst=$(get "$r" "[.milliseconds, $worst] | max")
  done
  result "worst_ms=$worst"
}

row_kill() { # PgBouncer by SIGKILL, then everything in the container, then the pod without notice
  local r w cap before begun back=()
  cap=$(every_budget)
  begin_watch
  begin hot --clients 30; sleep 2
  begun=$(now)
  say 'PgBouncer is killed'
  k exec auth-pgbouncer-0 -- sh -c 'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" != pgbouncer ] || kill -9 ${p#/proc/}; done'
  await 30 'pooler 0 to have started PgBouncer again' running_again 0; back+=("$(since "$begun")")
  sleep 3; begun=$(now)
  say 'the container is killed from outside'
  before=$(lives)
  "${CTR[@]}" tasks kill --all --signal SIGKILL "$(k get pod auth-pgbouncer-1 -o 'jsonpath={.status.containerStatuses[0].containerID}' | sed 's|.*//||')"
  await 60 'pooler 1 to be ready again' serves_since 1 "$before"; back+=("$(since "$begun")")
  sleep 3; begun=$(now)
  say 'the pod is gone without notice'
  before=$(lives)
  k delete pod auth-pgbouncer-0 --grace-period=0 --force >/dev/null 2>&1
  await 60 'pooler 0 to be ready again' serves_since 0 "$before"; back+=("$(since "$begun")")
  sleep 3
  end hot; r=$ended; end watch; w=$ended
  await 30 'the condition' settled
  check 'every client is served again' is "$(get "$r" .alive)" 30
  check "never above the budget of $cap" below "$(get "$w" '.most.azora // 0')" $((cap + 1))
  check 'no "too many clients"' is "$(get "$r" .too_many)" 0
  result "back_seconds=$(IFS=,; echo "${back[*]}") most_connections=$(get "$w" .most.azora) budget=$cap $(figures "$r")"
}
every_budget() { # connections that all poolers together may open to the primary
  local ip sum=0
  for ip in $(pooler_ips); do sum=$((sum + $(report "$ip" | jq '.split.perInstance // 0'))); done
  echo "$sum"
}
serves_since() { [ "$(lives)" != "$2" ] && serves "$1"; }
serves() { [ "$(k get pod "auth-pgbouncer-$1" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ] && report "$(pooler_ip "$1")" | jq -e '.phase == "Running"'; }
running_again() { report "$(pooler_ip "$1")" | jq -e '.restarts >= 1 and .phase == "Running"'; }
