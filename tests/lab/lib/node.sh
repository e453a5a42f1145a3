# shellcheck shell=bash
# What runs pods: containerd, kubelet, kube-proxy, CoreDNS, metrics-server.

# What a kubelet and containerd put outside of their own directories, and change in the kernel: `down` gives it back.
BORROWED_PATHS=(/run/containerd /var/lib/cni /var/lib/kubelet /var/log/containers /opt/containerd)
BORROWED_SYSCTLS=(net.ipv4.ip_forward vm.overcommit_memory kernel.panic kernel.panic_on_oops)

remember_what_was() {
  [ -f "$LAB_RUN/borrowed" ] && return
  local path key
  {
    for path in "${BORROWED_PATHS[@]}"; do [ -e "$path" ] || echo "path $path"; done
    for key in "${BORROWED_SYSCTLS[@]}"; do echo "sysctl $key $(sysctl -n "$key")"; done
  } >"$LAB_RUN/borrowed"
}

ctr() { # without its word on cgroup v1 at every call
  CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 "$LAB_BIN/ctr" --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"
}

node_configuration() {
  mkdir -p "$LAB_RUN"/{cni,kubelet,state,metrics-server}
  cat >"$LAB_RUN/cni/10-lab.conflist" <<Y
{"cniVersion": "1.0.0", "name": "lab", "plugins": [
  {"type": "bridge", "bridge": "lab0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$LAB_RUN/ipam", "routes": [{"dst": "0.0.0.0/0"}],
            "ranges": [[{"subnet": "$POD_CIDR", "rangeStart": "${POD_CIDR%.*}.10"}]]}}]}
Y
  # restrict_oom_score_adj: without CAP_SYS_RESOURCE no process may lower its score, and runc fails where it is asked to.
  cat >"$LAB_RUN/containerd.toml" <<Y
version = 3
root = "$LAB_RUN/containerd"
state = "$LAB_RUN/state"
[grpc]
address = "$CONTAINERD_SOCKET"
[plugins.'io.containerd.internal.v1.opt']
path = "$LAB_RUN/opt"
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "localhost/pause:lab"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "$LAB_RUN/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "$(command -v runc)"
Y
  # syncFrequency: how long a changed ConfigMap takes into a running pod. Images cannot be pulled again: a full disk
  # must neither collect them nor evict.
  cat >"$LAB_RUN/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $PKI/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
enforceNodeAllocatable: []
localStorageCapacityIsolation: false
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 50Mi}
syncFrequency: 2s
clusterDomain: cluster.local
clusterDNS: [$DNS_SERVICE_IP]
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
podLogsDir: $LAB_RUN/pods
volumePluginDir: $LAB_RUN/volume-plugins
makeIPTablesUtilChains: false
tlsCertFile: $PKI/kubelet.crt
tlsPrivateKeyFile: $PKI/kubelet.key
Y
  printf '.:53 {\n  errors\n  bind %s\n  kubernetes cluster.local {\n    kubeconfig %s\n  }\n}\n' "$NODE_IP" "$KUBECONFIG" >"$LAB_RUN/Corefile"
}

node() {
  [ -x "$LAB_BIN/metrics-server" ] || die "no binaries for a node: run 'lab build full' first"
  remember_what_was
  sysctl -qw net.ipv4.ip_forward=1
  node_configuration
  PATH=$LAB_BIN:$PATH start containerd - "$LAB_BIN/containerd" --config "$LAB_RUN/containerd.toml"
  wait_for 60 containerd ctr version
  image_of localhost/pause:lab pause
  start kubelet 10250 "$LAB_BIN/kubelet" --config="$LAB_RUN/kubelet.yaml" --kubeconfig="$PKI/kubelet.conf" \
    --hostname-override=node1 --node-ip="$NODE_IP" --root-dir="$LAB_RUN/kubelet"
  # Zero: the machine's connection tracking stays as it is.
  start kube-proxy 10256 "$LAB_BIN/kube-proxy" --kubeconfig="$PKI/proxy.conf" --hostname-override=node1 --proxy-mode=nftables \
    --cluster-cidr="$POD_CIDR" --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s
  start coredns - "$LAB_BIN/coredns" -conf "$LAB_RUN/Corefile"
  start metrics-server 4443 "$LAB_BIN/metrics-server" --kubeconfig="$KUBECONFIG" --authentication-kubeconfig="$KUBECONFIG" \
    --authorization-kubeconfig="$KUBECONFIG" --secure-port=4443 --kubelet-insecure-tls \
    --kubelet-preferred-address-types=InternalIP --metric-resolution=10s --kubelet-request-timeout=5s --cert-dir="$LAB_RUN/metrics-server"
  sed -e "s/DNS_SERVICE_IP/$DNS_SERVICE_IP/; s/NODE_IP/$NODE_IP/" "$HERE/manifests/node-services.yaml" | kubectl apply -f - >/dev/null
  wait_for 60 kubelet kubectl wait --for=condition=Ready node/node1 --timeout=1s
  kubectl label node node1 topology.kubernetes.io/zone=zone-a --overwrite >/dev/null
}
