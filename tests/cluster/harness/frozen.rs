//! A namespace in which rollouts can be frozen: the chart's policies, as `deploy/` has them, for this namespace alone, and profiles
//! with the status that the operator's own code makes. No operator takes part.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    core::DynamicObject,
};
use serde_json::{Value, json};

use plimsoll::{
    api::v1alpha1::{FreezeAction, FreezeStatus},
    enforce::{Freeze, FreezeLevel},
    profile::freeze::freeze_status,
};

use super::{Cluster, PATIENCE, eventually};

/// The policies' kinds, in the order of their removal.
const KINDS: [&str; 2] = ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"];

/// The policies of `deploy/`, for one namespace.
fn documents(namespace: &str) -> Vec<Value> {
    // Cargo says where the repository is, to the compiler and to the test.
    let root = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let manifests = std::fs::read_to_string(format!("{root}/deploy/operator.yaml")).expect("deploy/operator.yaml");
    let ours = manifests.replace(".plimsoll-system", &format!(".{namespace}"));
    let mut documents: Vec<Value> = serde_saphyr::from_multiple(&ours).expect("YAML");
    documents.retain(|document| document["apiVersion"] == "admissionregistration.k8s.io/v1");
    assert_eq!(documents.len(), 4, "deploy/operator.yaml has two policies and their bindings");
    for policy in documents.iter_mut().filter(|document| document["kind"] == "ValidatingAdmissionPolicy") {
        policy["spec"]["matchConstraints"]["namespaceSelector"] =
            json!({"matchLabels": {"kubernetes.io/metadata.name": namespace}});
    }
    documents
}

/// How a workload is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `kubectl set image`, `set env`, `rollout undo` and `edit`.
    StrategicPatch,
    /// `kubectl patch --type merge`, and most controllers.
    MergePatch,
    /// `kubectl patch --type json`.
    JsonPatch,
    /// `kubectl apply --server-side`, Flux and Argo CD.
    Apply,
    /// `kubectl replace`, and Helm at times.
    Replace,
}

impl Way {
    pub const ALL: [Self; 5] = [Self::StrategicPatch, Self::MergePatch, Self::JsonPatch, Self::Apply, Self::Replace];
}

/// A namespace with the policy.
pub struct Frozen {
    pub cluster: Cluster,
    /// Names of the policies: that which denies, and that which warns.
    pub policies: [String; 2],
}

impl Frozen {
    /// The policies in force.
    pub async fn new() -> Self {
        Self::in_force(Cluster::new().await).await
    }

    /// The same after the policies were removed and came back, as when the chart is installed anew.
    pub async fn installed_again(self) -> Self {
        for kind in KINDS {
            for name in &self.policies {
                self.cluster.delete(kind, name).await;
            }
        }
        // The API server stops to watch a kind of parameters at its next look after the last policy went: one a second.
        tokio::time::sleep(Duration::from_secs(3)).await;
        for document in documents(&self.cluster.namespace) {
            self.cluster.apply_value(&document).await.expect("the policy is accepted");
        }
        self
    }

    async fn in_force(cluster: Cluster) -> Self {
        let policies = ["deny", "warn"].map(|action| format!("plimsoll-freeze-{action}.{}", cluster.namespace));
        let frozen = Self { cluster, policies };
        for document in documents(&frozen.cluster.namespace) {
            assert!(frozen.policies.iter().any(|policy| document["metadata"]["name"] == **policy), "{document}");
            frozen.cluster.apply_value(&document).await.expect("the policy is accepted");
        }
        // Until the API server has taken up a policy, it denies nothing.
        for action in [FreezeAction::Deny, FreezeAction::Warn] {
            let name = format!("{action:?}").to_lowercase();
            frozen.workload("Deployment", &name).await;
            frozen.freeze("Deployment", &name, action, Duration::from_hours(1)).await;
        }
        frozen
    }

