#!/usr/bin/env bash
# The cluster suite on the oldest Kubernetes that is tested and on the newest, and the rules in Prometheus 2 and 3.
#
#   tests/compat.sh                      on 1.34 and 1.37, one after the other, in a lab that starts for it
#   VERSIONS="1.34" tests/compat.sh      on these
#
# The lab must be down: each version starts with an empty one, and leaves it down.
set -euo pipefail
cd "$(dirname "$0")/.."
lab=tests/lab/lab log=${COMPAT_LOG:-$(mktemp -d)} failed=()
export LAB_HOME=${LAB_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll-lab}
export LAB_BIN=${LAB_BIN:-$LAB_HOME/bin}
if "$lab" status >/dev/null 2>&1; then echo "the lab is up, perhaps for somebody: $lab down" >&2; exit 2; fi

suite() { # KUBERNETES
  export KUBERNETES=$1
  # In a function whose end is looked at, no command's failure ends it by itself.
  { "$lab" build && "$lab" up && "$lab" monitoring crds; } || { "$lab" down; return 1; }
  "$lab" kubectl version 2>/dev/null | sed -n 's/^Server/server/p'
  local status=0
  KUBECONFIG=$("$lab" kubeconfig) cargo test --locked --test cluster --test crd --no-fail-fast -- --ignored --test-threads="${THREADS:-4}" \
    >"$log/$1.log" 2>&1 || status=$?
  grep -E '^test result:|^test .* FAILED$|left out' "$log/$1.log" | sort | uniq -c || true
  "$lab" down || status=1
  return "$status"
}
for version in ${VERSIONS:-1.34 1.37}; do
  echo "== Kubernetes $version (the log: $log/$version.log)"
  suite "$version" || failed+=("Kubernetes $version")
done
tests/prometheus-versions.sh || failed+=(Prometheus)
((${#failed[@]} == 0)) || { printf 'FAILED  %s\n' "${failed[@]}" >&2; exit 1; }
