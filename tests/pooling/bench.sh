#!/usr/bin/env bash
# What a pool costs and saves: pgbench directly, through the pool, and through a plain PgBouncer with the same settings, in turns and in
# one run, because only ratios of one run say something. And the time until a new pool serves.
#
#   tests/pooling/bench.sh
#
# Needs what run.sh needs. ROUNDS=5 turns of TURN=10 seconds, with CLIENTS=16 clients.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
# shellcheck source=lib/setup.sh
source "$here/lib/setup.sh"
rounds=${ROUNDS:-5} turn=${TURN:-10} concurrent=${CLIENTS:-16}
row=bench
declare -A tps

plain() {
  local settings=$work/plain
  mkdir -p "$settings"
  # Without what ties it to its pod: the socket, and the other poolers.
  k exec auth-pgbouncer-0 -- cat /run/plimsoll/pgbouncer.ini | sed '/^\[peers\]/,$d; /^peer_id/d; /^unix_socket/d; s|^auth_file.*|auth_file = /etc/pgbouncer/userlist.txt|' >"$settings/pgbouncer.ini"
  echo 'unix_socket_dir =' >>"$settings/pgbouncer.ini"
  k exec auth-pgbouncer-0 -- cat /run/plimsoll/userlist.txt >"$settings/userlist.txt"
  k create secret generic plain --dry-run=client -o yaml --from-file="$settings" | k apply -f - >/dev/null
  k apply -f "$here/plain.yaml" >/dev/null
  k rollout status deployment/plain --timeout=60s >/dev/null
  k wait pod/bench --for=condition=Ready --timeout=60s >/dev/null
}
pgbench() { k exec bench -- "$bin/pgbench" -U azora "$@" azora 2>/dev/null; } # -h HOST …
turn() { # KIND HOST ARGS…: transactions per second of one turn
  local kind=$1 host=$2 value; shift 2
  value=$(pgbench -h "$host" -n -c "$concurrent" -j 2 -T "$turn" "$@" | awk '/^tps/ { print $3 }')
  tps[$kind]+="$value "
}
median() { tr ' ' '\n' <<<"$1" | grep . | sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
compare() { # NAME ARGS…: in turns
  local name=$1 i kind; shift
  tps=([direct]='' [pool]='' [plain]='')
  for ((i = 1; i <= rounds; i++)); do
    turn direct "auth-db-$primary" "$@"
    turn pool auth-pgbouncer "$@"
    turn plain plain "$@"
  done
  for kind in direct pool plain; do tps[$kind]=$(median "${tps[$kind]}"); done
  result "$name clients=$concurrent direct_tps=${tps[direct]} pool_tps=${tps[pool]} plain_tps=${tps[plain]} pool_to_direct=$(ratio pool direct) pool_to_plain=$(ratio pool plain)"
}
ratio() { awk -v a="${tps[$1]}" -v b="${tps[$2]}" 'BEGIN { printf "%.3f", a / b }'; }
first_ready_times() { # of a pool that is made anew; images are there
  local i begun times=()
  for i in 1 2 3; do
    k delete "$profiles" auth --cascade=foreground >/dev/null
    await 120 'the poolers to be gone' gone
    begun=$(now)
    k apply -f "$here/profile.yaml" >/dev/null
    pooling "{\"primary\":{\"host\":\"auth-db-$primary\"},\"replicas\":$(replicas_of "$primary")}"
    await 120 'the first pooler to be ready' first_ready
    times+=("$(since "$begun")")
    await 60 'the condition' settled
  done
  result "first_ready_seconds=$(IFS=,; echo "${times[*]}")"
}
gone() { [ -z "$(k get statefulset,pods -l "$selector" -o name)" ]; }

setup
plain
pgbench -h "auth-db-$primary" -i -q -s 10 >/dev/null
say "$rounds turns of $turn s each"
compare select -S -M prepared
compare transaction -M simple
compare connect -S -C
first_ready_times
