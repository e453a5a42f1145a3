# shellcheck shell=bash
# Another primary: planned, and not.

# Hold the clients, promote, name the new one, let them go: what docs/pooling.md says, with its commands.
switchover() { # FROM TO POOLERS
  local waiting
  k wait "$profiles/auth" --for=jsonpath='{.status.pooling.paused}'="$3/$3" --timeout=20s >/dev/null & waiting=$!
  # It watches by then: its start takes none of the clients' time.
  sleep 1; begun=$(now)
  pooling '{"paused":true}'
  wait "$waiting" || return 1
  held=$(since "$begun")
  promote "$2" "$1" || return 1
  promoted=$(since "$begun")
  # The replica that is left; the old primary is one again when it is rebuilt.
  pooling "{\"paused\":false,\"primary\":{\"host\":\"auth-db-$2\"},\"replicas\":[{\"host\":\"auth-db-$(third "$1" "$2")\"}]}"
  named=$(since "$begun")
}

row_switchover() { # three times under ten writers
  local i from to poolers begun held promoted named r worst=() steps=()
  for ((i = 1; i <= ${REPEAT:-3}; i++)); do
    from=$primary to=$((primary % 3 + 1))
    begin writers --clients 10; sleep 2
    poolers=$(instances)
    switchover "$from" "$to" "$poolers" || { stop 'the switchover did not go on'; break; }
    await 20 'every pooler to serve again' every_pooler '.phase == "Running"'
    sleep 3
    # The acknowledged rows are looked for through the pool, so on the new primary.
    end writers; r=$ended
    say "switchover $i from auth-db-$from to auth-db-$to: held after $held s, promoted $promoted s, named $named s; worst write $(get "$r" .write_ms.max) ms"
    check 'no write failed' is "$(get "$r" .failed)" 0
    check 'no connection was refused' is "$(get "$r" .refused)" 0
    check 'every acknowledged row is there' is "$(get "$r" .lost)" 0
    check 'the worst write took less than 1 s' in_time "$(get "$r" .write_ms.max)" 1000
    grep '"error"' "$work/writers" | head -3 || true
    worst+=("$(get "$r" .write_ms.max)") steps+=("$held/$promoted/$named")
    rebuild "$to" "$from"
    pooling "{\"replicas\":$(replicas_of "$to")}"
    await 30 'the condition' settled
  done
  result "switchovers=${#worst[@]} worst_write_ms=$(IFS=,; echo "${worst[*]}") held_promoted_named_s=$(IFS=,; echo "${steps[*]}") acknowledged=$(get "$r" .acknowledged) failed=$(get "$r" .failed) lost=$(get "$r" .lost)"
}

row_limit() { # a pause that nobody ends: it ends by itself, is told of, and is not begun again
  local r begun held ended_by_itself
  pooling '{"pauseLimit":"5s"}'
  await 20 'the condition' settled
  begin writers --clients 10; sleep 2
  begun=$(now)
  pooling '{"paused":true}'
  await 5 'every pooler to hold its clients' every_pooler '.phase == "Paused"'; held=$(since "$begun")
  await 15 'the condition PauseEnded' reason_is PauseEnded; ended_by_itself=$(since "$begun")
  sleep 3
  check 'the pause is not begun again' every_pooler '.phase == "Running"'
  pooling '{"paused":false}'
  await 20 'the condition' settled
  end writers; r=$ended
  check 'no write failed' is "$(get "$r" .failed)" 0
  check 'every acknowledged row is there' is "$(get "$r" .lost)" 0
  check 'nobody waited much longer than the limit' below "$(get "$r" .write_ms.max)" 7000
  result "held_seconds=$held told_seconds=$ended_by_itself worst_write_ms=$(get "$r" .write_ms.max) failed=$(get "$r" .failed)"
}

row_failover() { # the primary is killed; seconds later another is promoted, and named
  local from=$primary to=$((primary % 3 + 1)) named r left
  begin writers --clients 10; sleep 2
  k delete pod "auth-db-$from" --grace-period=0 --force >/dev/null 2>&1
  say "auth-db-$from is gone"
  sleep 3
  promote "$to"
  named=$(date +%s.%N)
  pooling "{\"primary\":{\"host\":\"auth-db-$to\"},\"replicas\":[{\"host\":\"auth-db-$(third "$from" "$to")\"}]}"
  sleep 10
  end writers; r=$ended
  # When the last of the ten writers that stood still went on.
  left=$(jq -rs --argjson named "$named" '[.[] | select(.slow_ms) | .at - $named] | max // 0 | . * 100 | round / 100' "$work/writers")
  check 'every writer goes on within 5 s of the name' in_time "$left" 5
  check 'all ten had stood still, and did' is "$(jq -s '[.[] | select(.slow_ms) | .writer] | unique | length' "$work/writers")" 10
  result "seconds_after_named=$left worst_write_ms=$(get "$r" .write_ms.max) failed=$(get "$r" .failed) lost_to_asynchronous_replication=$(get "$r" .lost)"
  rebuild "$to" "$from"
  pooling "{\"replicas\":$(replicas_of "$to")}"
  await 30 'the condition' settled
}

row_moved() { # the name of the primary follows another server, and the old one lives on: connections to it must go
  local from=$primary to=$((primary % 3 + 1)) named r
  pooling "{\"primary\":{\"host\":\"auth-db-rw\"},\"replicas\":[{\"host\":\"auth-db-$(third "$from" "$to")\"}]}"
  await 30 'the condition' settled
  begin hot --clients 10 --think 50ms; sleep 2
  await 10 'connections to the old primary' at_old
  promote "$to"
  named=$(now)
  k label pod "auth-db-$from" role=old --overwrite >/dev/null
  k label pod "auth-db-$to" role=primary --overwrite >/dev/null
  await 20 'the pools to leave the old primary' left_old
  named=$(since "$named")
  check 'left within 5 s' in_time "$named" 5
  sleep 2
  check 'and are not back' left_old
  end hot; r=$ended
  result "seconds_after_named=$named transactions=$(get "$r" .transactions) cut=$(get "$r" .cut)"
  rebuild "$to" "$from" anew
  pooling "{\"primary\":{\"host\":\"auth-db-$to\"},\"replicas\":$(replicas_of "$to")}"
  await 30 'the condition' settled
}
at_old() { [ "$(sql "$from" "select count(*) from pg_stat_activity where usename = 'azora'")" -gt 0 ]; }
left_old() { [ "$(sql "$from" "select count(*) from pg_stat_activity where usename = 'azora'")" = 0 ]; }
