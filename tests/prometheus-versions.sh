#!/usr/bin/env bash
# Every rule file that the project writes, in Prometheus 2 and 3: promtool takes it, a server loads it, and each rule is healthy after an
# evaluation.
#
#   tests/prometheus-versions.sh
#
# Prometheus 3 is the lab's ($LAB_BIN). Prometheus 2 is Debian's package, unpacked below $LAB_HOME and not installed; or
# PROMETHEUS_2=DIRECTORY names one with prometheus and promtool in it.
set -euo pipefail
cd "$(dirname "$0")/.."
LAB_HOME=${LAB_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/plimsoll-lab}
LAB_BIN=${LAB_BIN:-$LAB_HOME/bin}
two=${PROMETHEUS_2:-$LAB_HOME/prometheus-2/usr/bin}
work=$(mktemp -d) server=''
stop() { [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; server=''; }
trap 'stop; rm -rf "$work"' EXIT
fail() { echo "FAILED  $*" >&2; exit 1; }
for tool in curl jq; do command -v "$tool" >/dev/null || { echo "$tool not found" >&2; exit 2; }; done

# --- Prometheus 2
if [ ! -x "$two/prometheus" ]; then
  [ -z "${PROMETHEUS_2:-}" ] || { echo "PROMETHEUS_2: no prometheus in $two" >&2; exit 2; }
  (cd "$work" && apt-get download -q prometheus >/dev/null 2>"$work/apt.log") || { cat "$work/apt.log" >&2; echo "run apt-get update" >&2; exit 2; }
  mkdir -p "$LAB_HOME"
  rm -rf "$LAB_HOME/prometheus-2" "$LAB_HOME/prometheus-2.new"
  dpkg-deb --extract "$work"/prometheus_*.deb "$LAB_HOME/prometheus-2.new"
  mv "$LAB_HOME/prometheus-2.new" "$LAB_HOME/prometheus-2"
fi

# --- The rule files: those that are written as files, and those in objects. Thanos' and VictoriaMetrics' own fields are not Prometheus'.
mkdir "$work/rules" "$work/objects"
groups_of() { # FILE FOLDER: of each PrometheusRule and VMRule in it, one file
  awk -v out="$2/$(tr / - <<<"${1%.yaml}")" '
    /^---/ { kind = 0; on = 0 }
    /^kind: (PrometheusRule|VMRule)$/ { kind = 1; file = out "-" ++count ".yaml" }
    kind && /^spec:$/ { on = 1; next }
    /^[^ ]/ { on = 0 }
    on { sub(/^  /, ""); print > file }
  ' "$1"
}
while read -r file; do
  case $file in
    */rules.yaml) cp "$file" "$work/rules/$(tr / - <<<"$file")" ;;
    # Beside a rule file an object has the same rules, which another test holds. promtool takes both; of a server's groups two that
    # write the same series are in each other's way.
    *) if [ -e "$(dirname "$file")/rules.yaml" ]; then groups_of "$file" "$work/objects"; else groups_of "$file" "$work/rules"; fi ;;
  esac
done < <(find tests/golden -name '*.yaml' | sort)
find "$work/rules" "$work/objects" -name '*.yaml' -size 0 -delete
empty() { grep -qE '^groups: *\[\] *$' "$1"; }
for file in "$work"/{rules,objects}/*.yaml; do ! empty "$file" || rm "$file"; done
files=("$work"/{rules,objects}/*.yaml)
foreign=0
for file in "${files[@]}"; do
  if grep -q '^ *partial_response_strategy:' "$file"; then sed -i '/^ *partial_response_strategy:/d' "$file"; foreign=$((foreign + 1)); fi
done
((${#files[@]} > 40)) || fail "only ${#files[@]} rule files were found"

free_port() {
  local port
  for port in $(seq 19810 19829); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }; done
  return 1
}

try() { # MAJOR DIRECTORY
  local version port url rules file number=0
  version=$("$2/prometheus" --version 2>&1 | sed -nE 's/^prometheus, version ([^ ]+).*/\1/p')
  [[ $version == "$1".* ]] || fail "$2/prometheus is $version, and not of version $1"
  "$2/promtool" check rules "${files[@]}" >"$work/said" 2>&1 || { grep -B1 -A3 FAILED "$work/said" >&2; fail "promtool $version"; }
  # Evaluated within seconds instead of minutes; the expressions are as they were written.
  rm -rf "$work/loaded" && cp -r "$work/rules" "$work/loaded" && sed -i -E 's/^( *(- )?interval:) .*/\1 1s/' "$work"/loaded/*.yaml
  # Profiles of one name are in several tests, and would write the same series, each at a time of its own.
  for file in "$work"/loaded/*.yaml; do sed -i -E "s/^( *profile:) +\"?([^\"]+)\"?\$/\1 \"\2-$((++number))\"/" "$file"; done
  printf 'global: {evaluation_interval: 1s}\nrule_files: ["%s/*.yaml"]\n' "$work/loaded" >"$work/prometheus.yml"
  port=$(free_port) url=http://127.0.0.1:$port
  "$2/prometheus" --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data-$1" --web.listen-address="127.0.0.1:$port" \
    >"$work/log" 2>&1 &
  server=$!
  for _ in $(seq 150); do curl -sf "$url/-/ready" >/dev/null && break; sleep 0.2; done
  curl -sf "$url/-/ready" >/dev/null || { tail -20 "$work/log" >&2; fail "Prometheus $version does not start"; }
  rules='[.data.groups[].rules[]]'
  for _ in $(seq 150); do
    curl -sf "$url/api/v1/rules" >"$work/rules.json"
    ! jq -e "$rules | all(.health != \"unknown\")" "$work/rules.json" >/dev/null || break
    sleep 0.2
  done
  jq -e "$rules | all(.health == \"ok\")" "$work/rules.json" >/dev/null ||
    { jq -r "$rules | .[] | select(.health != \"ok\") | \"\\(.name): \\(.health) \\(.lastError)\"" "$work/rules.json" | sort | uniq -c | head -20 >&2
      fail "Prometheus $version: rules that are not healthy"; }
  local written loaded
  written=$(cat "$work"/loaded/*.yaml | grep -cE '^ *(- )?(record|alert): ' || true)
  loaded=$(jq "$rules | length" "$work/rules.json")
  [ "$written" = "$loaded" ] || fail "Prometheus $version: $written rules are written, $loaded are loaded"
  stop
  echo "ok  Prometheus $version: ${#files[@]} files checked, $loaded rules healthy"
}
try 2 "$two"
try 3 "$LAB_BIN"
[ "$foreign" = 0 ] || echo "    ($foreign files without partial_response_strategy, which is Thanos')"
