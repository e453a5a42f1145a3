//! What is known of the primary and the replicas: how the connections are divided, where reads go, and whether the pools lead to the
//! primary still.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use super::Agent;
use crate::{
    pooler::{
        budget::{Direct, ServerLimits},
        report::{Problem, Report},
        rotation::{Decision, Memory},
        wanted::Wanted,
    },
    pooler_agent::{
        mounted::Mounted,
        peers::Peers,
        postgres::{Access, Mode, Tls},
        primary::{Act, Primary},
        sample::{Pace, Plan, Sample, Sampler, Server},
    },
};

/// Longest wait for the first looks, at a start.
const FIRST_LOOKS: Duration = Duration::from_secs(3);
/// Looks of which the lowest count of others' connections is taken: poolers and server are not asked in the same moment, so that a
/// pool that grows would be counted as somebody else for some of them.
const COUNTS: usize = 10;
/// Looks before a count is held for minutes.
const SETTLED: usize = 3;

/// What is known.
#[derive(Default)]
pub(super) struct Sensing {
    sampler: Option<Sampler>,
    samples: Option<watch::Receiver<Sample>>,
    peers: Option<(Wanted, Peers)>,
    primary: Primary,
    replicas: Memory,
    /// Where reads go; absent before the first looks and without a user to look as.
    decision: Option<Decision>,
    /// What the primary said at last.
    limits: Option<ServerLimits>,
    /// Connections of others at the last looks, and the most of the last minutes.
    counts: VecDeque<u32>,
    counted: u64,
    direct: Direct,
}

/// Whose looks, and by what.
fn plan(wanted: &Wanted, mounted: &Mounted) -> Plan {
    let tls = wanted.server_tls.as_ref();
    let files = &mounted.server_tls;
    let access = login(wanted, mounted).map(|(user, password)| Access {
        user: user.to_owned(),
        password: Some(password.to_owned()),
        database: wanted.databases.first().map_or_else(|| "postgres".to_owned(), |database| database.dbname.clone()),
        tls: Tls {
            // A mode that is not known is the strictest one, as for PgBouncer.
            mode: tls.map_or(Mode::default(), |tls| Mode::named(&tls.mode).unwrap_or(Mode::VerifyFull)),
            authorities: files.authorities.clone(),
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
    });
    Plan { primary: wanted.primary.clone(), replicas: wanted.replicas.clone(), access, pace: Pace::default() }
}

/// The user to look as: the agent's own, or else the one who looks up users, where its password is mounted.
fn login<'a>(wanted: &'a Wanted, mounted: &'a Mounted) -> Option<(&'a str, &'a str)> {
    if wanted.monitor {
        return mounted.monitor.as_ref().map(|login| (login.user.as_str(), login.password.as_str()));
    }
    let query = wanted.auth.query.as_ref().filter(|query| query.password)?;
    Some((&query.user, mounted.auth_password.as_deref()?))
}

impl Sensing {
    /// Waits for the next look; for ever while nobody looks.
    pub(super) async fn changed(&mut self) {
        if let Some(samples) = &mut self.samples
            && samples.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// What is wrong with the servers.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let said = self.samples.iter().flat_map(|samples| samples.borrow().problems());
        said.chain(self.primary.problem()).collect()
    }

    /// Adds to the report what was seen.
    pub(super) fn fill(&self, report: &mut Report) {
        report.primary = self.samples.as_ref().and_then(|samples| samples.borrow().primary_seen());
        if let Some(decision) = &self.decision {
            report.replicas.clone_from(&decision.seen);
        }
    }

    /// What the primary allows.
    pub(super) fn limits(&self, wanted: &Wanted) -> Option<ServerLimits> {
        self.limits.or_else(|| wanted.budget.max_connections.map(ServerLimits::declared))
    }

    /// Where reads go.
    pub(super) fn reads(&self, wanted: &Wanted) -> Decision {
        self.decision.clone().unwrap_or_else(|| Decision::unmeasured(&wanted.replicas))
    }

    /// Looks as this document wants it from now on.
    fn follow(&mut self, wanted: &Wanted, mounted: &Mounted, ordinal: u32) {
        let plan = plan(wanted, mounted);
        if plan.access.is_none() {
            (self.sampler, self.samples, self.peers, self.decision) = (None, None, None, None);
            return;
        }
        if let Some(sampler) = &mut self.sampler {
            sampler.follow(&plan);
        } else {
            let sampler = Sampler::start(&plan);
            self.samples = Some(sampler.samples());
            self.sampler = Some(sampler);
        }
        if self.peers.as_ref().is_none_or(|(asked, _)| asked != wanted) {
            self.peers = Some((wanted.clone(), Peers::ask(wanted, ordinal)));
        }
        let named = |decision: &Decision| decision.seen.iter().map(|seen| &seen.endpoint).eq(&wanted.replicas);
        self.decision = self.decision.take().filter(named);
    }

    /// Takes what the primary allows. True when that is news.
    fn see_limits(&mut self, server: &Server, look: u64, own: u32, now: Duration) -> bool {
        if self.counted == look {
            return false;
        }
        self.counted = look;
        let held = self.peers.as_ref().map(|(_, peers)| peers.held()).unwrap_or_default();
        if held.complete {
            // The agent's own is among those that it counts.
            let others = server.client_backends.saturating_sub(1).saturating_sub(own).saturating_sub(held.primary);
            self.counts.push_back(others);
            if self.counts.len() > COUNTS {
                self.counts.pop_front();
            }
        }
        let lowest = self.counts.iter().min().copied();
        let direct = match lowest {
            Some(lowest) if self.counts.len() >= SETTLED => self.direct.observe(now, lowest),
            Some(lowest) => self.direct.holds().unwrap_or(lowest),
            None => self.direct.holds().unwrap_or_default(),
        };
        let limits = ServerLimits {
            max_connections: server.max_connections,
            superuser_reserved: server.superuser_reserved,
            reserved: server.reserved,
            direct,
        };
        self.limits.replace(limits) != Some(limits)
    }

