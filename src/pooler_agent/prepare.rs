//! From what is mounted to the files that `PgBouncer` reads: all of it is checked before any of it is written.

use std::path::Path;

use super::{
    certificates,
    files::Files,
    mounted::{Mounted, TlsFiles},
};
use crate::pooler::{
    budget::Shares,
    ini::{self, Given, Places, Rendered, render},
    report::Problem,
    rotation::Decision,
    userlist::Userlist,
    version::Version,
    wanted::{CLIENT_PORT, Wanted},
};

/// The configuration file's name in the agent's directory.
pub const INI: &str = "pgbouncer.ini";
/// The list of users' name there: the configuration names it so.
const USERS: &str = "userlist.txt";
/// Directories of the certificates there. `PgBouncer` is not pointed to the mounted ones: they change under it, one file after the other.
const CLIENT_TLS: &str = "client-tls";
const SERVER_TLS: &str = "server-tls";

/// A problem of this reason.
pub fn problem(reason: &str, message: impl std::fmt::Display) -> Problem {
    Problem { reason: reason.to_owned(), message: message.to_string() }
}

/// Where the agent puts things.
pub fn places(run: &Path, listen_addr: &str, port: u16) -> Places {
    let below = |name: &str| run.join(name).display().to_string();
    Places {
        run: run.display().to_string(),
        client_tls: below(CLIENT_TLS),
        server_tls: below(SERVER_TLS),
        listen_addr: listen_addr.to_owned(),
        port,
    }
}

/// What does not change while the agent runs.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// The program that reads the files.
    pub version: Version,
    /// The pod's ordinal.
    pub ordinal: u32,
    /// Where things are.
    pub places: Places,
}

impl Default for Fixed {
    fn default() -> Self {
        let version = crate::pooler::version::OLDEST;
        Self { version, ordinal: 0, places: places(Path::new("/run"), "*", CLIENT_PORT) }
    }
}

/// Files that can be written, and what must be shown then.
#[derive(Clone)]
pub struct Prepared {
    /// The files.
    pub files: Files,
    /// The configuration among them.
    pub rendered: Rendered,
    /// What is worth saying although it keeps nobody from going on.
    pub remarks: Vec<Problem>,
}

/// Prepares the files.
pub fn prepare(
    mounted: &Mounted,
    wanted: &Wanted,
    shares: &Shares,
    reads: &Decision,
    fixed: &Fixed,
) -> Result<Prepared, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut remarks = Vec::new();
    let users = users(mounted, wanted, &mut remarks).unwrap_or_else(|problem| {
        problems.push(problem);
        Userlist::default()
    });
    let mut files = Files::new();
    files.insert(USERS.into(), users.text().into_bytes());
    let sides = [
        ("client", CLIENT_TLS, &mounted.client_tls, wanted.client_tls.as_ref()),
        ("server", SERVER_TLS, &mounted.server_tls, wanted.server_tls.as_ref()),
    ];
    for (side, directory, there, tls) in sides {
        let Some(tls) = tls.filter(|tls| tls.files) else { continue };
        if *there == TlsFiles::default() {
            problems.push(problem(
                "SecretMissing",
                format!(
                    "the Secret of tls.{side}.secretRef has none of tls.crt, tls.key and ca.crt, which mode {} needs",
                    tls.mode
                ),
            ));
            continue;
        }
        if let Err(error) = certificates::check(there) {
            problems.push(problem("CertificateInvalid", format!("the Secret of tls.{side}.secretRef: {error}")));
        }
        let named = [("tls.crt", &there.certificate), ("tls.key", &there.key), ("ca.crt", &there.authorities)];
        for (name, content) in named {
            if let Some(content) = content {
                files.insert(Path::new(directory).join(name), content.clone());
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let there = |directory: &str, name: &str| files.contains_key(&Path::new(directory).join(name));
    let present = ini::Files {
        client_certificate: there(CLIENT_TLS, "tls.crt"),
        client_ca: there(CLIENT_TLS, "ca.crt"),
        server_certificate: there(SERVER_TLS, "tls.crt"),
        server_ca: there(SERVER_TLS, "ca.crt"),
    };
    let Fixed { version, ordinal, places } = fixed;
    let given = Given { wanted, version: *version, ordinal: *ordinal, shares, reads, files: present, places };
    let rendered = render(&given).map_err(|error| {
        let reason = if matches!(error, ini::RenderError::Certificate { .. }) {
            "CertificateInvalid"
        } else {
            "SettingRejected"
        };
        vec![problem(reason, error)]
    })?;
    files.insert(INI.into(), rendered.ini.clone().into_bytes());
    Ok(Prepared { files, rendered, remarks })
}

/// The list of users, with the one who looks up the others.
fn users(mounted: &Mounted, wanted: &Wanted, remarks: &mut Vec<Problem>) -> Result<Userlist, Problem> {
    let mut users = Userlist::default();
    if wanted.auth.userlist {
        let missing = "the Secret of auth.userlistSecretRef has no key userlist.txt";
        let text = mounted.userlist.as_ref().ok_or_else(|| problem("UserlistMissing", missing))?;
        users = Userlist::parse(text.as_bytes()).map_err(|error| problem("UserlistInvalid", error))?;
        let auth_type = wanted.settings.parameters.get("auth_type").map_or("scram-sha-256", String::as_str);
        remarks.extend(users.useless(auth_type).map(|message| problem("UserlistInvalid", message)));
    }
    let Some(query) = &wanted.auth.query else { return Ok(users) };
    if query.password {
        let missing = "the Secret of auth.authQuery.passwordSecretRef has no key password";
        let password = mounted.auth_password.as_ref().ok_or_else(|| problem("SecretMissing", missing))?;
        let with = users.with_auth_user(&query.user, password.as_bytes());
        return with.map_err(|error| problem("UserlistInvalid", error));
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pooler::{budget::split, ini::sample};

    fn prepared(mounted: &Mounted, wanted: &Wanted) -> Result<Prepared, Vec<Problem>> {
        let fixed = Fixed { version: Version::new(1, 24, 1), ..Fixed::default() };
        prepare(mounted, wanted, &split(wanted, None), &Decision::unmeasured(&wanted.replicas), &fixed)
    }

    fn reasons(problems: Vec<Problem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.reason).collect()
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut wanted = sample();
        wanted.auth.userlist = true;
        wanted.client_tls = Some(crate::pooler::wanted::Tls { mode: "require".into(), files: true });
        let problems = prepared(&Mounted::default(), &wanted).err().unwrap();
        assert_eq!(reasons(problems), ["UserlistMissing", "SecretMissing"]);
    }

    #[test]
    fn a_list_of_users_that_cannot_be_read_is_not_written() {
        let mut wanted = sample();
        wanted.auth.userlist = true;
        let mounted = Mounted { userlist: Some("app secret".into()), ..Mounted::default() };
        assert_eq!(reasons(prepared(&mounted, &wanted).err().unwrap()), ["UserlistInvalid"]);
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        let mut wanted = sample();
        wanted.auth.userlist = false;
        wanted.client_tls = Some(crate::pooler::wanted::Tls { mode: "require".into(), files: true });
        let client_tls = TlsFiles { certificate: Some(b"x".to_vec()), ..TlsFiles::default() };
        let mounted = Mounted { client_tls, ..Mounted::default() };
        let problems = prepared(&mounted, &wanted).err().unwrap();
        assert!(problems[0].message.contains("tls.crt and no tls.key"), "{problems:?}");
    }
}
