//! Poolers: what runs them, who may change what of it, and what agents make of the status.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex},
    time::Duration,
};

use plimsoll::pooler::{
    report::{Clients, Phase, Problem, Report, Servers, Split},
    wanted::{Wanted, hash},
};
use serde_json::{Value, json};

use crate::harness::{Cluster, Launch, Operator, PATIENCE, UNWATCHED, deployment, eventually, profile_with};

/// Every object that runs poolers.
const CHILDREN: [(&str, &str); 11] = [
    ("ConfigMap", "web-pgbouncer"),
    ("ServiceAccount", "web-pgbouncer"),
    ("Role", "web-pgbouncer"),
    ("RoleBinding", "web-pgbouncer"),
    ("Service", "web-pgbouncer-pods"),
    ("Service", "web-pgbouncer"),
    ("NetworkPolicy", "web-pgbouncer"),
    ("StatefulSet", "web-pgbouncer"),
    ("HorizontalPodAutoscaler", "web-pgbouncer"),
    ("PodDisruptionBudget", "web-pgbouncer"),
    ("PodMonitor", "web-pgbouncer"),
];

/// Poolers whose pods no node takes: what runs in them is not this suite's matter.
pub fn pooled(more: &str) -> String {
    let more = more.lines().flat_map(|line| ["\n    ", line]).collect::<String>();
    profile_with(
        "web",
        "web",
        &format!(
            "pooling:
  postgres:
    image: localhost/none:1
    pod: {{nodeSelector: {{plimsoll.dev/no-such-node: 'true'}}}}
    primary: {{host: db-rw}}
    databases: [{{name: azora}}]
    auth: {{userlistSecretRef: {{name: users}}}}
    monitoring: {{secretRef: {{name: monitor}}}}{more}"
        ),
    )
}

pub async fn operator(cluster: &Cluster) -> Operator {
    cluster.apply_yaml(&deployment("web", 1)).await;
    Launch::new(cluster).arguments(&["--agent-image", "localhost/none:1"]).start().await
}

async fn document(cluster: &Cluster) -> (String, Wanted) {
    let map = cluster.expect("ConfigMap", "web-pgbouncer").await;
    let text = map["data"]["pooler.json"].as_str().unwrap().to_owned();
    let wanted = serde_json::from_str(&text).unwrap();
    (text, wanted)
}