    /// Decides where reads go. True when they go elsewhere than before.
    fn see_replicas(&mut self, sample: &Sample, wanted: &Wanted) -> bool {
        let all_seen = sample.replicas.iter().all(|(_, look)| look.is_some());
        if wanted.replicas.is_empty() || !all_seen {
            return false;
        }
        let decision = self.replicas.decide(&sample.behind(Instant::now()), &wanted.lag);
        let goes = |decision: &Decision| (decision.reads, decision.hosts.clone());
        let before = self.decision.as_ref().map_or_else(|| goes(&Decision::unmeasured(&wanted.replicas)), goes);
        let changed = before != goes(&decision);
        if changed {
            tracing::info!(reads = ?decision.reads, hosts = ?decision.hosts, "reads go elsewhere");
        }
        self.decision = Some(decision);
        changed
    }
}

impl Agent {
    /// Looks at the servers that are wanted now.
    pub(super) fn follow_servers(&mut self) {
        let Some(document) = &self.document else { return };
        let mounted = self.setup.mounted.borrow().clone();
        self.sensing.follow(&document.wanted, &mounted, self.setup.fixed.ordinal);
    }

    /// Waits for the first looks: what is written first is right then, and not only a second later.
    pub(super) async fn first_looks(&mut self) {
        let Some(mut samples) = self.sensing.samples.clone() else { return };
        let seen = |sample: &Sample| sample.primary.is_some() && sample.replicas.iter().all(|(_, look)| look.is_some());
        if tokio::time::timeout(FIRST_LOOKS, samples.wait_for(seen)).await.is_err() {
            tracing::warn!("a server has not answered yet; the start does not wait for it");
        }
        self.see_limits();
        self.see_replicas();
    }

    /// A look has come: the pools are to lead to the primary that answers now.
    pub(super) async fn sensed(&mut self) {
        let Some(samples) = &self.sensing.samples else { return };
        let (named, look) = {
            let sample = samples.borrow();
            (sample.named.clone(), sample.primary.clone())
        };
        match self.sensing.primary.see(&named, look.as_ref()) {
            // Loading has done it.
            Act::Nothing | Act::Named => {}
            Act::OtherServer => {
                tracing::info!(primary = named.host, "another server answers to the primary's name");
                let databases = self.loading.on_primary();
                self.reconnect(&databases).await;
            }
        }
        if self.see_limits() {
            self.load().await;
        }
    }

    /// Once a second: where reads go.
    pub(super) fn see_replicas(&mut self) -> bool {
        let (Some(document), Some(samples)) = (&self.document, self.sensing.samples.clone()) else { return false };
        let sample = samples.borrow().clone();
        self.sensing.see_replicas(&sample, &document.wanted)
    }

    fn see_limits(&mut self) -> bool {
        let (now, own) = (self.now(), self.looking.to_primary());
        let Some(samples) = &self.sensing.samples else { return false };
        let seen = {
            let sample = samples.borrow();
            let number = sample.primary.as_ref().map_or(0, |look| look.number);
            sample.primary_server().filter(|server| !server.in_recovery).cloned().map(|server| (server, number))
        };
        seen.is_some_and(|(server, number)| self.sensing.see_limits(&server, number, own, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        pooler::{ini::sample, wanted::AuthQuery},
        pooler_agent::mounted::Login,
    };

    #[test]
    fn who_looks_is_the_agents_own_user_or_the_one_who_looks_up_users() {
        let mut wanted = Wanted { monitor: true, ..sample() };
        wanted.auth.query = Some(AuthQuery {
            user: "lookup".to_owned(),
            function: "plimsoll.user_lookup".to_owned(),
            database: None,
            password: true,
        });
        let own = Login { user: "watch".to_owned(), password: "w".to_owned() };
        let mut mounted = Mounted { monitor: Some(own), auth_password: Some("l".to_owned()), ..Mounted::default() };
        assert_eq!(login(&wanted, &mounted), Some(("watch", "w")));
        mounted.monitor = None;
        assert_eq!(login(&wanted, &mounted), None, "the one that is named, or nobody");
        wanted.monitor = false;
        assert_eq!(login(&wanted, &mounted), Some(("lookup", "l")));
        mounted.auth_password = None;
        assert_eq!(login(&wanted, &mounted), None);
    }

    #[test]
    fn a_pool_that_grows_between_two_looks_is_nobody_else() {
        let mut sensing = Sensing::default();
        let wanted = Wanted { instances: 1, max_instances: 1, ..sample() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            sensing.peers = Some((wanted.clone(), Peers::ask(&wanted, 0)));
            // Nobody else is to be asked, and that is known at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
            let server = |client_backends| Server { max_connections: 100, client_backends, ..Server::default() };
            let mut see = |backends, own, look| {
                sensing.see_limits(&server(backends), look, own, Duration::from_secs(look));
                sensing.limits.unwrap().direct
            };
            // Four others, the agent itself, and a pool that is counted late.
            let direct: Vec<u32> = [(5, 0), (5, 0), (5, 0), (25, 0), (25, 20), (25, 20)]
                .iter()
                .zip(1..)
                .map(|((all, own), look)| see(*all, *own, look))
                .collect();
            assert_eq!(direct, [4; 6]);
            // Others that stay are counted.
            let direct: Vec<u32> = (7..20).map(|look| see(35, 20, look)).collect();
            assert_eq!(direct.last(), Some(&14));
        });
    }
}
