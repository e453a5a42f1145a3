//! What is asked of one server, and how the answer is read.

use super::super::{
    console::Row,
    postgres::{Access, Connection, Fault, Kind},
};
use crate::pooler::wanted::Endpoint;

/// What every user may ask of every server. Rows of others are hidden from users without `pg_monitor`: a client is known then by having
/// a database and a user.
const STATE: &str = "SELECT pg_catalog.pg_is_in_recovery() AS in_recovery, \
    (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::bigint AS started, \
    host(pg_catalog.inet_server_addr()) AS address, pg_catalog.inet_server_port() AS port, \
    current_setting('max_connections') AS max_connections, \
    current_setting('superuser_reserved_connections') AS superuser_reserved, \
    current_setting('reserved_connections', true) AS reserved, \
    (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
      OR (backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL)) AS client_backends";

/// Positions in the write-ahead log. Services that only speak like Postgres refuse it.
const WAL: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
      ELSE pg_catalog.pg_current_wal_lsn() END AS position, \
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_receive_lsn() END AS received, \
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN \
      extract(epoch FROM clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()) END AS replayed";

/// The identifier that a cluster and its copies share.
const SYSTEM: &str = "SELECT system_identifier FROM pg_catalog.pg_control_system()";

/// Which server it is, as far as it says: two servers with the same name differ in it, and so does one that was started again.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Identity {
    /// When it was started, in microseconds since 1970.
    pub started: i64,
    /// What the cluster and its copies share, where it may be read.
    pub system: Option<u64>,
    /// Its own address for this connection. A server may have several, so that it alone makes no other server.
    pub address: Option<String>,
    /// Its own port.
    pub port: Option<u16>,
}

impl Identity {
    /// Whether it is the same start of the same server.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_system = match (self.system, other.system) {
            (Some(one), Some(two)) => one == two,
            // Not readable by one of the users that have asked: says nothing.
            _ => true,
        };
        self.started == other.started && self.port == other.port && same_system
    }
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Server {
    /// Whether it only replays another's log.
    pub in_recovery: bool,
    /// Which server it is.
    pub identity: Identity,
    /// Written up to here, or replayed up to here in recovery; absent where the server does not say.
    pub position: Option<u64>,
    /// In recovery: received up to here.
    pub received: Option<u64>,
    /// In recovery: seconds since the commit of the last transaction that was replayed, by this server's clock.
    pub replayed_seconds: Option<f64>,
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections`.
    pub superuser_reserved: u32,
    /// `reserved_connections`; 0 before Postgres 16.
    pub reserved: u32,
    /// Connections of clients, the agent's own among them.
    pub client_backends: u32,
}

impl Server {
    fn read(state: &Row, wal: Option<&Row>, system: Option<u64>) -> Self {
        let position = |column: &str| wal.and_then(|row| lsn(row.get(column)?));
        Self {
            in_recovery: state.get("in_recovery") == Some("t"),
            identity: Identity {
                started: state.number("started"),
                system,
                address: state.get("address").map(str::to_owned),
                port: state.get("port").and_then(|port| port.parse().ok()),
            },
            position: position("position"),
            received: position("received"),
            replayed_seconds: wal.and_then(|row| row.get("replayed")?.parse().ok()).map(|age: f64| age.max(0.0)),
            max_connections: state.number("max_connections"),
            superuser_reserved: state.number("superuser_reserved"),
            reserved: state.number("reserved"),
            client_backends: state.number("client_backends"),
        }
    }
}

/// A position in the log, `16/B374D848`, as a number of bytes.
pub fn lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let part = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(part(high)? << 32 | part(low)?)
}

/// Looks at one server, again and again.
pub(super) struct Session {
    endpoint: Endpoint,
    access: Access,
    /// Looks after which a new connection is made, which a name may lead elsewhere.
    keep: u32,
    kept: Option<(Connection, u32)>,
    system: Option<u64>,
    asks_wal: bool,
    asks_system: bool,
}

impl Session {
    pub(super) fn new(endpoint: Endpoint, access: Access, keep: u32) -> Self {
        Self { endpoint, access, keep, kept: None, system: None, asks_wal: true, asks_system: true }
    }

    /// One look. A kept connection that has failed is made again at once: the failure may be its own.
    pub(super) async fn look(&mut self) -> Result<Server, Fault> {
        if let Some((connection, used)) = self.kept.take() {
            if used < self.keep && !connection.is_closed() {
                if let Ok(server) = self.ask(&connection).await {
                    self.kept = Some((connection, used + 1));
                    return Ok(server);
                }
            } else {
                // Before the next one is opened: the agent counts as one connection.
                connection.close().await;
            }
        }
        self.system = None;
        let connection = Connection::open(&self.endpoint, &self.access).await?;
        let server = self.ask(&connection).await?;
        if self.keep > 1 {
            self.kept = Some((connection, 1));
        } else {
            connection.close().await;
        }
        Ok(server)
    }

    /// All questions at once, in one round trip.
    async fn ask(&mut self, connection: &Connection) -> Result<Server, Fault> {
        let further = |wanted: bool, query: &'static str| async move {
            if wanted { connection.ask(query).await.map(|rows| rows.into_iter().next()) } else { Ok(None) }
        };
        let asks_system = self.asks_system && self.system.is_none();
        let (state, wal, system) =
            tokio::join!(connection.ask(STATE), further(self.asks_wal, WAL), further(asks_system, SYSTEM));
        let state = state?.into_iter().next();
        let state = state.ok_or_else(|| Fault::new(Kind::Refused, "the server gave an empty answer"))?;
        let wal = granted(wal, &mut self.asks_wal)?;
        let system = granted(system, &mut self.asks_system)?;
        self.system = self.system.or_else(|| system.and_then(|row| row.get("system_identifier")?.parse().ok()));
        Ok(Server::read(&state, wal.as_ref(), self.system))
    }
}

/// What a server refuses is not asked again, and is no failure.
fn granted(answer: Result<Option<Row>, Fault>, asks: &mut bool) -> Result<Option<Row>, Fault> {
    match answer {
        Err(Fault { kind: Kind::Refused, .. }) => {
            *asks = false;
            Ok(None)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_number_of_bytes() {
        assert_eq!(lsn("0/3000060"), Some(0x300_0060));
        assert_eq!(lsn("16/B374D848"), Some((0x16 << 32) | 0xB374_D848));
        for wrong in ["", "0", "x/1", "1/100000000", "/"] {
            assert_eq!(lsn(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_address_alone_makes_no_other_server() {
        let one = Identity { started: 1, system: Some(7), address: Some("10.0.0.1".to_owned()), port: Some(5432) };
        assert!(one.is_same(&Identity { address: Some("fd00::1".to_owned()), ..one.clone() }));
        assert!(one.is_same(&Identity { system: None, ..one.clone() }));
        assert!(!one.is_same(&Identity { started: 2, ..one.clone() }));
        assert!(!one.is_same(&Identity { system: Some(8), ..one.clone() }));
        assert!(!one.is_same(&Identity { port: Some(5433), ..one.clone() }));
    }

    #[test]
    fn what_a_server_does_not_say_is_absent() {
        let state: Row =
            [("in_recovery", Some("t")), ("started", Some("17")), ("reserved", None)].into_iter().collect();
        let server = Server::read(&state, None, None);
        assert!(server.in_recovery && server.position.is_none() && server.identity.address.is_none());
        assert_eq!((server.reserved, server.identity.started), (0, 17));
    }
}