/// Waits until the document is as it should be.
async fn wait_for_document(cluster: &Cluster, what: &str, judge: impl Fn(&Wanted) -> bool) -> Wanted {
    eventually(what, PATIENCE, async || {
        let (text, wanted) = document(cluster).await;
        if judge(&wanted) { Ok(wanted) } else { Err(text) }
    })
    .await
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn poolers_come_and_go_with_their_declaration() {
    let cluster = Cluster::new().await;
    let restricted = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    cluster.edit("Namespace", &cluster.namespace, restricted).await;
    let mut operator = operator(&cluster).await;
    let profile = cluster.apply_yaml(&pooled("")).await;
    for (kind, name) in CHILDREN {
        let child = cluster.wait_for(kind, name).await;
        assert_eq!(child["metadata"]["ownerReferences"][0]["uid"], profile["metadata"]["uid"], "{kind} {name}");
        assert_eq!(child["metadata"]["labels"]["plimsoll.dev/profile"], "web", "{kind} {name}");
    }
    cluster.wait_for("Pod", "web-pgbouncer-1").await;
    let message = cluster.wait_for_condition("web", "PoolingReady", "False", "RollingOut").await;
    assert!(message.contains("0 of 2 poolers are ready"), "{message}");
    cluster.wait_for_condition("web", "Ready", "False", "RollingOut").await;
    let set = cluster.expect("StatefulSet", "web-pgbouncer").await;
    assert_eq!(set["spec"]["replicas"], 2, "as many as the fewest, at once");
    let role = cluster.expect("Role", "web-pgbouncer").await;
    assert_eq!(
        role["rules"],
        json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["web-pgbouncer"], "verbs": ["get", "list", "watch"]}])
    );
    let (text, wanted) = document(&cluster).await;
    assert_eq!((wanted.instances, wanted.namespace.as_str()), (2, &*cluster.namespace));
    let status = cluster.expect("PerformanceProfile", "web").await["status"].clone();
    assert_eq!(status["pooling"]["wanted"], hash(&text));
    let listed: Vec<_> =
        status["children"].as_array().unwrap().iter().map(|one| (one["kind"].clone(), one["name"].clone())).collect();
    for (kind, name) in CHILDREN {
        assert!(listed.contains(&(json!(kind), json!(name))), "{kind} {name} in {status}");
    }

    cluster.apply_yaml(&profile_with("web", "web", "")).await;
    for (kind, name) in CHILDREN {
        cluster.wait_for_absence(kind, name, PATIENCE).await;
    }
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    for type_ in ["PoolingReady", "PoolingWithinBudget", "PoolingKeepsUp"] {
        assert_eq!(cluster.condition("web", type_).await, None);
    }
    assert_eq!(cluster.expect("PerformanceProfile", "web").await["status"].get("pooling"), None);
    operator.assert_running();
    operator.assert_no_panic();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_setting_that_can_be_reloaded_changes_the_document_alone() {
    let cluster = Cluster::new().await;
    let _operator = operator(&cluster).await;
    cluster.apply_yaml(&pooled("")).await;
    let before = cluster.wait_for("StatefulSet", "web-pgbouncer").await;
    cluster.apply_yaml(&pooled("parameters: {query_wait_timeout: '31'}\nmaxClientConn: 2000")).await;
    wait_for_document(&cluster, "the document has the setting", |wanted| {
        wanted.settings.parameters.get("query_wait_timeout").is_some_and(|value| value == "31")
            && wanted.settings.max_client_conn == 2000
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = cluster.expect("StatefulSet", "web-pgbouncer").await;
    assert_eq!(after["spec"]["template"], before["spec"]["template"], "no pod is replaced");

    cluster.apply_yaml(&pooled("parameters: {listen_backlog: '256'}")).await;
    eventually("a setting of the start replaces the pods", PATIENCE, async || {
        let now = cluster.expect("StatefulSet", "web-pgbouncer").await;
        let hash = |set: &Value| set.pointer("/spec/template/metadata/annotations/plimsoll.dev~1restart-hash").cloned();
        if hash(&now) == hash(&before) { Err(format!("{:?}", hash(&now))) } else { Ok(()) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_would_reach_into_the_configuration_is_refused_and_nothing_that_runs_is_touched() {
    let cluster = Cluster::new().await;
    let _operator = operator(&cluster).await;
    cluster.apply_yaml(&pooled("")).await;
    cluster.wait_for("StatefulSet", "web-pgbouncer").await;
    let (before, _) = document(&cluster).await;
    for (more, words) in [
        ("parameters: {query_wait_timeout: '%include /etc/passwd'}", "must not hold line breaks"),
        ("parameters: {query_wait_timeout: \"30\\nadmin_users = eve\"}", "must not hold line breaks"),
        ("parameters: {query_wait_timeout: \"'30'\"}", "must not hold line breaks"),
        ("replicas: [{host: \"a\\n%include x\"}]", "host is one host name or address"),
        ("replicas: [{host: a..b}]", "host is one host name or address"),
        ("tls: {client: {secretRef: {name: kube-system/tls}}}", "those of other namespaces cannot be named"),
        ("tls: {client: {secretRef: {name: tls, namespace: kube-system}}}", "namespace: field not declared in schema"),
    ] {
        let refusal = cluster.try_apply_yaml(&pooled(more)).await.expect_err(more);
        assert!(refusal.contains(words), "{more}: {refusal}");
    }
    for (more, words) in [
        ("parameters: {no_such_setting: '1'}", "no_such_setting"),
        ("parameters: {query_wait_timeout: soon}", "query_wait_timeout"),
        ("parameters: {auth_file: /etc/passwd}", "auth_file"),
        ("connectionBudget: {maxConnections: 10}", "with instances.max 6"),
        ("resources: {limits: {cpu: lots}}", "no quantity"),
    ] {
        cluster.apply_yaml(&pooled(more)).await;
        let message = cluster.wait_for_condition("web", "PoolingReady", "False", "Invalid").await;
        let message = eventually("the condition names it", PATIENCE, async || {
            let now = cluster.condition("web", "PoolingReady").await.map(|now| now.message).unwrap_or_default();
            if now.contains(words) { Ok(now) } else { Err(format!("{message}; {now}")) }
        })
        .await;
        assert!(message.contains("keep the configuration that they have"), "{message}");
        let (now, _) = document(&cluster).await;
        assert_eq!(now, before, "{more}");
        for (kind, name) in CHILDREN {
            cluster.expect(kind, name).await;
        }
    }
    cluster.wait_for_event("web", "Invalid").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn foreign_objects_stay_and_make_room_when_they_go() {
    let cluster = Cluster::new().await;
    let _operator = operator(&cluster).await;
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web-pgbouncer}\ndata: {theirs: 'true'}\n";
    cluster.apply_yaml(map).await;
    cluster.apply_yaml(&pooled("")).await;
    let message = cluster.wait_for_condition("web", "PoolingReady", "False", "ForeignObject").await;
    assert!(message.contains("ConfigMap web-pgbouncer exists"), "{message}");
    cluster.wait_for("Service", "web-pgbouncer").await;
    let theirs = cluster.expect("ConfigMap", "web-pgbouncer").await;
    assert_eq!(theirs["data"], json!({"theirs": "true"}));
    cluster.delete("ConfigMap", "web-pgbouncer").await;
    cluster.wait_for_condition_within(UNWATCHED, "web", "PoolingReady", "False", "RollingOut").await;
    document(&cluster).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_is_changed_or_removed_comes_back_and_the_number_of_poolers_is_the_autoscalers() {
    let cluster = Cluster::new().await;
    let _operator = operator(&cluster).await;
    cluster.apply_yaml(&pooled("")).await;
    for (kind, name) in CHILDREN {
        cluster.wait_for(kind, name).await;
    }
    // As the autoscaler does it.
    cluster.edit("StatefulSet", "web-pgbouncer", json!({"spec": {"replicas": 4}})).await;
    let wanted = wait_for_document(&cluster, "connections are divided by four", |wanted| wanted.instances == 4).await;
    assert_eq!(wanted.max_instances, 6);
    cluster
        .edit(
            "StatefulSet",
            "web-pgbouncer",
            json!({"spec": {"template": {"metadata": {"annotations": {"plimsoll.dev/restart-hash": "other"}}}}}),
        )
        .await;
    eventually("the template is put back", PATIENCE, async || {
        let set = cluster.expect("StatefulSet", "web-pgbouncer").await;
        let hash = set["spec"]["template"]["metadata"]["annotations"]["plimsoll.dev/restart-hash"].clone();
        if hash == "other" { Err(hash.to_string()) } else { Ok(()) }
    })
    .await;
    assert_eq!(
        cluster.expect("StatefulSet", "web-pgbouncer").await["spec"]["replicas"],
        4,
        "and the number is left alone"
    );
    for (kind, name) in CHILDREN {
        let before = cluster.expect(kind, name).await;
        cluster.delete(kind, name).await;
        eventually(&format!("{kind} {name} is back"), PATIENCE, async || match cluster.get(kind, name).await {
            Some(now) if now["metadata"]["uid"] != before["metadata"]["uid"] => Ok(()),
            other => Err(format!("{:?}", other.map(|now| now["metadata"].clone()))),
        })
        .await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn without_an_image_nothing_is_made_and_the_condition_says_where_to_name_it() {
    let cluster = Cluster::new().await;
    cluster.apply_yaml(&deployment("web", 1)).await;
    let _operator = Operator::start(&cluster).await;
    cluster.apply_yaml(&pooled("")).await;
    let message = cluster.wait_for_condition("web", "PoolingReady", "False", "ImageNotSet").await;
    assert!(message.contains("--agent-image"), "{message}");
    cluster.wait_for_condition("web", "AutoscalingReady", "True", "AsDeclared").await;
    for (kind, name) in CHILDREN {
        assert_eq!(cluster.get(kind, name).await, None);
    }
}

/// An agent that says what it is told to.
struct Agent {
    report: Arc<Mutex<Report>>,
    address: Ipv4Addr,
}

impl Agent {
    /// On an address of its own: the port is always the same.
    fn start(ordinal: u32) -> Self {
        let bits = std::process::id().wrapping_mul(2_654_435_761).wrapping_add(ordinal * 7_919);
        let byte = |shift: u32| u8::try_from(bits >> shift & 0x7f).unwrap() + 1;
        let address = Ipv4Addr::new(127, byte(0), byte(8), byte(16));
        let listener = TcpListener::bind((address, 9127)).expect("an address of the loopback network");
        let report = Arc::new(Mutex::new(Report { ordinal, ..Report::default() }));
        let told = Arc::clone(&report);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut request = [0; 1024];
                let _ = stream.read(&mut request);
                let body = serde_json::to_string(&*told.lock().unwrap()).unwrap();
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{body}"
                );
            }
        });
        Self { report, address }
    }

    fn say(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.report.lock().unwrap());
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_agents_say_becomes_status_and_conditions() {
    let cluster = Cluster::new().await;
    let _operator = operator(&cluster).await;
    cluster.apply_yaml(&pooled("")).await;
    let agents = [Agent::start(0), Agent::start(1)];
    for (ordinal, agent) in agents.iter().enumerate() {
        let name = format!("web-pgbouncer-{ordinal}");
        cluster.wait_for("Pod", &name).await;
        let ready = json!([{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]);
        let address = agent.address.to_string();
        let status = json!({"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready});
        cluster.edit_status("Pod", &name, status).await;
    }
    cluster.wait_for_condition("web", "PoolingReady", "False", "NotLoaded").await;
    let (text, _) = document(&cluster).await;
    for agent in &agents {
        agent.say(|report| {
            report.version = Some("1.24.1".to_owned());
            report.phase = Phase::Running;
            report.loaded = Some(hash(&text));
            report.clients = Clients { active: 7, ..Clients::default() };
            report.servers = Servers { primary: 5, replicas: 0, active: 3 };
            report.split = Some(Split {
                max_connections: 100,
                reserved: 3,
                direct: 4,
                instances: 2,
                per_instance: 40,
                declared: 30,
                ..Split::default()
            });
        });
    }
    cluster.wait_for_condition("web", "PoolingReady", "True", "AsDeclared").await;
    cluster.wait_for_condition("web", "PoolingWithinBudget", "True", "AsDeclared").await;
    cluster.wait_for_condition("web", "PoolingKeepsUp", "True", "AsDeclared").await;
    cluster.wait_for_condition("web", "Ready", "True", "AsDeclared").await;
    let pooling = cluster.expect("PerformanceProfile", "web").await["status"]["pooling"].clone();
    assert_eq!(
        pooling,
        json!({"instances": 2, "ready": 2, "version": "1.24.1", "wanted": hash(&text), "loaded": "2/2",
               "clients": {"active": 14, "waiting": 0}, "serverConnections": "10 of 80"})
    );

    // What has not changed is not written: two looks and more go by without a write. On a busy machine something may change once.
    eventually("nothing is written", 4 * PATIENCE, async || {
        let before = cluster.expect("PerformanceProfile", "web").await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        let after = cluster.expect("PerformanceProfile", "web").await;
        let same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"];
        if same { Ok(()) } else { Err(format!("{} became {}", before["status"], after["status"])) }
    })
    .await;

    agents[1].say(|report| {
        report.problems = vec![
            Problem {
                reason: "UserlistMissing".to_owned(),
                message: "Secret users has no key userlist.txt".to_owned(),
            },
            Problem { reason: "PoolOversubscribed".to_owned(), message: "100 − 3 − 4, by 2".to_owned() },
        ];
    });
    let message = cluster.wait_for_condition("web", "PoolingReady", "False", "UserlistMissing").await;
    assert!(message.contains("1 of 2 poolers, web-pgbouncer-1 first: Secret users has no key"), "{message}");
    let message = cluster.wait_for_condition("web", "PoolingWithinBudget", "False", "PoolOversubscribed").await;
    assert_eq!(message, "100 − 3 − 4, by 2");
    cluster.wait_for_event("web", "UserlistMissing").await;
    agents[1].say(|report| report.problems.clear());
    cluster.wait_for_condition("web", "PoolingReady", "True", "AsDeclared").await;

    for agent in &agents {
        agent.say(|report| {
            report.clients = Clients { active: 7, waiting: 40, max_wait_seconds: 3.0, waiting_share: None }
        });
    }
    cluster.wait_for_condition_within(UNWATCHED, "web", "PoolingKeepsUp", "False", "DependencyLimited").await;

    // A switchover: the pause has a name, and agents say that they hold it.
    cluster.apply_yaml(&pooled("paused: true")).await;
    let paused = wait_for_document(&cluster, "the document asks for a pause", |wanted| wanted.pause.is_some()).await;
    let id = paused.pause.unwrap().id;
    for agent in &agents {
        agent.say(|report| {
            report.phase = Phase::Paused;
            report.paused = Some(id.clone());
        });
    }
    eventually("the status says that all are paused", PATIENCE, async || {
        let paused = cluster.expect("PerformanceProfile", "web").await["status"]["pooling"]["paused"].clone();
        if paused == "2/2" { Ok(()) } else { Err(paused.to_string()) }
    })
    .await;
}
