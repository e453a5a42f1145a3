# Processes that a benchmark starts, and what they cost; for sourcing. $work and what is in `pids` go with the script.
# shellcheck shell=bash
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ printf "%.2f", ($14 + $15) / hz }' "/proc/$1/stat"; }                     # PID: seconds so far
memory() { awk -v what="$2:" '$1 == what { printf "%.0f", $2 * 1024 / 1e6 }' "/proc/$1/status"; } # PID FIELD: MB
