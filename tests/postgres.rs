//! The agent's looks at servers against real Postgres: a primary and a replica, their failures, and a name that moves.
//!
//! It is run with `POSTGRES` set to the directory of the programs, perhaps with words before it: Postgres refuses to run as root. Where
//! these words lead to another root directory, `POSTGRES_ROOT` is that one. As root, for example:
//!
//! ```sh
//! POSTGRES="setpriv --reuid=65534 --clear-groups /usr/lib/postgresql/17/bin" cargo test --test postgres
//! ```
//!
//! Without `POSTGRES` it looks where Debian has the programs, and does nothing where there are none, or as root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by them"
)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use plimsoll::{
    pooler::wanted::Endpoint,
    pooler_agent::{
        postgres::{Access, Connection, Kind, Mode, Tls},
        primary::{Act, Primary},
        sample::{Pace, Plan, Sample, Sampler},
    },
};
use tokio::net::{TcpListener, TcpStream};

#[path = "postgres/server.rs"]
mod server;

use server::{Programs, Server};

const PRIMARY: u16 = 25_511;
const REPLICA: u16 = 25_512;

fn at(port: u16) -> Endpoint {
    Endpoint { host: "127.0.0.1".to_owned(), port }
}

fn access(password: &str, mode: Mode, authorities: Option<Vec<u8>>) -> Access {
    let tls = Tls { mode, authorities, ..Tls::default() };
    Access { user: "monitor".to_owned(), password: Some(password.to_owned()), database: "app".to_owned(), tls }
}

fn plan(primary: Endpoint, replicas: Vec<Endpoint>) -> Plan {
    Plan { primary, replicas, access: Some(access("watch", Mode::Prefer, None)), pace: Pace::default() }
}

/// Waits for a sample that is as it should be, at most so many seconds.
async fn until(sampler: &Sampler, seconds: u64, what: &str, mut holds: impl FnMut(&Sample) -> bool) -> Duration {
    let (start, mut looks) = (Instant::now(), sampler.samples());
    let found = tokio::time::timeout(Duration::from_secs(seconds), looks.wait_for(|sample| holds(sample))).await;
    assert!(found.is_ok(), "{what}: not within {seconds} s: {:?}", sampler.samples().borrow().clone());
    start.elapsed()
}

