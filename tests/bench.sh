#!/usr/bin/env bash
# Figures of the release binary against the lab's API server, for people to read; nothing here passes or fails.
#
#   tests/bench.sh [SIZES] [STEADY-SECONDS]     default 100,1000,5000 and 300
#
# NO_PIPELINE=1 leaves the pure pipeline out.
set -euo pipefail
cd "$(dirname "$0")/.."
eval "$(tests/lab/lab env)"
export PLIMSOLL=${PLIMSOLL:-target/image/plimsoll}
folder=$(mktemp -d)
cleanup() {
  kubectl delete clusterrolebinding plimsoll-bench --ignore-not-found >/dev/null
  kubectl delete namespace plimsoll-bench --ignore-not-found >/dev/null
  rm -rf "$folder"
}
trap cleanup EXIT

kubectl apply --server-side -f crds/ >/dev/null
# A user of its own: so the audit log holds the operator's reads too.
kubectl create namespace plimsoll-bench >/dev/null
kubectl -n plimsoll-bench create serviceaccount operator >/dev/null
kubectl create clusterrolebinding plimsoll-bench --clusterrole=cluster-admin --serviceaccount=plimsoll-bench:operator >/dev/null
token=$(kubectl -n plimsoll-bench create token operator --duration=4h)
export OPERATOR_KUBECONFIG=$folder/config
kubectl config view --flatten --raw |
  sed -e '/client-certificate-data:/d' -e "s|client-key-data:.*|token: $token|" >"$OPERATOR_KUBECONFIG"
echo "binary $(stat -c %s "$PLIMSOLL" | awk '{printf "%.1f MB", $1 / 1e6}')"
# With the flags of the release, whose build has made all but this.
. hack/release-flags
release_flags
cargo build --quiet --release --locked --target "$RELEASE_HOST" --example bench
[ -n "${NO_PIPELINE:-}" ] || cargo bench --quiet --locked --target "$RELEASE_HOST" --bench pipeline -- --noplot
"${CARGO_TARGET_DIR:-target}/$RELEASE_HOST/release/examples/bench" "$@"