    /// A workload without pods: two containers with the images `app:2` and `proxy:1`.
    pub async fn workload(&self, kind: &str, name: &str) -> Value {
        let labels = json!({"app": name});
        let mut manifest = json!({
            "apiVersion": if kind == "Rollout" { "argoproj.io/v1alpha1" } else { "apps/v1" },
            "kind": kind,
            "metadata": {"name": name},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "nodeSelector": {"plimsoll.dev/no-such-node": "true"},
                        "containers": [
                            {"name": "app", "image": "app:2", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
                            {"name": "proxy", "image": "proxy:1"},
                        ],
                    },
                },
            },
        });
        if kind != "DaemonSet" {
            manifest["spec"]["replicas"] = json!(0);
        }
        self.cluster.apply_value(&manifest).await.expect("a workload")
    }

    /// Freezes a workload, for a time from now, as the operator does it: in the status of its profile.
    pub async fn freeze(&self, kind: &str, name: &str, action: FreezeAction, lasts: Duration) -> FreezeStatus {
        self.freeze_until(kind, name, action, Timestamp::now() + lasts).await
    }

    /// The same, with its end.
    pub async fn freeze_until(&self, kind: &str, name: &str, action: FreezeAction, until: Timestamp) -> FreezeStatus {
        // The newest last.
        let good = ["app=app:0,proxy=proxy:0", "app=app:1,proxy=proxy:1"].map(str::to_owned);
        let decided = Freeze {
            level: FreezeLevel::Deny,
            cause: plimsoll::enforce::Cause::Exhausted("availability".to_owned()),
            reason: "objective availability has spent its\nerror budget (-12 % left)".to_owned(),
            since: Timestamp::now().as_second(),
            until: until.as_second(),
            good: good.to_vec(),
        };
        let freeze = freeze_status(action, &decided, None, None);
        self.write(kind, name, &freeze).await;
        freeze
    }

    /// Writes a freeze into the status of a workload's profile, and waits until the API server goes by it.
    pub async fn write(&self, kind: &str, name: &str, freeze: &FreezeStatus) {
        let profile = profile_of(kind, name);
        let version = if kind == "Rollout" { "argoproj.io/v1alpha1" } else { "apps/v1" };
        self.cluster
            .apply_value(&json!({
                "apiVersion": "plimsoll.dev/v1alpha1", "kind": "PerformanceProfile", "metadata": {"name": profile},
                "spec": {
                    "targetRef": {"apiVersion": version, "kind": kind, "name": name},
                    "enforcement": {"mode": "Enforce"},
                },
            }))
            .await
            .expect("a profile");
        let mut written = serde_json::to_value(freeze).expect("JSON");
        // A merge keeps what is not named.
        written["goodImages"] = json!(freeze.good_images);
        let status = json!({"enforcement": {"mode": "Enforce", "freeze": written}});
        let stored = self.cluster.edit_status("PerformanceProfile", &profile, status).await;
        let stored: FreezeStatus = serde_json::from_value(stored["status"]["enforcement"]["freeze"].clone())
            .expect("a definition that knows a freeze");
        assert_eq!(stored, *freeze, "the definition in the cluster is another one");
        eventually("the freeze has arrived", PATIENCE, async || {
            let params = PatchParams { dry_run: true, ..PatchParams::default() };
            let change = json!({"spec": {"template": {"metadata": {"labels": {"probe": "1"}}}}});
            match self.warnings(kind, name, &change, &params).await {
                Err(_) => Ok(()),
                Ok(warnings) if !warnings.is_empty() => Ok(()),
                Ok(_) => Err("allowed".to_owned()),
            }
        })
        .await;
    }

    /// Sets the image of the first container.
    pub async fn set_image(&self, way: Way, kind: &str, name: &str, image: &str) -> Result<Value, String> {
        self.change(way, kind, name, "/spec/template/spec/containers/0/image", json!(image)).await
    }

    /// Sets one field of a workload. Patches say what they must and nothing else.
    pub async fn change(&self, way: Way, kind: &str, name: &str, pointer: &str, to: Value) -> Result<Value, String> {
        let api = self.cluster.api(kind);
        let live = self.cluster.expect(kind, name).await;
        let mut changed = live.clone();
        *changed.pointer_mut(pointer).expect("the field is there") = to.clone();
        let spec = |object: &Value| json!({"spec": {"template": object["spec"]["template"]}});
        let manager = |name: &str| PatchParams { field_manager: Some(name.to_owned()), ..PatchParams::default() };
        let result = match way {
            Way::StrategicPatch => api.patch(name, &manager("kubectl-set"), &Patch::Strategic(spec(&changed))).await,
            Way::MergePatch => api.patch(name, &manager("kubectl-patch"), &Patch::Merge(spec(&changed))).await,
            Way::JsonPatch => {
                let patch = serde_json::from_value(json!([{"op": "replace", "path": pointer, "value": to}]));
                api.patch(name, &manager("kubectl-patch"), &Patch::<Value>::Json(patch.expect("a patch"))).await
            }
            Way::Apply => {
                let mut manifest = json!({"apiVersion": live["apiVersion"], "kind": kind});
                manifest["spec"] = changed["spec"].clone();
                api.patch(name, &manager("kustomize-controller").force(), &Patch::Apply(manifest)).await
            }
            Way::Replace => {
                // Whatever the controllers have written since.
                changed["metadata"]["resourceVersion"] = Value::Null;
                let object: DynamicObject = serde_json::from_value(changed).expect("an object");
                api.replace(
                    name,
                    &PostParams { field_manager: Some("kubectl-replace".to_owned()), ..PostParams::default() },
                    &object,
                )
                .await
            }
        };
        result
            .map(|object| serde_json::to_value(object).expect("JSON"))
            .map_err(|error| plimsoll::kube::message(&error))
    }

    /// `kubectl annotate --overwrite`.
    pub async fn annotate(&self, kind: &str, name: &str, key: &str, value: Option<&str>) {
        let patch = json!({"metadata": {"annotations": {key: value}}});
        let params = PatchParams { field_manager: Some("kubectl-annotate".to_owned()), ..PatchParams::default() };
        self.cluster.api(kind).patch(name, &params, &Patch::Merge(patch)).await.expect("annotated");
    }

    /// A merge patch, and the warnings that came with its answer.
    pub async fn warnings(
        &self,
        kind: &str,
        name: &str,
        change: &Value,
        params: &PatchParams,
    ) -> Result<Vec<String>, String> {
        let api: Api<DynamicObject> = self.cluster.api(kind);
        let mut request =
            kube::core::Request::new(api.resource_url()).patch(name, params, &Patch::Merge(change)).expect("a request");
        request.extensions_mut().insert("patch");
        let answer = self.cluster.client.send(request.map(kube::client::Body::from)).await;
        let answer = answer.map_err(|error| plimsoll::kube::message(&error))?;
        let warnings: Vec<_> = answer
            .headers()
            .get_all("warning")
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        if answer.status().is_success() { Ok(warnings) } else { Err(answer.status().to_string()) }
    }
}

impl Drop for Frozen {
    /// The policy is the cluster's, so the namespace does not take it along.
    fn drop(&mut self) {
        let policies = self.policies.clone();
        let deletion = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let client = super::cluster::connect().await;
                for kind in KINDS {
                    let api = Api::<DynamicObject>::all_with(client.clone(), &super::cluster::resource(kind).0);
                    for name in &policies {
                        if let Err(error) = api.delete(name, &DeleteParams::default()).await {
                            eprintln!("{kind} {name} is left behind: {error}");
                        }
                    }
                }
            });
        });
        let _ = deletion.join();
    }
}

/// Name of the profile of a workload.
pub fn profile_of(kind: &str, name: &str) -> String {
    format!("{}-{name}", kind.to_lowercase())
}
