# shellcheck shell=bash
# prometheus-operator beside the kubelet, and a Prometheus in a pod of its own.

OPERATOR_MODULE=github.com/prometheus-operator/prometheus-operator

monitoring_crds() { # they come with the operator's module
  local crds version
  alive kube-apiserver || die "no API server: run 'lab up' first"
  crds=$(cd "$HERE/prometheus-operator" && go mod download "$OPERATOR_MODULE" &&
    go list -m -f '{{.Dir}}/example/prometheus-operator-crd' "$OPERATOR_MODULE")
  version=$(pinned "$HERE/prometheus-operator/go.mod" "$OPERATOR_MODULE")
  # Server-side apply: they are larger than what client-side apply can write into an annotation. It takes seconds, so
  # it is left out where all of them are there.
  [ "$(crds_of_version "${version#v}")" = "$(find "$crds" -name '*.yaml' | wc -l)" ] && return
  kubectl apply --server-side --force-conflicts -f "$crds" >/dev/null
  kubectl wait --for=condition=Established --timeout=30s -f "$crds" >/dev/null
}

crds_of_version() { # VERSION: how many there are
  kubectl get customresourcedefinitions \
    -o jsonpath='{range .items[*]}{.metadata.annotations.operator\.prometheus\.io/version}{"\n"}{end}' | grep -cxF "$1"
}

prometheus_is_ready() { curl -sf --max-time 2 "$PROMETHEUS_URL/-/ready"; }

monitoring_up() {
  [ -x "$LAB_BIN/prometheus-operator" ] || die "no binaries for monitoring: run 'lab build full' first"
  monitoring_crds
  image_of localhost/prometheus:lab prometheus
  image_of localhost/prometheus-config-reloader:lab prometheus-config-reloader
  start prometheus-operator 10380 "$LAB_BIN/prometheus-operator" --apiserver=https://127.0.0.1:6443 \
    --ca-file="$PKI/ca.crt" --cert-file="$PKI/admin.crt" --key-file="$PKI/admin.key" \
    --web.listen-address=127.0.0.1:10380 --prometheus-config-reloader=localhost/prometheus-config-reloader:lab
  sed -e "s/PROMETHEUS_SERVICE_IP/$PROMETHEUS_SERVICE_IP/; s/PROMETHEUS_VERSION/$PROMETHEUS_VERSION/" \
    "$HERE/manifests/prometheus.yaml" | kubectl apply -f - >/dev/null
  wait_for 90 prometheus-operator prometheus_is_ready
  echo "Prometheus: $PROMETHEUS_URL"
}

monitoring_down() { # the definitions stay, and with them the rules and monitors that others have made
  alive kube-apiserver || die "no API server: run 'lab up' first"
  sed -e "s/PROMETHEUS_SERVICE_IP/$PROMETHEUS_SERVICE_IP/" "$HERE/manifests/prometheus.yaml" |
    kubectl delete --ignore-not-found --wait -f - >/dev/null
  stop TERM prometheus-operator
}
