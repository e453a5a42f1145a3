# shellcheck shell=bash
# The system packages, and the binaries. A Go binary says itself of which module version it is: no stamp files.

# gcc and the C library's headers are for Rust's linker and aws-lc; g++ for the runtime of the fuzz targets; jq and lua for the tests of charts and docs.
PACKAGES=(buildah ca-certificates containernetworking-plugins curl g++ gcc git iproute2 jq libc6-dev lua5.4 make mmdebstrap nftables
  openssl procps python3 runc)

lists_are_fresh() {
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null && [ -n "$(find /var/lib/apt/lists -maxdepth 1 -mmin -1440 -print -quit)" ]
}
update_lists() { apt-get update -q >/dev/null || true; } # a foreign source that does not answer is no reason to give up
install_packages() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@" >/dev/null; }

deps() {
  local package missing=()
  for package in "${PACKAGES[@]}"; do
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if ((${#missing[@]})); then
    say "installing ${missing[*]}"
    # The lists count as fresh for a day; if the mirror has moved on meanwhile, they are not.
    lists_are_fresh || update_lists
    install_packages "${missing[@]}" || { update_lists; install_packages "${missing[@]}"; }
  fi
  command -v go >/dev/null || die "Go is missing: the binaries are built with the version that go.mod names, or a newer one"
}

pinned() { # GO.MOD MODULE: the version that it requires
  awk -v module="$2" '$1 == "require" { sub(/^require /, "") } $1 == module { print $2; exit }' "$1"
}

is_built() { # BINARY MODULE VERSION
  [ -x "$LAB_BIN/$1" ] && go version -m "$LAB_BIN/$1" 2>/dev/null |
    awk -v module="$2" -v version="$3" '($1 == "mod" || $1 == "dep") && $2 == module && $3 == version { found = 1 } END { exit !found }'
}

compile() { # BINARY MODULE VERSION COMMAND...: the command gets the path to build at as its last argument
  local name=$1 module=$2 version=$3 from=$SECONDS
  shift 3
  is_built "$name" "$module" "$version" && return
  say "building $name ($module $version)"
  (export CGO_ENABLED=0 && "$@" "$LAB_BIN/$name.new")
  mv "$LAB_BIN/$name.new" "$LAB_BIN/$name" # a binary that runs is replaced, not overwritten
  say "built $name in $((SECONDS - from)) s"
}

in_module() { # DIRECTORY LDFLAGS PACKAGE OUTPUT
  (cd "$1" && go build -buildvcs=false -ldflags "$2" -o "$4" "$3")
}

elsewhere() { # PACKAGE@VERSION [GO-FLAG]... OUTPUT: of a module that can be built as it is
  local bin package=$1 output=${*: -1}
  bin=$(scratch)
  (cd / && GOBIN=$bin go install -buildvcs=false -ldflags=-s "${@:2:$#-2}" "$package")
  mv "$bin"/* "$output"
}

without_pages() { # MODULE VERSION DIRECTORY COMMAND OUTPUT: of a module that embeds web pages which its archive has not
  local work module=$1 version=$2
  work=$(scratch)
  (
    cd "$work"
    cp -r "$(cd / && go mod download -json "$module@$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" module
    chmod -R u+w module
    mkdir -p "module/$3" main
    echo 'Built without its web pages.' >"module/$3/index.html"
    # As a dependency, so that the binary names the version that it is of.
    sed "s,^module .*,module plimsoll.dev/lab/pages," module/go.mod >main/go.mod
    cp module/go.sum main
    cd main
    go mod edit -require "$module@$version" -replace "$module=../module"
    go build -mod=mod -buildvcs=false -ldflags "-s -X github.com/prometheus/common/version.Version=${version#v}" -o "$5" "$module/$4"
  )
}

oracle() { # KUBERNETES: of the module above, but it is edited more often than that: its build says of which sources it is
  local sources name=hpa-oracle
  sources=$(cat "$HERE/$name"/*.go | sha256sum | cut -c-16)
  { go version -m "$LAB_BIN/$name" || true; } 2>/dev/null | grep -q "main.sources=$sources" || rm -f "$LAB_BIN/$name"
  compile "$name" k8s.io/kubernetes "$1" in_module "$HERE" "-s -w -X main.sources=$sources" "./$name"
}

kube() { # VERSION: the multi-call binary of the module $KUBE_MODULE, into $KUBE_BIN, with a link for each COMPONENT
  local minor package=k8s.io/component-base/version LAB_BIN=$KUBE_BIN name
  minor=$(minor_of "$1")
  mkdir -p "$LAB_BIN"
  compile kube k8s.io/kubernetes "$1" in_module "$KUBE_MODULE" \
    "-s -w -X $package.gitVersion=$1 -X $package.gitMajor=1 -X $package.gitMinor=${minor#1.}" .
  for name in "${@:2}"; do ln -sf kube "$LAB_BIN/$name"; done
}

build() { # [full|hpa-oracle]
  local kubernetes operator name
  kubernetes=$(pinned "$HERE/go.mod" k8s.io/kubernetes)
  if [ "${1:-}" = hpa-oracle ]; then
    oracle "$kubernetes"
    return
  fi
  scratch_open

  KUBE_MODULE=$HERE KUBE_BIN=$LAB_BIN kube "$kubernetes" \
    etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl
  [ -z "$OLDER" ] || kube "$KUBE_VERSION" kube-apiserver kube-controller-manager kube-scheduler kubectl
  [ "${1:-}" = full ] || return 0

  for name in containerd containerd-shim-runc-v2 ctr; do
    compile "$name" github.com/containerd/containerd/v2 "$CONTAINERD" \
      elsewhere "github.com/containerd/containerd/v2/cmd/$name@$CONTAINERD"
  done
  oracle "$kubernetes"
  compile pause plimsoll.dev/lab "(devel)" in_module "$HERE" "-s -w" ./pause
  compile metrics-server sigs.k8s.io/metrics-server "$METRICS_SERVER" \
    elsewhere "sigs.k8s.io/metrics-server/cmd/metrics-server@$METRICS_SERVER"
  compile coredns github.com/coredns/coredns "$COREDNS" elsewhere "github.com/coredns/coredns@$COREDNS"
  # The SDKs for service discovery are most of Prometheus's build: the one that a cluster needs is kept.
  for name in prometheus promtool; do
    compile "$name" github.com/prometheus/prometheus "$PROMETHEUS" \
      elsewhere "github.com/prometheus/prometheus/cmd/$name@$PROMETHEUS" -tags remove_all_sd,enable_kubernetes_sd \
      -ldflags "-s -X github.com/prometheus/common/version.Version=$PROMETHEUS_VERSION"
  done
  for name in alertmanager amtool; do
    compile "$name" github.com/prometheus/alertmanager "$ALERTMANAGER" \
      without_pages github.com/prometheus/alertmanager "$ALERTMANAGER" ui/app/dist "cmd/$name"
  done
  # Its go.mod has replace directives, which `go install` refuses: a module of ours names its commands as tools.
  operator=$(pinned "$HERE/prometheus-operator/go.mod" "$OPERATOR_MODULE")
  compile prometheus-operator "$OPERATOR_MODULE" "$operator" in_module "$HERE/prometheus-operator" -s "$OPERATOR_MODULE/cmd/operator"
  compile prometheus-config-reloader "$OPERATOR_MODULE" "$operator" \
    in_module "$HERE/prometheus-operator" -s "$OPERATOR_MODULE/cmd/prometheus-config-reloader"
  compile helm helm.sh/helm/v4 "$HELM" elsewhere "helm.sh/helm/v4/cmd/helm@$HELM"
}
