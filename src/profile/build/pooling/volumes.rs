//! What is mounted into a pooler. Secrets are optional as far as the kubelet goes: a pod that hangs because one is missing says
//! nothing, and the agent says which.

use k8s_openapi::{
    api::core::v1::{
        ConfigMapVolumeSource, EmptyDirVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount,
    },
    apimachinery::pkg::api::resource::Quantity,
};

use super::pooler_name;
use crate::{
    pooler::wanted::paths,
    profile::validate::{PoolingPlan, Profile},
};

/// Where the init container copies the program to. In its own image the program may stand where the pooler finds it later.
pub const INSTALL: &str = "/install";
/// Readable by the group that volumes are given to, and by nobody else.
const GROUP_READS: i32 = 0o440;

/// One secret, where it is mounted, and which key becomes which file; all keys where none is named.
struct Mounted<'a> {
    volume: &'static str,
    path: &'static str,
    secret: &'a str,
    key: Option<(&'a str, &'static str)>,
}

fn mounted(plan: &PoolingPlan) -> Vec<Mounted<'_>> {
    let secrets = &plan.secrets;
    let keyed = [
        ("userlist", paths::USERLIST, secrets.userlist.as_ref(), "userlist.txt"),
        ("auth-user", paths::AUTH_USER, secrets.auth_user.as_ref(), "password"),
    ];
    let whole = [
        ("monitor", paths::MONITOR, secrets.monitor.as_ref()),
        ("client-tls", paths::CLIENT_TLS, secrets.client_tls.as_ref()),
        ("server-tls", paths::SERVER_TLS, secrets.server_tls.as_ref()),
    ];
    let keyed = keyed.into_iter().filter_map(|(volume, path, found, file)| {
        let (secret, key) = found?;
        Some(Mounted { volume, path, secret, key: Some((key, file)) })
    });
    let whole = whole
        .into_iter()
        .filter_map(|(volume, path, found)| Some(Mounted { volume, path, secret: found?, key: None }));
    keyed.chain(whole).collect()
}

/// Every volume.
pub fn volumes(profile: &Profile, plan: &PoolingPlan) -> Vec<Volume> {
    let named = |name: &str| Volume { name: name.to_owned(), ..Volume::default() };
    let directory = |medium: Option<&str>, limit: &str| EmptyDirVolumeSource {
        medium: medium.map(str::to_owned),
        size_limit: Some(Quantity(limit.to_owned())),
        ..EmptyDirVolumeSource::default()
    };
    let mut all = vec![
        Volume { empty_dir: Some(directory(None, "256Mi")), ..named("agent") },
        Volume { empty_dir: Some(directory(Some("Memory"), "16Mi")), ..named("run") },
        Volume {
            config_map: Some(ConfigMapVolumeSource { name: pooler_name(&profile.name), ..ConfigMapVolumeSource::default() }),
            ..named("config")
        },
    ];
    all.extend(mounted(plan).into_iter().map(|mounted| Volume {
        secret: Some(SecretVolumeSource {
            secret_name: Some(mounted.secret.to_owned()),
            default_mode: Some(GROUP_READS),
            optional: Some(true),
            items: mounted.key.map(|(key, file)| {
                vec![KeyToPath { key: key.to_owned(), path: file.to_owned(), ..KeyToPath::default() }]
            }),
            ..SecretVolumeSource::default()
        }),
        ..named(mounted.volume)
    }));
    all
}

/// Where the pooler has them.
pub fn mounts(plan: &PoolingPlan) -> Vec<VolumeMount> {
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let mut all = vec![
        mount("agent", paths::BINARY, true),
        mount("run", paths::RUN, false),
        mount("config", paths::CONFIG, true),
    ];
    all.extend(mounted(plan).into_iter().map(|mounted| mount(mounted.volume, mounted.path, true)));
    all
}

/// Where the init container has the program's.
pub fn install() -> VolumeMount {
    VolumeMount { name: "agent".to_owned(), mount_path: INSTALL.to_owned(), ..VolumeMount::default() }
}
