//! Why a server did not answer, in few kinds: each is another thing to do.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

use crate::pooler::{report::Problem, wanted::Endpoint};

/// What kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The server does not take this user with this password, or not from here.
    AuthenticationFailed,
    /// Nobody answers at this address, or not in time, or the server is starting or stopping.
    Unreachable,
    /// No TLS as asked for: refused, a certificate that is not trusted, or one of another host.
    Tls,
    /// The server has no connection left.
    TooManyConnections,
    /// The server answers, and refuses: no such database, no privilege.
    Refused,
}

/// A server that did not answer. It holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind of a failure.
    pub kind: Kind,
    /// What the library or the server said.
    pub message: String,
}

/// Which server it is for a pooler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Where writes go.
    Primary,
    /// Where reads go.
    Replica,
}

impl Fault {
    /// A failure of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// No answer in time.
    pub(super) fn late(what: &str, limit: std::time::Duration) -> Self {
        Self::new(Kind::Unreachable, format!("{what} took longer than {} s", limit.as_secs_f32()))
    }

    /// What is wrong, and what to do.
    pub fn problem(&self, role: Role, endpoint: &Endpoint) -> Problem {
        let who = match role {
            Role::Primary => "the primary",
            Role::Replica => "the replica",
        };
        let reason = match (self.kind, role) {
            (Kind::AuthenticationFailed, _) => "AuthenticationFailed",
            (Kind::Tls, _) => "CertificateInvalid",
            (Kind::TooManyConnections, Role::Primary) => "PoolOversubscribed",
            (_, Role::Primary) => "PrimaryUnreachable",
            (_, Role::Replica) => "ReplicaUnreachable",
        };
        let advice = match self.kind {
            Kind::AuthenticationFailed => "check the Secret of the monitoring user, and pg_hba.conf",
            Kind::Unreachable => "check the host, the port, network policies, and whether the server runs",
            Kind::Tls => "check the mode, and the authority and the host names of the server's certificate",
            Kind::TooManyConnections => {
                "raise max_connections, or lower the share of the budget, or find who else holds connections"
            }
            Kind::Refused => "check that the monitoring user may connect to the database",
        };
        let message = format!("{who} {}:{}: {}; {advice}", endpoint.host, endpoint.port, self.message);
        Problem { reason: reason.to_owned(), message }
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(server) = error.as_db_error() {
            let message = format!("{} (SQLSTATE {})", server.message(), server.code().code());
            return Self::new(of_state(server.code()), message);
        }
        // The library keeps the kind to itself, but for its text.
        let text = error.to_string();
        let kind = if text.starts_with("error performing TLS") {
            Kind::Tls
        } else if text.starts_with("authentication error") || text.starts_with("invalid configuration") {
            Kind::AuthenticationFailed
        } else {
            Kind::Unreachable
        };
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::new(kind, format!("{text}{cause}"))
    }
}

/// By what the server says.
fn of_state(state: &SqlState) -> Kind {
    let class = state.code().get(..2).unwrap_or_default();
    match state {
        state if *state == SqlState::TOO_MANY_CONNECTIONS => Kind::TooManyConnections,
        _ if class == "28" => Kind::AuthenticationFailed,
        // Shutting down, starting up, an operator's intervention, a lost connection.
        _ if class == "57" || class == "08" => Kind::Unreachable,
        _ => Kind::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_of_the_server_have_their_kinds() {
        for (code, kind) in [
            ("53300", Kind::TooManyConnections),
            ("28P01", Kind::AuthenticationFailed),
            ("28000", Kind::AuthenticationFailed),
            ("57P03", Kind::Unreachable),
            ("57P01", Kind::Unreachable),
            ("08006", Kind::Unreachable),
            ("3D000", Kind::Refused),
            ("42501", Kind::Refused),
        ] {
            assert_eq!(of_state(&SqlState::from_code(code)), kind, "{code}");
        }
    }

    #[test]
    fn a_problem_says_who_and_what_to_do() {
        let endpoint = Endpoint { host: "db-r1".to_owned(), port: 5433 };
        let problem = Fault::new(Kind::Unreachable, "connection refused").problem(Role::Replica, &endpoint);
        assert_eq!(problem.reason, "ReplicaUnreachable");
        assert!(problem.message.starts_with("the replica db-r1:5433: connection refused; check the host"));
        let full = Fault::new(Kind::TooManyConnections, "sorry").problem(Role::Primary, &endpoint);
        assert_eq!(full.reason, "PoolOversubscribed");
    }
}
