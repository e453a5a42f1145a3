//! An `external.metrics.k8s.io` that says what it is told to say: the only way to make the autoscaler of a real cluster want a
//! number of pods that the test chose. Everything that is asked about, the autoscaler and its controller, is real.
//!
//! The API server calls the test, so the two must be able to reach each other: on one machine, or with the cluster in
//! containers on it. The registration is the cluster's own, so all tests of a process share one, and the last removes it.

use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, SocketAddr, UdpSocket},
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
    serve::Listener,
};
use http::StatusCode;
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex as AsyncMutex,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Cluster, PATIENCE, cluster::connect, eventually};

const REGISTRATION: &str = "v1beta1.external.metrics.k8s.io";
const SERVICE: &str = "plimsoll-test-metrics";
const TESTER: &str = "cluster-tests";

type Values = Arc<Mutex<HashMap<(String, String), u32>>>;

/// The metrics API of the tests. It is registered as long as somebody holds it.
pub struct ExternalMetrics {
    values: Values,
}

impl ExternalMetrics {
    /// The one of this process, registered and answering.
    pub async fn shared() -> Arc<Self> {
        static ONE: AsyncMutex<Weak<ExternalMetrics>> = AsyncMutex::const_new(Weak::new());
        let mut one = ONE.lock().await;
        if let Some(served) = one.upgrade() {
            return served;
        }
        let served = Arc::new(Self { values: Values::default() });
        register(&connect().await, serve(Arc::clone(&served.values)).await).await;
        *one = Arc::downgrade(&served);
        served
    }

    /// What a metric is from now on, in the namespace of the test.
    pub fn say(&self, cluster: &Cluster, metric: &str, value: u32) {
        let key = (cluster.namespace.clone(), metric.to_owned());
        self.values.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }
}

impl Drop for ExternalMetrics {
    /// A registration that nobody answers for would keep every namespace from being deleted.
    fn drop(&mut self) {
        let removal = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let client = connect().await;
                let _ = registrations(&client).delete(REGISTRATION, &DeleteParams::background()).await;
                for kind in ["EndpointSlice", "Service"] {
                    let _ = beside(&client, kind).delete(SERVICE, &DeleteParams::background()).await;
                }
            });
        });
        let _ = removal.join();
    }
}

/// Serves on a thread of its own, because the runtime of a test ends with it; gives the port.
async fn serve(values: Values) -> u16 {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let tcp = TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], 0))).await.expect("a port");
            let port = tcp.local_addr().expect("an address").port();
            let router = Router::new()
                .route("/apis/external.metrics.k8s.io/v1beta1", get(discovery))
                .route("/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}", get(answer))
                .with_state(values);
            sender.send(port).expect("somebody who waits");
            axum::serve(Tls { tcp, acceptor: acceptor() }, router).await.expect("a server");
        });
    });
    receiver.await.expect("a port")
}

async fn discovery() -> Json<Value> {
    Json(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "external.metrics.k8s.io/v1beta1",
        "resources": [{"name": "any", "singularName": "", "namespaced": true, "kind": "ExternalMetricValueList",
            "verbs": ["get"]}]}))
}

/// A metric that nobody has set is one that does not exist.
async fn answer(
    State(values): State<Values>,
    Path(key): Path<(String, String)>,
) -> Result<Json<Value>, (StatusCode, Json<Value>)> {
    let value = values.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
    let unknown = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": format!("no metric {}", key.1)});
    let value = value.ok_or((StatusCode::NOT_FOUND, Json(unknown)))?;
    let now = k8s_openapi::jiff::Timestamp::now().to_string();
    Ok(Json(json!({"kind": "ExternalMetricValueList", "apiVersion": "external.metrics.k8s.io/v1beta1", "metadata": {},
        "items": [{"metricName": key.1, "metricLabels": {}, "timestamp": now, "value": value.to_string()}]})))
}

async fn register(client: &Client, port: u16) {
    let api = registrations(client);
    let there = api.get_opt(REGISTRATION).await.expect("an answer");
    let ours = there.is_none_or(|there| there.data["spec"]["service"]["name"] == SERVICE);
    assert!(ours, "the cluster has an external metrics API of its own, such as KEDA's: these tests need one without");
    let labels = json!({"kubernetes.io/service-name": SERVICE});
    let ports = json!([{"name": "https", "port": port, "protocol": "TCP"}]);
    let address = reachable_address(client).await;
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": SERVICE, "labels": labels}, "addressType": "IPv4", "ports": ports,
        "endpoints": [{"addresses": [address], "conditions": {"ready": true}}]});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE},
        "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port, "protocol": "TCP"}]}});
    let registration = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": REGISTRATION},
        "spec": {"group": "external.metrics.k8s.io", "version": "v1beta1", "insecureSkipTLSVerify": true,
            "groupPriorityMinimum": 100, "versionPriority": 100,
            "service": {"namespace": "default", "name": SERVICE, "port": 443}}});
    let params = PatchParams::apply(TESTER).force();
    beside(client, "Service").patch(SERVICE, &params, &Patch::Apply(&service)).await.expect("a service");
    beside(client, "EndpointSlice").patch(SERVICE, &params, &Patch::Apply(&slice)).await.expect("its endpoints");
    api.patch(REGISTRATION, &params, &Patch::Apply(&registration)).await.expect("a registration");
    eventually("the API server reaches the metrics API of the test", PATIENCE, async || {
        let request = http::Request::get("/apis/external.metrics.k8s.io/v1beta1").body(Vec::new()).expect("a request");
        client.request::<Value>(request).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
}

/// The address of this machine from which it talks with the API server; not the loopback one, which is no endpoint.
async fn reachable_address(client: &Client) -> IpAddr {
    let slice = beside(client, "EndpointSlice").get("kubernetes").await.expect("the endpoints of the API server");
    let server = slice.data["endpoints"][0]["addresses"][0].as_str().expect("an address").to_owned();
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect(format!("{server}:443")).expect("a way to the API server");
    socket.local_addr().expect("an address").ip()
}

fn registrations(client: &Client) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk("apiregistration.k8s.io", "v1", "APIService");
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&gvk, "apiservices"))
}

fn beside(client: &Client, kind: &str) -> Api<DynamicObject> {
    let (group, plural) = if kind == "Service" { ("", "services") } else { ("discovery.k8s.io", "endpointslices") };
    let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, "v1", kind), plural);
    Api::namespaced_with(client.clone(), "default", &resource)
}

/// A registration needs TLS; the certificate is made for the run, and is not verified.
fn acceptor() -> TlsAcceptor {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = |what: &str| directory.join(format!("metrics-{}.{what}", std::process::id()));
    let (key, certificate) = (file("key"), file("crt"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]);
    command.args(["-subj", "/CN=plimsoll-tests", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    let made = command.output().expect("openssl, which makes a certificate for the metrics API of the tests");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let chain = vec![CertificateDer::from_pem_file(&certificate).expect("a certificate")];
    let secret = PrivateKeyDer::from_pem_file(&key).expect("a key");
    let _ = (fs::remove_file(key), fs::remove_file(certificate));
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, secret);
    TlsAcceptor::from(Arc::new(config.expect("a server's configuration")))
}

struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.tcp.accept().await
                && let Ok(stream) = self.acceptor.accept(stream).await
            {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
