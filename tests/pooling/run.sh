#!/usr/bin/env bash
# Poolers with real PgBouncer, real Postgres with two streaming replicas, and real clients, on the lab: each row an experiment that
# passes or fails, with its figures in a line RESULT.
#
#   tests/pooling/run.sh [ROW…|ci|all]
#
# Rows: prepared restart image reload cancel kill switchover limit failover moved lag budget thousand lookup tls input tenant. `ci` are those that take
# seconds, with one repetition. Needs KUBECONFIG of the lab with node, the operator's binary in PLIMSOLL and the clients' in CLIENT (the
# example pool-client), and the operator's image, AGENT_IMAGE, in the lab. The operator runs beside the cluster for one namespace.
# REPEAT=1 repeats nothing; SOFT=1 tells of times that were missed and fails nothing for them; KEEP=1 leaves everything, and REUSE=1 goes on with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
# shellcheck source=lib/setup.sh
source "$here/lib/setup.sh"

# Whatever a row has changed: the profile as declared, with the servers as they are now.
reset() {
  no_clients
  k patch "$profiles" auth --type json -p "[{\"op\":\"replace\",\"path\":\"/spec\",\"value\":$declared}]" >/dev/null
  pooling "{\"primary\":{\"host\":\"auth-db-$primary\"},\"replicas\":$(replicas_of "$primary")}"
  await 120 'the profile as declared' settled
}

all=(prepared reload cancel restart image kill switchover limit failover moved lag budget thousand lookup tls input tenant)
rows=("$@")
case ${1:-all} in
  all) rows=("${all[@]}") ;;
  ci) rows=(prepared reload cancel restart switchover failover kill lag); export REPEAT=1 SOFT=1 ;;
  none) rows=() ;;
esac

setup
declared=$(k get "$profiles" auth -o json | jq -c .spec)
failed=()
for row in "${rows[@]}"; do
  declare -F "row_$row" >/dev/null || { echo "no row $row" >&2; exit 2; }
  row_failed='' begun_row=$SECONDS
  say "$row"
  "row_$row" || row_failed=1
  [ -z "$row_failed" ] || { failed+=("$row"); state; }
  say "$row $([ -z "$row_failed" ] && echo passed || echo FAILED) in $((SECONDS - begun_row)) s"
  reset || { failed+=("$row"); say 'the profile could not be had back'; servers; users; reset; }
done
((${#failed[@]} == 0)) || { say "failed: ${failed[*]}"; exit 1; }
say "passed: ${rows[*]}"
