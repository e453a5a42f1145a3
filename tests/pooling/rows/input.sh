# shellcheck shell=bash
# What users write that cannot be, and what they name that is not there.

# A merge patch of spec.pooling.postgres, and the word that the answer has to say: of the API server, or of the condition.
invalid() {
  cat <<'END'
{"parameters":{"query_wait_timout":"30"}}|query_wait_timout
{"parameters":{"query_wait_timeout":"soon"}}|query_wait_timeout
{"parameters":{"query_wait_timeout":"-1"}}|query_wait_timeout
{"parameters":{"pool_mode":"session"}}|poolMode
{"parameters":{"auth_file":"/etc/passwd"}}|auth_file
{"parameters":{"listen_port":"6432"}}|listen_port
{"parameters":{"admin_users":"azora"}}|admin_users
{"parameters":{"transaction_timeout":"30"}}|transaction_timeout
{"parameters":{"server_tls_protocols":"ssl3"}}|server_tls_protocols
{"parameters":{"unix_socket_dir":"/tmp"}}|unix_socket_dir
{"parameters":{"log_connections":"perhaps"}}|log_connections
{"parameters":{"server_lifetime":"1"}}|server
{"parameters":{"Query_Wait":"1"}}|parameter
{"version":"1.18"}|version
{"instances":{"min":7,"max":2}}|instances
{"maxClientConn":0}|maxClientConn
{"defaultPoolSize":0}|defaultPoolSize
{"poolMode":"Transaction"}|poolMode
{"serverLifetime":"30d"}|serverLifetime
{"primary":{"host":"auth-db-1:5432"}}|host
{"databases":[{"name":"pgbouncer"}]}|pgbouncer
{"databases":[]}|databases
{"connectionBudget":{"share":"110 %"}}|share
{"replicaLag":{"maxBytes":"16MB"}}|maxBytes
{"pauseLimit":"10m"}|pauseLimit
{"auth":{"userlistSecretRef":null}}|auth
{"resources":{"limits":{"cpu":"lots"}}}|cpu
END
}
# A tenant's ways out of his value: into the file, another file, another namespace's Secret.
injection() {
  cat <<'END'
{"auth":{"userlistSecretRef":{"name":"kube-system/token"}}}|Secret
{"auth":{"userlistSecretRef":{"name":"../token"}}}|Secret
{"auth":{"userlistSecretRef":{"name":"auth-db-users","key":"../../token"}}}|key
{"auth":{"userlistSecretRef":{"name":"auth-db-users","namespace":"kube-system"}}}|namespace
{"monitoring":{"secretRef":{"name":"monitoring/prometheus"}}}|Secret
{"parameters":{"query_wait_timeout":"%include /etc/passwd"}}|parameter
{"parameters":{"query_wait_timeout":"30\nadmin_users = azora"}}|parameter
{"parameters":{"server_check_query":"select '1"}}|parameter
{"parameters":{"server_check_query":"select 1;"}}|parameter
{"parameters":{"%include /etc/passwd":"x"}}|parameter
{"primary":{"host":"a\n%include /etc/passwd"}}|host
{"primary":{"host":"a port=1 user=postgres"}}|host
{"replicas":[{"host":"a,b"}]}|host
{"databases":[{"name":"azora = host=evil"}]}|name
{"databases":[{"name":"azora","dbname":"a'b"}]}|dbname
{"auth":{"authQuery":{"user":"a\"b","function":"a.b"}}}|user
{"auth":{"authQuery":{"user":"a","function":"a.b($1); drop table x"}}}|function
END
}

# Each: refused by the API server, or named in the condition; either way what runs stays as it is.
refused() { # PATCH WORD
  local answer
  if ! answer=$(k patch "$profiles" auth --type merge -p "{\"spec\":{\"pooling\":{\"postgres\":$1}}}" 2>&1 >/dev/null) || [[ "$answer" == *'unknown field'* ]]; then
    by_server=$((by_server + 1))
    grep -qi -- "$2" <<<"$answer" || { echo "        $1: $answer"; return 1; }
    # An unknown field is dropped with a warning, by kubectl's default; nothing of it is stored.
    return 0
  fi
  by_condition=$((by_condition + 1))
  await 15 "a condition that says $2" named_in_condition "$2" || { echo "        $1: $(condition PoolingReady)"; row_failed=1; }
  k patch "$profiles" auth --type json -p "[{\"op\":\"replace\",\"path\":\"/spec\",\"value\":$good}]" >/dev/null
  await 15 'the condition' settled
}
named_in_condition() { local said; said=$(condition PoolingReady); [[ "$said" == False* ]] && grep -qi -- "$1" <<<"$said"; }
each() { # LIST
  local patch word
  while IFS='|' read -r patch word; do
    tried=$((tried + 1))
    check "$patch" refused "$patch" "$word" </dev/null
  done < <("$1")
}

row_input() { # 27 settings that cannot be, a Secret that is not there, a wrong password, a primary that does not answer
  local good tried=0 by_server=0 by_condition=0 before document r
  good=$(k get "$profiles" auth -o json | jq -c .spec)
  before=$(lives) document=$(wanted_hash)
  begin hot --clients 5 --think 100ms; sleep 2
  each invalid
  check 'no pooler was touched' is "$(lives)" "$before"
  check 'nor its configuration' is "$(wanted_hash)" "$document"

  say 'a Secret that is not there'
  pooling '{"auth":{"userlistSecretRef":{"name":"nobody"}}}'
  await 60 'a condition that names the reference to the Secret' named_in_condition userlistSecretRef
  check 'a pooler still serves' through_pool azora 'select'
  restore
  say 'a wrong password of the agents'
  k patch secret auth-db-monitor -p '{"stringData":{"password":"wrong"}}' >/dev/null
  await 90 'the condition AuthenticationFailed' reason_is AuthenticationFailed
  check 'clients are served all the same' through_pool azora 'select'
  users
  await 90 'the condition' settled
  end hot; r=$ended
  nothing_cut "$r"
  say 'a primary that does not answer'
  pooling '{"primary":{"host":"auth-db-nowhere"}}'
  await 60 'the condition PrimaryUnreachable' reason_is PrimaryUnreachable
  # What PgBouncer's log says comes first, and has no name; the agent's own looks have.
  await 20 'the host in the condition' named_in_condition auth-db-nowhere
  restore
  check 'and all is well again' through_pool azora 'select'
  result "settings=$tried refused_by_server=$by_server by_condition=$by_condition $(figures "$r")"
}
reason_is() { [[ "$(condition PoolingReady)" == "False $1 "* ]]; }
restore() { k patch "$profiles" auth --type json -p "[{\"op\":\"replace\",\"path\":\"/spec\",\"value\":$good}]" >/dev/null; await 120 'the condition' settled; }

includes() { grep -q '^\[databases\]' <<<"$1" || return 0; grep -qi '^ *%include' <<<"$1"; }

row_tenant() { # nothing that a tenant writes reaches beyond his value
  local good tried=0 by_server=0 by_condition=0 before pod
  good=$(k get "$profiles" auth -o json | jq -c .spec)
  before=$(lives)
  each injection
  check 'no pooler was touched' is "$(lives)" "$before"
  for pod in $(poolers); do
    # The image has no grep.
    check "$pod includes no other file" not includes "$(k exec "$pod" -- cat /run/plimsoll/pgbouncer.ini)"
  done
  result "tried=$tried refused_by_server=$by_server by_condition=$by_condition"
}
