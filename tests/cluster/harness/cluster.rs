//! A namespace of a real cluster, and the verbs of kubectl.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::Once,
    time::Duration,
};

use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, Patch, PatchParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    PATIENCE,
    definitions::{definition, is_for_tests, scaler_definitions, vm_rule_definition},
    eventually,
};

const DEFINITION: &str = include_str!("../../../crds/performanceprofiles.plimsoll.dev.yaml");

/// What all tests share is there, and nothing is that would disturb them.
static PREPARED: OnceCell<()> = OnceCell::const_new();

/// The field manager of the tests.
const TESTER: &str = "cluster-tests";

/// A namespace of its own for one test; it goes when the test ends, well or not.
pub struct Cluster {
    pub client: Client,
    pub namespace: String,
}

/// A condition of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub status: String,
    pub reason: String,
    pub message: String,
}

impl Cluster {
    pub async fn new() -> Self {
        let client = connect().await;
        PREPARED
            .get_or_init(|| async {
                install_definitions(&client).await;
                Self::in_a_namespace(client.clone()).await.assert_no_operator().await;
            })
            .await;
        Self::in_a_namespace(client).await
    }

    async fn in_a_namespace(client: Client) -> Self {
        let namespace = format!("plimsoll-test-{:08x}", RandomState::new().build_hasher().finish() & 0xffff_ffff);
        let cluster = Self { client, namespace };
        let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace}});
        cluster.apply_value(&manifest).await.expect("a namespace");
        cluster
    }

    /// An operator that looks after the whole cluster would have a hand in every test.
    async fn assert_no_operator(&self) {
        self.apply_yaml(&super::profile("probe")).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let probe = self.expect("PerformanceProfile", "probe").await;
        assert!(
            probe.get("status").is_none(),
            "another operator works in this cluster: stop it, the tests start their own"
        );
    }

    /// The minor version of the cluster's Kubernetes: 34 of 1.34.
    pub async fn minor(&self) -> u32 {
        let version = self.client.apiserver_version().await.expect("a version");
        let digits: String = version.minor.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a minor version")
    }

    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (resource, namespaced) = resource(kind);
        if namespaced {
            Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        }
    }

    /// Applies every document of a YAML text, and gives the last one back as it was stored.
    pub async fn apply_yaml(&self, text: &str) -> Value {
        self.try_apply_yaml(text).await.unwrap_or_else(|refusal| panic!("not applied: {refusal}\n{text}"))
    }

    /// The same, or what the API server says against it.
    pub async fn try_apply_yaml(&self, text: &str) -> Result<Value, String> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).expect("the manifests of a test are YAML");
        let mut last = Value::Null;
        for document in documents.iter().filter(|document| !document.is_null()) {
            last = self.apply_value(document).await?;
        }
        Ok(last)
    }

    pub async fn apply_value(&self, manifest: &Value) -> Result<Value, String> {
        let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
        let api = self.api(manifest["kind"].as_str().unwrap_or_default());
        let applied = api.patch(name, &PatchParams::apply(TESTER).force(), &Patch::Apply(manifest)).await;
        applied.map(value).map_err(|error| plimsoll::kube::message(&error))
    }

    /// The object, if it is there.
    pub async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        self.api(kind).get_opt(name).await.unwrap_or_else(|error| panic!("get {kind} {name}: {error}")).map(value)
    }

    /// The object, which must be there.
    pub async fn expect(&self, kind: &str, name: &str) -> Value {
        self.get(kind, name).await.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    /// The object, as soon as it is there.
    pub async fn wait_for(&self, kind: &str, name: &str) -> Value {
        let what = format!("{kind} {name} is there");
        eventually(&what, PATIENCE, async || self.get(kind, name).await.ok_or("nothing".to_owned())).await
    }

    /// Waits until the object is gone.
    pub async fn wait_for_absence(&self, kind: &str, name: &str, within: Duration) {
        eventually(&format!("{kind} {name} is gone"), within, async || match self.get(kind, name).await {
            None => Ok(()),
            Some(object) => Err(object.to_string()),
        })
        .await;
    }

    pub async fn list(&self, kind: &str) -> Vec<Value> {
        let list =
            self.api(kind).list(&ListParams::default()).await.unwrap_or_else(|error| panic!("list {kind}: {error}"));
        list.items.into_iter().map(value).collect()
    }

    /// A merge patch, as `kubectl edit` makes one.
    pub async fn edit(&self, kind: &str, name: &str, change: Value) -> Value {
        let params = PatchParams { field_manager: Some("kubectl-edit".to_owned()), ..PatchParams::default() };
        let edited = self.api(kind).patch(name, &params, &Patch::Merge(&change)).await;
        value(edited.unwrap_or_else(|error| panic!("edit {kind} {name}: {error}")))
    }

    /// The same for the status, as a controller writes it.
    pub async fn edit_status(&self, kind: &str, name: &str, status: Value) -> Value {
        let edited =
            self.api(kind).patch_status(name, &PatchParams::default(), &Patch::Merge(&json!({"status": status}))).await;
        value(edited.unwrap_or_else(|error| panic!("edit the status of {kind} {name}: {error}")))
    }

    pub async fn delete(&self, kind: &str, name: &str) {
        let deleted = self.api(kind).delete(name, &DeleteParams::background()).await;
        deleted.unwrap_or_else(|error| panic!("delete {kind} {name}: {error}"));
    }

    /// A condition of a profile, if it has it.
    pub async fn condition(&self, profile: &str, type_: &str) -> Option<Condition> {
        condition_of(&self.get("PerformanceProfile", profile).await?, type_)
    }

    /// Waits until a condition has this value and this reason, and gives its message.
    pub async fn wait_for_condition(&self, profile: &str, type_: &str, status: &str, reason: &str) -> String {
        self.wait_for_condition_within(PATIENCE, profile, type_, status, reason).await
    }

    /// The same, with another patience.
    pub async fn wait_for_condition_within(
        &self,
        within: Duration,
        profile: &str,
        type_: &str,
        status: &str,
        reason: &str,
    ) -> String {
        let what = format!("{type_} of {profile} is {status} ({reason})");
        eventually(&what, within, async || match self.condition(profile, type_).await {
            Some(condition) if condition.status == status && condition.reason == reason => Ok(condition.message),
            other => Err(format!("{other:?}")),
        })
        .await
    }

    /// The event that a person would find with `kubectl describe`.
    pub async fn wait_for_event(&self, about: &str, reason: &str) -> String {
        eventually(&format!("an event {reason} about {about}"), PATIENCE, async || {
            let events = self.list("Event").await;
            let found = events.iter().find(|event| event["regarding"]["name"] == about && event["reason"] == reason);
            let reasons: Vec<_> = events.iter().map(|event| event["reason"].to_string()).collect();
            found.and_then(|event| event["note"].as_str()).map(str::to_owned).ok_or(reasons.join(", "))
        })
        .await
    }

    /// What `kubectl get` prints: the columns with their cells, of one object.
    pub async fn print_columns(&self, kind: &str, name: &str) -> Vec<(String, Value)> {
        let (resource, _) = resource(kind);
        let path = format!(
            "/apis/{}/{}/namespaces/{}/{}/{name}",
            resource.group, resource.version, self.namespace, resource.plural
        );
        let request =
            http::Request::get(path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body(Vec::new());
        let table: Value = self.client.request(request.expect("a request")).await.expect("a table");
        let columns = table["columnDefinitions"].as_array().expect("columns");
        let cells = table["rows"][0]["cells"].as_array().expect("cells");
        columns
            .iter()
            .map(|column| column["name"].as_str().unwrap_or_default().to_owned())
            .zip(cells.iter().cloned())
            .collect()
    }
}

/// Removes an object of the whole cluster.
pub async fn remove(kind: &str, name: &str) {
    let api = Api::<DynamicObject>::all_with(connect().await, &resource(kind).0);
    if let Err(error) = api.delete(name, &DeleteParams::background()).await {
        eprintln!("{kind} {name} is left behind: {error}");
    }
}

impl Drop for Cluster {
    /// On a runtime of its own: the test's cannot be waited for in here. The rest is the namespace controller's work.
    fn drop(&mut self) {
        let namespace = self.namespace.clone();
        let deletion = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let api = Api::<DynamicObject>::all_with(connect().await, &resource("Namespace").0);
                match api.delete(&namespace, &DeleteParams::background()).await {
                    Err(error) if plimsoll::kube::categorize(&error) != plimsoll::kube::Category::NotFound => {
                        eprintln!("namespace {namespace} is left behind: {error}");
                    }
                    _ => {}
                }
            });
        });
        let _ = deletion.join();
    }
}

