# shellcheck shell=bash
# Who gets in, and who can listen.

row_lookup() { # users looked up in the database, by the function of `plimsoll pooler-sql`: new ones, expired ones, superusers
  local begun new r before
  before=$(lives)
  k create secret generic auth-db-lookup --dry-run=client -o yaml --from-literal=password=the-poolers-may-ask-who-is-who | k apply -f - >/dev/null
  sql "$primary" "drop role if exists newcomer; drop role if exists expired; create role expired login password 'old' valid until '2020-01-01'"
  pooling '{"auth":{"userlistSecretRef":null,"authQuery":{"user":"plimsoll_auth","function":"plimsoll.user_lookup","passwordSecretRef":{"name":"auth-db-lookup"}}}}'
  await 120 'the condition' settled
  check 'the service gets in, its SCRAM secret passed through' through_pool azora 'select'
  begun=$(now)
  sql "$primary" "create role newcomer login password 'new'"
  check 'a new user gets in, without a change here' as newcomer new
  new=$(since "$begun")
  check 'with a wrong password he does not' not as newcomer wrong
  check 'nor does one whose password has expired' not as expired old
  sql "$primary" "alter role postgres password 'super'"
  check 'nor a superuser' not as postgres super
  # The role must go from the lookup's connections before it can be dropped from the primary by the next repetition.
  result "new_user_seconds=$new"
}
as() { k exec "auth-db-$primary" -- env PGPASSWORD="$2" "$bin/psql" -qtAX "host=auth-pgbouncer user=$1 dbname=azora connect_timeout=5" -c 'select' >/dev/null 2>&1; }

row_tls() { # encrypted and verified on both sides
  local to
  "$here/lib/certificates.sh" "$work/tls" "$ns"
  k create secret generic auth-pooler-tls --dry-run=client -o yaml --from-file="$work/tls/tls.crt" --from-file="$work/tls/tls.key" | k apply -f - >/dev/null
  k create secret generic auth-db-ca --dry-run=client -o yaml --from-file="$work/tls/ca.crt" | k apply -f - >/dev/null
  k create secret generic auth-db-tls --dry-run=client -o yaml --from-file="$work/tls/tls.crt" --from-file="$work/tls/tls.key" --from-file="$work/tls/ca.crt" | k apply -f - >/dev/null
  servers; users
  pooling "{\"primary\":{\"host\":\"auth-db-1\"},\"replicas\":[{\"host\":\"auth-db-2\"}],\"tls\":{\"client\":{\"secretRef\":{\"name\":\"auth-pooler-tls\"},\"mode\":\"require\"},\"server\":{\"secretRef\":{\"name\":\"auth-db-ca\"},\"mode\":\"verify-full\"}}}"
  await 120 'the condition' settled
  check 'a client that verifies the pool gets in' over_tls sslmode=verify-full sslrootcert=/tls/ca.crt
  check 'one that does not encrypt does not' not over_tls sslmode=disable
  for to in azora azora_ro; do
    check "the pool's connection to the server of $to is encrypted" encrypted "$to"
  done
  # A server that calls itself by another name is not trusted.
  pooling "{\"primary\":{\"host\":\"$(k get service auth-db-1 -o 'jsonpath={.spec.clusterIP}')\"}}"
  await 60 'the condition' reason_is CertificateInvalid
  check 'a server of another name is not used' not over_tls sslmode=require
  result 'client=require server=verify-full'
}
over_tls() { k exec "auth-db-$primary" -- sh -c 'PGPASSWORD=$APP_PASSWORD exec '"$bin"'/psql -qtAX "host=auth-pgbouncer user=azora dbname=azora connect_timeout=5 $*" -c select' - "$@" >/dev/null 2>&1; }
encrypted() { [ "$(k exec "auth-db-$primary" -- sh -c 'PGPASSWORD=$APP_PASSWORD exec '"$bin"'/psql -qtAX "host=auth-pgbouncer user=azora dbname=$0 sslmode=require connect_timeout=5" -c "select ssl from pg_stat_ssl where pid = pg_backend_pid()"' "$1")" = t ]; }
