# shellcheck shell=bash
# Which Kubernetes: the pinned one, or an older one that has a module of its own beside it.

minor_of() { # v1.34.4: 1.34
  local rest=${1#v1.}
  echo "1.${rest%%.*}"
}

choose_version() { # sets OLDER, KUBE_MODULE, KUBE_VERSION and KUBE_BIN
  OLDER='' KUBE_MODULE=$HERE KUBE_BIN=$LAB_BIN
  KUBE_VERSION=$(pinned "$HERE/go.mod" k8s.io/kubernetes)
  [ -n "$KUBERNETES" ] && [ "$KUBERNETES" != "$(minor_of "$KUBE_VERSION")" ] || return 0
  OLDER=$KUBERNETES KUBE_MODULE=$HERE/kubernetes-$KUBERNETES KUBE_BIN=$LAB_BIN-$KUBERNETES
  [ -f "$KUBE_MODULE/go.mod" ] || die "no Kubernetes $KUBERNETES here: there are $(minor_of "$KUBE_VERSION")$(others)"
  KUBE_VERSION=$(pinned "$KUBE_MODULE/go.mod" k8s.io/kubernetes)
}

others() {
  local module
  for module in "$HERE"/kubernetes-*/; do printf ', %s' "$(basename "$module" | sed 's/^kubernetes-//')"; done
}

no_node_of_an_older_version() { [ -z "$OLDER" ] || die "Kubernetes $OLDER is a control plane only: leave \`node\` and \`monitoring up\` out"; }

# What runs is of the version that is asked for: `up` would else be content with any.
same_version_as_runs() {
  local runs
  if alive kube-apiserver; then
    runs=$(cat "$LAB_RUN/kubernetes" 2>/dev/null || pinned "$HERE/go.mod" k8s.io/kubernetes)
    [ "$runs" = "$KUBE_VERSION" ] || die "Kubernetes $runs runs here, and $KUBE_VERSION is asked for: run 'lab down' first"
  fi
  echo "$KUBE_VERSION" >"$LAB_RUN/kubernetes"
}