/// The object without what controllers and the API server write on their own account.
pub fn essence(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("resourceVersion");
        if let Some(Value::Array(managers)) = meta.get_mut("managedFields") {
            managers.retain(|manager| manager["subresource"] != "status");
        }
    }
    object
}

pub fn condition_of(profile: &Value, type_: &str) -> Option<Condition> {
    let found = profile["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == type_)?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    Some(Condition { status: text("status"), reason: text("reason"), message: text("message") })
}

fn value(object: DynamicObject) -> Value {
    serde_json::to_value(object).expect("an object is JSON")
}

/// The kinds that the tests speak of; the second is whether they are in a namespace.
pub fn resource(kind: &str) -> (ApiResource, bool) {
    let (group, version, plural, namespaced) = match kind {
        "PerformanceProfile" => ("plimsoll.dev", "v1alpha1", "performanceprofiles", true),
        "HorizontalPodAutoscaler" => ("autoscaling", "v2", "horizontalpodautoscalers", true),
        "PodDisruptionBudget" => ("policy", "v1", "poddisruptionbudgets", true),
        "PrometheusRule" => ("monitoring.coreos.com", "v1", "prometheusrules", true),
        "PodMonitor" => ("monitoring.coreos.com", "v1", "podmonitors", true),
        "VMRule" => ("operator.victoriametrics.com", "v1beta1", "vmrules", true),
        "Pod" => ("", "v1", "pods", true),
        "Service" => ("", "v1", "services", true),
        "ServiceAccount" => ("", "v1", "serviceaccounts", true),
        "NetworkPolicy" => ("networking.k8s.io", "v1", "networkpolicies", true),
        "ConfigMap" => ("", "v1", "configmaps", true),
        "Deployment" => ("apps", "v1", "deployments", true),
        "StatefulSet" => ("apps", "v1", "statefulsets", true),
        "DaemonSet" => ("apps", "v1", "daemonsets", true),
        "Event" => ("events.k8s.io", "v1", "events", true),
        "Lease" => ("coordination.k8s.io", "v1", "leases", true),
        "Role" => ("rbac.authorization.k8s.io", "v1", "roles", true),
        "RoleBinding" => ("rbac.authorization.k8s.io", "v1", "rolebindings", true),
        "ScaledObject" => ("keda.sh", "v1alpha1", "scaledobjects", true),
        "Canary" => ("flagger.app", "v1beta1", "canaries", true),
        "Rollout" => ("argoproj.io", "v1alpha1", "rollouts", true),
        "MutatingAdmissionPolicy" => ("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", false),
        "MutatingAdmissionPolicyBinding" => {
            ("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", false)
        }
        "Engine" => ("tests.plimsoll.dev", "v1", "engines", true),
        "Namespace" => ("", "v1", "namespaces", false),
        "ValidatingAdmissionPolicy" => ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", false),
        "ValidatingAdmissionPolicyBinding" => {
            ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", false)
        }
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", "customresourcedefinitions", false),
        other => panic!("the tests know no kind {other}"),
    };
    (ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural), namespaced)
}

