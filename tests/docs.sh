#!/usr/bin/env bash
# The documentation against the code: its commands run, its links lead somewhere, and nothing that users can see is left out.
#
#   tests/docs.sh
#
# Every shell block is preceded by `<!-- test -->`, and is run here, or by `<!-- not run in CI -->`.
# Needs Lua (5.1 as in Argo CD, or 5.4) for the health script.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cargo build --locked --quiet --bin plimsoll
PATH=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd):$PATH
pages=(README.md CHANGELOG.md docs/*.md)
failures=0
fail() { echo "FAILED $*" >&2; failures=$((failures + 1)); }

# --- the shell blocks -----------------------------------------------------------------------------------------------
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir "$work/blocks"
for page in "${pages[@]}"; do
  awk -v page="$page" -v out="$work/blocks/$(basename "$page" .md)" '
    /^```(sh|bash|shell|console)$/ {
      if (before == "<!-- test -->") { file = out "-" FNR ".sh"; print "# " page ":" FNR > file }
      else if (before != "<!-- not run in CI -->") print page ":" FNR ": a shell block without a mark" > "/dev/stderr"
      next
    }
    /^```/ { if (file) close(file); file = "" }
    file { print > file }
    NF { before = $0 }
  ' "$page" 2>"$work/unmarked"
  while read -r line; do fail "$line"; done <"$work/unmarked"
done
ran=0
for block in "$work"/blocks/*.sh; do
  rm -rf "$work/run"; mkdir "$work/run"
  cp -r deploy "$work/run"
  ran=$((ran + 1))
  (cd "$work/run" && bash -euo pipefail "$block" >"$work/out" 2>&1) || fail "$(head -1 "$block" | cut -c3-): $(tail -3 "$work/out")"
done
((ran >= 2)) || fail "only $ran shell blocks were run"

# --- links ----------------------------------------------------------------------------------------------------------
anchors() { # of a page, as GitHub makes them
  grep -E '^#+ ' "$1" | sed -E 's/^#+ //; s/[`*]//g' | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}
for page in "${pages[@]}"; do
  while IFS= read -r link; do
    file=${link%%#*} anchor=${link#"$file"}
    target=$page
    [ -z "$file" ] || target=$(dirname "$page")/$file
    [ -e "$target" ] || { fail "$page: no file $link"; continue; }
    [ -z "$anchor" ] || anchors "$target" | grep -qxF -- "${anchor#\#}" || fail "$page: no anchor $link"
  done < <(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(//; s/\)$//' | grep -vE '^https?://' | sort -u)
done

# --- nothing is left out --------------------------------------------------------------------------------------------
documented() { # PAGE WHAT NAME…: each name is in the page as code or as a heading
  local page=$1 what=$2 name count=0; shift 2
  for name; do
    count=$((count + 1))
    grep -qE "(\`$name\`|^### $name\$)" "$page" || fail "$page does not tell of the $what $name"
  done
  ((count > 3)) || fail "only $count names of a $what were found"
}
mapfile -t flags < <(plimsoll run --help | grep -oE '^ +--[a-z-]+' | tr -d ' ')
documented docs/operations.md flag "${flags[@]}"
mapfile -t alerts < <(cat tests/golden/profiles/*/rules.yaml tests/golden/chart/*.yaml | sed -nE 's/^ *- alert: //p' | sort -u)
documented docs/operations.md alert "${alerts[@]}"
for alert in "${alerts[@]}"; do
  grep -qx "### $alert" docs/operations.md || fail "docs/operations.md has no runbook for $alert"
done
mapfile -t metrics < <(grep -ohE '(register\( *|encode_descriptor\(|gauges\( *&mut encoder, *|^ *)"[a-z_]+",? *$|(r\.register|registry\.register|encode_descriptor)\("[a-z_]+"' \
  src/metrics.rs src/profile/collector.rs | grep -oE '"[a-z_]+"' | tr -d '"' | sort -u)
for metric in "${metrics[@]}"; do
  grep -qE "\`plimsoll_$metric(_total|_info)?\`" docs/operations.md || fail "docs/operations.md does not tell of the metric plimsoll_$metric"
done
((${#metrics[@]} >= 15)) || fail "only ${#metrics[@]} metrics were found"
mapfile -t reasons < <(sed -n '/^pub mod reasons/,/^}/s/.*const \([A-Z_]*\): &str = "\(.*\)";/\1 \2/p' src/api.rs |
  while read -r constant reason; do ! grep -rqw "reasons::$constant" src || echo "$reason"; done)
documented docs/failure-modes.md reason "${reasons[@]}"
mapfile -t conditions < <(sed -n '/^pub mod conditions/,/^}/s/.*&str = "\(.*\)";/\1/p' src/api.rs)
documented docs/failure-modes.md condition "${conditions[@]}"
mapfile -t recorded < <(sed -nE 's/^ *- record: (plimsoll:[a-z_]+:(ratio|events)|plimsoll:objective_info)$/\1/p' tests/golden/profiles/08-*/rules.yaml | sort -u | grep -v _info)
for name in "${recorded[@]}"; do grep -q "$name" docs/slo-math.md || fail "docs/slo-math.md does not tell of $name"; done

# --- Argo CD --------------------------------------------------------------------------------------------------------
lua=$(command -v lua5.1 || command -v lua5.4 || command -v lua || true)
if [ -n "$lua" ]; then
  "$lua" tests/argocd-health.lua docs/argocd-health.lua || fail "docs/argocd-health.lua"
else
  fail "no Lua to run docs/argocd-health.lua with: apt-get install lua5.4"
fi

cd "$root"
((failures == 0)) || { echo "documentation: $failures failures" >&2; exit 1; }
echo "documentation: $ran blocks run, ${#flags[@]} flags, ${#metrics[@]} metrics, ${#alerts[@]} alerts, ${#reasons[@]} reasons"
