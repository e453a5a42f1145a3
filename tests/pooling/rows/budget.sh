# shellcheck shell=bash
# More connections than there are.

row_budget() { # poolers × pool beyond max_connections: shrunk, said with the arithmetic, and the primary refuses nobody
  local w r cap said refused
  begin_watch
  pooling '{"defaultPoolSize":60,"reservePoolSize":10}'
  await 30 'every pooler to have loaded it' loaded_everywhere
  await 30 'the condition' oversubscribed
  said=$(condition PoolingWithinBudget)
  check 'the arithmetic is in the condition' grep -q 100 <<<"$said"
  cap=$(every_budget)
  begin crowd --clients 300 --hold 200ms
  sleep 8
  say 'two more poolers'
  pooling '{"instances":{"min":4}}'
  await 60 'four poolers' four
  sleep 8
  pooling '{"instances":{"min":2}}'
  sleep 5
  end crowd; r=$ended; end watch; w=$ended
  refused=$(k logs "auth-db-$primary" | grep -cE 'too many clients|remaining connection slots' || true)
  check 'no client was told "too many clients"' is "$(get "$r" .too_many)" 0
  check 'the primary refused nobody' is "$refused" 0
  check 'there was a crowd' below 200 "$(get "$r" .answered)"
  check 'and it did use what there is' below 40 "$(get "$w" .most.azora)"
  check "never above the budget of $cap" below "$(get "$w" .most.azora)" $((cap + 1))
  result "max_connections=100 most_total=$(get "$w" .most_total) most_pooled=$(get "$w" .most.azora) budget=$cap answered=$(get "$r" .answered) too_many=$(get "$r" .too_many) condition=\"$said\""
}
oversubscribed() { [[ "$(condition PoolingWithinBudget)" == 'False PoolOversubscribed '* ]]; }
four() { [ "$(k get statefulset auth-pgbouncer -o 'jsonpath={.status.readyReplicas}')" = 4 ] && loaded_everywhere; }

row_thousand() { # a thousand clients on the defaults, each asking something every three seconds
  local r usage cpu
  begin idle --clients 1000 --ramp 10s --every 3s
  sleep 15
  cpu=$(cpu_seconds)
  sleep "${HOLD:-20}"
  cpu=$(awk -v a="$cpu" -v b="$(cpu_seconds)" -v t="${HOLD:-20}" 'BEGIN { printf "%.0f", (b - a) / t * 1000 }')
  usage=$(memory)
  end idle; r=$ended
  check 'a thousand connections' is "$(get "$r" .connections)" 1000
  check 'none refused' is "$(get "$r" .refused)" 0
  check 'none failed' is "$(get "$r" .failed)" 0
  result "connections=1000 answered=$(get "$r" .answered) refused=$(get "$r" .refused) failed=$(get "$r" .failed) query_p99_ms=$(get "$r" .query_ms.p99) cpu_millicores_of_each_pooler_mean=$((cpu / $(instances))) memory_mib_of_each_pooler=$usage"
}
# What metrics-server reads too.
of_poolers() { # METRIC
  kubectl get --raw /api/v1/nodes/node1/proxy/metrics/resource | awk -v name="$1{" -v ns="namespace=\"$ns\"" '
    index($0, name) == 1 && index($0, ns) && /container="pgbouncer"/ && /pod="auth-pgbouncer-/ { print $2 }'
}
cpu_seconds() { of_poolers container_cpu_usage_seconds_total | awk '{ sum += $1 } END { printf "%.3f", sum }'; }
memory() { of_poolers container_memory_working_set_bytes | awk '{ printf "%s%.0f", sep, $1 / 1048576; sep = "," }'; }