/// Leads a port to another, which can be changed: a name that moves. Connections that are open stay where they are.
async fn forward(to: Arc<Mutex<u16>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let port = *to.lock().unwrap();
            tokio::spawn(async move {
                if let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn servers() {
    let Some(programs) = Programs::find() else { return };
    let mut primary = programs.primary(PRIMARY, "max_connections=20\nsuperuser_reserved_connections=3");
    let replica = programs.replica(PRIMARY, REPLICA);
    looks(&primary).await;
    lag(&primary, &replica).await;
    faults(&primary).await;
    encryption(&programs, &mut primary).await;
    moves(&mut primary, &replica).await;
}

/// What is seen with a user of no privileges, and that a server which hangs delays no other.
async fn looks(primary: &Server<'_>) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs = at(silent.local_addr().unwrap().port());
    let sampler = Sampler::start(&plan(at(PRIMARY), vec![at(REPLICA), hangs]));
    until(&sampler, 5, "both are seen", |sample| sample.behind(Instant::now())[0].behind.is_some()).await;
    let before = primary.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'");
    until(&sampler, 8, "looks go on each second", |sample| sample.primary.as_ref().unwrap().number >= 6).await;
    let sample = sampler.samples().borrow().clone();
    let server = sample.primary_server().unwrap();
    assert_eq!((server.max_connections, server.superuser_reserved, server.in_recovery), (20, 3, false));
    assert!(server.position.is_some() && server.identity.system.is_some() && server.identity.started > 0, "{server:?}");
    // The agent's own is there when it counts, and psql's when it does.
    assert_eq!(server.client_backends.to_string(), before.trim());
    assert_eq!(sample.behind(Instant::now())[0].behind.unwrap().bytes, 0);
    assert_eq!(sample.behind(Instant::now())[1].behind, None);
    let (_, hung) = &sample.replicas[1];
    let fault = hung.as_ref().unwrap().result.as_ref().unwrap_err();
    assert_eq!(fault.kind, Kind::Unreachable, "{fault}");
    assert!(fault.to_string().contains("took longer than 2 s"), "{fault}");
    let problems = sample.problems();
    assert_eq!(
        problems.iter().map(|problem| &*problem.reason).collect::<Vec<_>>(),
        ["ReplicaUnreachable"],
        "{problems:?}"
    );
}

/// A replica whose replay is held falls behind in bytes and seconds, and one that has caught up does not.
async fn lag(primary: &Server<'_>, replica: &Server<'_>) {
    let sampler = Sampler::start(&plan(at(PRIMARY), vec![at(REPLICA)]));
    let behind = |sample: &Sample| sample.behind(Instant::now())[0].behind;
    until(&sampler, 5, "it keeps up", |sample| behind(sample).is_some_and(|behind| behind.bytes == 0)).await;
    replica.sql("SELECT pg_wal_replay_pause()");
    primary.sql("CREATE TABLE filler AS SELECT generate_series(1, 100000) AS id");
    until(&sampler, 5, "it is behind", |sample| behind(sample).is_some_and(|behind| behind.bytes > 1_000_000)).await;
    until(&sampler, 8, "by some seconds", |sample| behind(sample).is_some_and(|behind| behind.seconds > 3.0)).await;
    replica.sql("SELECT pg_wal_replay_resume()");
    until(&sampler, 5, "it has caught up", |sample| behind(sample).is_some_and(|behind| behind.bytes == 0)).await;
    primary.sql("DROP TABLE filler");
}

async fn fault(port: u16, access: &Access) -> Kind {
    let Err(fault) = Connection::open(&at(port), access).await else { panic!("it is let in") };
    assert!(!fault.message.contains("wrong") && !fault.message.contains("watch"), "{fault}");
    fault.kind
}

async fn faults(primary: &Server<'_>) {
    let ours = access("watch", Mode::Prefer, None);
    assert_eq!(fault(PRIMARY, &access("wrong", Mode::Prefer, None)).await, Kind::AuthenticationFailed);
    assert_eq!(fault(PRIMARY, &Access { password: None, ..ours.clone() }).await, Kind::AuthenticationFailed);
    assert_eq!(fault(PRIMARY, &Access { user: "nobody".to_owned(), ..ours.clone() }).await, Kind::AuthenticationFailed);
    assert_eq!(fault(PRIMARY, &Access { database: "none".to_owned(), ..ours.clone() }).await, Kind::Refused);
    assert_eq!(fault(PRIMARY, &access("watch", Mode::Require, None)).await, Kind::Tls);
    assert_eq!(fault(1, &ours).await, Kind::Unreachable);
    let nowhere = Endpoint { host: "no-such-host.invalid".to_owned(), port: PRIMARY };
    let Err(unknown) = Connection::open(&nowhere, &ours).await else { panic!("it is let in") };
    assert_eq!(unknown.kind, Kind::Unreachable, "{unknown}");

    let app = Access { user: "app".to_owned(), password: Some("apppw".to_owned()), ..ours.clone() };
    let mut held = vec![];
    while let Ok(connection) = Connection::open(&at(PRIMARY), &app).await {
        held.push(connection);
    }
    assert_eq!(fault(PRIMARY, &ours).await, Kind::TooManyConnections);
    assert_eq!(held.len(), 17, "20 without 3 for superusers");
    for connection in held {
        connection.close().await;
    }
    for _ in 0..50 {
        if primary.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'").trim() == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("connections that are closed are not freed");
}

/// Every mode, against a certificate of an authority for another name, and against one that signs itself.
async fn encryption(programs: &Programs, primary: &mut Server<'_>) {
    let openssl = |arguments: &str, directory: &std::path::Path| {
        let mut command = std::process::Command::new("openssl");
        command.args(arguments.split_whitespace()).current_dir(directory);
        command.output().is_ok_and(|output| output.status.success())
    };
    let directory = programs.outside("primary");
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    if !openssl(&format!("{new} -subj /CN=authority -keyout ca.key -out ca.crt"), &directory) {
        return;
    }
    let names = "-subj /CN=db -addext subjectAltName=DNS:db.example -addext basicConstraints=critical,CA:FALSE";
    assert!(openssl(&format!("{new} {names} -CA ca.crt -CAkey ca.key -keyout server.key -out server.crt"), &directory));
    let read = |name: &str| Some(std::fs::read(directory.join(name)).unwrap());
    let authority = read("ca.crt");
    serve_tls(programs, primary);

    for (mode, authorities, let_in) in [
        (Mode::Disable, None, true),
        (Mode::Allow, None, true),
        (Mode::Prefer, None, true),
        (Mode::Require, None, true),
        (Mode::VerifyCa, authority.clone(), true),
        (Mode::VerifyFull, authority.clone(), false),
        (Mode::VerifyCa, None, false),
        (Mode::VerifyCa, Some(b"no certificate".to_vec()), false),
    ] {
        let access = access("watch", mode, authorities);
        match Connection::open(&at(PRIMARY), &access).await {
            Ok(connection) => {
                assert!(let_in, "{mode:?}");
                let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
                let encrypted = connection.ask(query).await.unwrap()[0].get("ssl") == Some("t");
                assert_eq!(encrypted, !matches!(mode, Mode::Disable | Mode::Allow), "{mode:?}");
            }
            Err(fault) => {
                assert!(!let_in, "{mode:?}: {fault}");
                assert_eq!(fault.kind, Kind::Tls, "{fault}");
            }
        }
    }

    // A server that takes encrypted connections only, with a certificate that signs itself and is for this address.
    let itself = "-subj /CN=db -addext subjectAltName=IP:127.0.0.1";
    assert!(openssl(&format!("{new} {itself} -keyout server.key -out server.crt"), &directory));
    let hba = directory.join("pg_hba.conf");
    let rules = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("hostnossl app monitor all reject\n{rules}")).unwrap();
    serve_tls(programs, primary);
    let itself = read("server.crt");
    let other = authority;
    for (mode, authorities, expected) in [
        (Mode::Disable, None, Some(Kind::AuthenticationFailed)),
        (Mode::Allow, None, None),
        (Mode::VerifyCa, itself.clone(), None),
        (Mode::VerifyFull, itself, None),
        (Mode::VerifyCa, other, Some(Kind::Tls)),
    ] {
        let found = Connection::open(&at(PRIMARY), &access("watch", mode, authorities)).await;
        assert_eq!(found.err().map(|fault| fault.kind), expected, "{mode:?}");
    }
    std::fs::write(&hba, rules).unwrap();
    primary.sql("SELECT pg_reload_conf()");
}

fn serve_tls(programs: &Programs, primary: &mut Server<'_>) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    let directory = programs.outside("primary");
    let owner = std::fs::metadata(directory.join("PG_VERSION")).unwrap().uid();
    let key = directory.join("server.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    chown(&key, Some(owner), None).unwrap();
    primary.sql("ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()");
    std::thread::sleep(Duration::from_millis(300));
}

/// A name that leads to the primary, and then to the replica before and after its promotion.
async fn moves(primary: &mut Server<'_>, replica: &Server<'_>) {
    let to = Arc::new(Mutex::new(PRIMARY));
    let name = at(forward(Arc::clone(&to)).await.port());
    let sampler = Sampler::start(&plan(name.clone(), vec![]));
    let mut memory = Primary::default();
    until(&sampler, 5, "the primary is seen", |sample| sample.primary_server().is_some()).await;
    assert_eq!(memory.see(&name, sampler.samples().borrow().primary.as_ref()), Act::Nothing);

    *to.lock().unwrap() = REPLICA;
    until(&sampler, 3, "a replica answers", |sample| sample.primary_seen().is_some_and(|seen| seen.in_recovery)).await;
    assert_eq!(memory.see(&name, sampler.samples().borrow().primary.as_ref()), Act::Nothing);
    assert!(memory.problem().unwrap().message.contains("is in recovery"));

    primary.stop();
    replica.sql("SELECT pg_promote()");
    let mut act = Act::Nothing;
    let took = until(&sampler, 3, "the new primary is followed", |sample| {
        act = memory.see(&name, sample.primary.as_ref());
        act == Act::OtherServer
    });
    let took = took.await;
    assert!(took < Duration::from_millis(1_500), "{took:?}");
    assert_eq!(memory.problem(), None);

    // The old primary under its own name is gone; where it begins again, that is another start of it.
    let old = Sampler::start(&plan(at(PRIMARY), vec![]));
    until(&old, 5, "it is gone", |sample| {
        sample.problems().iter().any(|problem| problem.reason == "PrimaryUnreachable")
    })
    .await;
    primary.begin();
    until(&old, 5, "it is back", |sample| sample.primary_server().is_some()).await;
}
