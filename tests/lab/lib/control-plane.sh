# shellcheck shell=bash
# Certificates, etcd, kube-apiserver, kube-controller-manager, kube-scheduler.

issue() { # DIRECTORY NAME COMMON-NAME ORGANISATION [SUBJECT-ALTERNATIVE-NAMES]
  local file=$1/$2
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$file.key" -out "$file.csr" -subj "/O=$4/CN=$3" 2>/dev/null
  openssl x509 -req -in "$file.csr" -CA "$1/ca.crt" -CAkey "$1/ca.key" -CAcreateserial -days 3650 -out "$file.crt" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=clientAuth,serverAuth\n' "${5:-DNS:localhost}") 2>/dev/null
  rm "$file.csr"
}

kubeconfig() { # DIRECTORY NAME: self-contained, so that it can be copied
  cat >"$1/$2.conf" <<Y
apiVersion: v1
kind: Config
clusters: [{name: lab, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: $(base64 -w0 "$1/ca.crt")}}]
users: [{name: $2, user: {client-certificate-data: $(base64 -w0 "$1/$2.crt"), client-key-data: $(base64 -w0 "$1/$2.key")}}]
contexts: [{name: lab, context: {cluster: lab, user: $2}}]
current-context: lab
Y
}

certificates() {
  [ -d "$PKI" ] && return
  local new=$PKI.new user
  rm -rf "$new"
  mkdir -p "$new"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$new/ca.key" -out "$new/ca.crt" \
    -days 3650 -subj /CN=plimsoll-lab 2>/dev/null
  issue "$new" apiserver kube-apiserver lab \
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$API_SERVICE_IP,IP:$NODE_IP"
  issue "$new" front front-proxy-client lab
  issue "$new" admin admin system:masters
  issue "$new" controller-manager system:kube-controller-manager system:kube-controller-manager
  issue "$new" scheduler system:kube-scheduler system:kube-scheduler
  issue "$new" kubelet system:node:node1 system:nodes "DNS:node1,IP:$NODE_IP,IP:127.0.0.1"
  issue "$new" proxy system:kube-proxy system:node-proxier
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$new/sa.key" 2>/dev/null
  openssl pkey -in "$new/sa.key" -pubout -out "$new/sa.pub"
  for user in admin controller-manager scheduler kubelet proxy; do kubeconfig "$new" "$user"; done
  mv "$new" "$PKI" # whole or not at all
}

api_is_ready() { # all of /readyz, RBAC bootstrap included: controllers that start before it die
  curl -sf --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" https://127.0.0.1:6443/readyz
}

control_plane() {
  local boot apiserver_flags controller_manager_flags
  [ "$(id -u)" = 0 ] || die "only root can make the bridge, the mounts and the containers"
  [ -x "$LAB_BIN/kube" ] && [ -x "$KUBE_BIN/kube" ] || die "no binaries: run '${OLDER:+KUBERNETES=$OLDER }lab build' first"
  boot=$(</proc/sys/kernel/random/boot_id)
  if [ -d "$LAB_RUN" ] && [ "$(cat "$LAB_RUN/boot" 2>/dev/null)" != "$boot" ]; then
    say "what is left from before the machine's restart, or of an older lab, goes"
    down
  fi
  mkdir -p "$LAB_RUN"
  chmod 700 "$LAB_RUN" # it holds the keys
  echo "$boot" >"$LAB_RUN/boot"
  same_version_as_runs
  certificates
  # The API server advertises the bridge's address: so pods reach it, through the service `kubernetes`.
  ip link show lab0 >/dev/null 2>&1 || { ip link add lab0 type bridge; ip addr add "$NODE_IP/24" dev lab0; ip link set lab0 up; }

  read -ra apiserver_flags <<<"${APISERVER_FLAGS:-}"
  read -ra controller_manager_flags <<<"${CONTROLLER_MANAGER_FLAGS---horizontal-pod-autoscaler-sync-period=5s}"
  start etcd 2379 "$LAB_BIN/etcd" --data-dir "$LAB_RUN/etcd" --unsafe-no-fsync --listen-client-urls http://127.0.0.1:2379 \
    --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  start kube-apiserver 6443 "$KUBE_BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 --secure-port=6443 \
    --advertise-address="$NODE_IP" --service-cluster-ip-range="$SERVICE_CIDR" --authorization-mode=Node,RBAC \
    --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$PKI/sa.pub" \
    --service-account-signing-key-file="$PKI/sa.key" --kubelet-client-certificate="$PKI/admin.crt" \
    --kubelet-client-key="$PKI/admin.key" --kubelet-preferred-address-types=InternalIP --allow-privileged=true \
    --requestheader-client-ca-file="$PKI/ca.crt" --requestheader-allowed-names=front-proxy-client \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file="$PKI/front.crt" \
    --proxy-client-key-file="$PKI/front.key" --enable-aggregator-routing=true --enable-admission-plugins=NodeRestriction \
    --audit-policy-file="$HERE/manifests/audit-policy.yaml" --audit-log-path="$AUDIT_LOG" \
    --audit-log-maxsize=100 --audit-log-maxbackup=1 "${apiserver_flags[@]}"
  wait_for 90 kube-apiserver api_is_ready
  start kube-controller-manager 10257 "$KUBE_BIN/kube-controller-manager" --kubeconfig="$PKI/controller-manager.conf" \
    --authentication-kubeconfig="$PKI/controller-manager.conf" --authorization-kubeconfig="$PKI/controller-manager.conf" \
    --root-ca-file="$PKI/ca.crt" --service-account-private-key-file="$PKI/sa.key" --use-service-account-credentials=true \
    --leader-elect=false --allocate-node-cidrs=false --flex-volume-plugin-dir="$LAB_RUN/volume-plugins" "${controller_manager_flags[@]}"
  start kube-scheduler 10259 "$KUBE_BIN/kube-scheduler" --kubeconfig="$PKI/scheduler.conf" \
    --authentication-kubeconfig="$PKI/scheduler.conf" --authorization-kubeconfig="$PKI/scheduler.conf" --leader-elect=false
  wait_for 60 kube-controller-manager kubectl get serviceaccount default
}