/// Connects as the kubeconfig of the lab says, or fails: a suite that passes without a cluster is worth nothing.
pub async fn connect() -> Client {
    Client::try_from(config().await).expect("a client")
}

pub async fn config() -> Config {
    config_from(&kubeconfig()).await
}

/// What the operator connects with: the same, or a user of its own (`OPERATOR_KUBECONFIG`), whose rights are tried then.
pub async fn operator_config() -> Config {
    config_from(&operator_kubeconfig()).await
}

/// The file that names the cluster and its administrator.
fn kubeconfig() -> String {
    std::env::var("KUBECONFIG").unwrap_or_else(|_| {
        format!("{}/.cache/plimsoll-lab/run/pki/admin.conf", std::env::var("HOME").unwrap_or_default())
    })
}

/// The file that the operator gets.
pub fn operator_kubeconfig() -> String {
    std::env::var("OPERATOR_KUBECONFIG").unwrap_or_else(|_| kubeconfig())
}

async fn config_from(file: &str) -> Config {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::aws_lc_rs::default_provider().install_default().expect("the only TLS provider");
    });
    let kubeconfig = Kubeconfig::read_from(file).unwrap_or_else(|error| {
        panic!("no cluster: {error}; start one with tests/lab/lab up, or set KUBECONFIG ({file})")
    });
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a kubeconfig");
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(TESTER)));
    config
}

/// The definitions that the tests need. Those of other operators are left as they are where these are installed, and stay
/// where they are not: other suites may have come to rely on them.
async fn install_definitions(client: &Client) {
    let api = Api::<DynamicObject>::all_with(client.clone(), &resource("CustomResourceDefinition").0);
    let params = PatchParams::apply(TESTER).force();
    let mut all: Vec<Value> = vec![serde_saphyr::from_str(DEFINITION).expect("YAML")];
    for (plural, kind) in
        [("prometheusrules", "PrometheusRule"), ("prometheuses", "Prometheus"), ("podmonitors", "PodMonitor")]
    {
        let name = format!("{plural}.monitoring.coreos.com");
        if api.get_opt(&name).await.unwrap_or_else(|error| panic!("no cluster: {error}")).is_none() {
            all.push(definition("monitoring.coreos.com", kind, plural, &json!({})));
        }
    }
    for theirs in std::iter::once(vm_rule_definition()).chain(scaler_definitions()) {
        let name = theirs["metadata"]["name"].as_str().expect("a name");
        let there = api.get_opt(name).await.unwrap_or_else(|error| panic!("no cluster: {error}"));
        if there.is_none_or(|there| is_for_tests(&value(there))) {
            all.push(theirs);
        }
    }
    let scale = json!({
        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas", "labelSelectorPath": ".status.selector",
    });
    all.push(definition("tests.plimsoll.dev", "Engine", "engines", &json!({"scale": scale, "status": {}})));
    for manifest in all {
        let name = manifest["metadata"]["name"].as_str().expect("a name").to_owned();
        api.patch(&name, &params, &Patch::Apply(&manifest)).await.unwrap_or_else(|error| panic!("no cluster: {error}"));
        eventually(&format!("{name} is served"), PATIENCE, async || {
            let definition = value(api.get(&name).await.map_err(|error| error.to_string())?);
            let established = condition_of(&definition, "Established");
            if established.as_ref().is_some_and(|c| c.status == "True") {
                Ok(())
            } else {
                Err(format!("{established:?}"))
            }
        })
        .await;
    }
}
