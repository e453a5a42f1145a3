//! One fault's stage: a namespace without anything in it, replicas of the operator, the script, and the wait for the end.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use k8s_openapi::{api::coordination::v1::Lease, jiff::Timestamp};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams},
};
use plimsoll::kube::{Category, categorize};
use serde_json::Value;

use crate::{
    audit,
    lab::Lab,
    operator::{Launch, Replica},
    random::Random,
    script::{Script, Step},
    state::{self, State, api},
};

/// Longest time for the cluster to come to the state that is expected.
const LONGEST: Duration = Duration::from_mins(2);
/// The state must last for so long: what is torn down again has not come to rest.
const REST: Duration = Duration::from_secs(3);
/// Longest time for which one thing is tried again and again.
const PATIENCE: Duration = Duration::from_mins(1);

/// What all faults of a run share.
pub struct Run {
    pub lab: Lab,
    pub client: Client,
    pub namespace: String,
    pub program: PathBuf,
    /// A program of an earlier commit.
    pub old_program: Option<PathBuf>,
    pub seed: u64,
    pub script: Script,
}

/// One fault's stage.
pub struct Scene<'a> {
    pub run: &'a Run,
    pub random: Random,
    pub replicas: Vec<Replica>,
    /// What the clean run came to; nothing in the clean run itself.
    expected: Option<&'a State>,
    fault: String,
    /// Logs of replicas that are gone.
    logs: Vec<PathBuf>,
    began: Timestamp,
}

impl<'a> Scene<'a> {
    /// An empty stage.
    pub async fn set(run: &'a Run, fault: &str, expected: Option<&'a State>) -> Result<Self> {
        let deadline = Instant::now() + LONGEST;
        loop {
            state::clear(&run.client, &run.namespace, &[]).await?;
            let left = state::capture(&run.client, &run.namespace).await?;
            if left.is_empty() {
                break;
            }
            if Instant::now() > deadline {
                bail!("these do not go: {:?}", left.keys().take(5).collect::<Vec<_>>());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let leases = Api::<Lease>::namespaced(run.client.clone(), &run.namespace);
        match leases.delete("plimsoll", &DeleteParams::default()).await {
            Err(error) if categorize(&error) == Category::NotFound => {}
            other => drop(other?),
        }
        let random = Random::new(run.seed, fault);
        Ok(Self {
            run,
            random,
            replicas: Vec::new(),
            expected,
            fault: fault.to_owned(),
            logs: Vec::new(),
            began: Timestamp::now(),
        })
    }

    /// How a replica is started.
    pub fn launch(&self, name: &str) -> Launch {
        Launch {
            program: self.run.program.clone(),
            namespace: self.run.namespace.clone(),
            name: name.to_owned(),
            environment: Vec::new(),
            log: std::env::temp_dir().join(format!("chaos-{}-{}-{name}.log", std::process::id(), self.fault)),
        }
    }

    /// Starts a replica and waits until it leads, if it is the first.
    pub async fn start(&mut self, launch: Launch) -> Result<()> {
        let name = launch.name.clone();
        let random = Random::new(self.run.seed, &format!("proxy of {name}"));
        self.replicas.push(Replica::start(launch, self.run.client.clone(), random).await?);
        if self.replicas.len() == 1 { self.wait_for_leader(&name).await.map(drop) } else { Ok(()) }
    }

    /// A replica, by the order of their starts.
    pub fn replica(&self, number: usize) -> Result<&Replica> {
        self.replicas.get(number).context("there is no such replica")
    }

    /// Who holds the lease.
    pub async fn leader(&self) -> Result<Option<String>> {
        let leases = Api::<Lease>::namespaced(self.run.client.clone(), &self.run.namespace);
        Ok(leases.get_opt("plimsoll").await?.and_then(|lease| lease.spec?.holder_identity))
    }

    /// When the lease was renewed last, by the leader's clock.
    pub async fn renewed(&self) -> Result<Timestamp> {
        let leases = Api::<Lease>::namespaced(self.run.client.clone(), &self.run.namespace);
        let spec = leases.get("plimsoll").await?.spec.unwrap_or_default();
        Ok(spec.renew_time.context("the lease was never renewed")?.0)
    }

    /// Waits until a replica leads; how long that took.
    pub async fn wait_for_leader(&self, name: &str) -> Result<Duration> {
        let started = Instant::now();
        while self.leader().await.ok().flatten().as_deref() != Some(name) {
            if started.elapsed() > PATIENCE {
                bail!("{name} does not lead after {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(started.elapsed())
    }

    /// Goes through the script, as people who try again until it works.
    pub async fn play(&self) -> Result<()> {
        let mut pace = Random::new(self.run.seed, "pace");
        for step in &self.run.script.steps {
            insist(async || self.do_(step).await).await.with_context(|| format!("{step:?}"))?;
            tokio::time::sleep(pace.between(Duration::from_millis(10), Duration::from_millis(120))).await;
        }
        Ok(())
    }

    async fn do_(&self, step: &Step) -> Result<(), kube::Error> {
        let result = match step {
            Step::Apply(object) => return self.apply(object).await,
            Step::Delete(kind, name) => self.api(kind).delete(name, &DeleteParams::background()).await.map(drop),
            Step::Meddle(kind, name, change) => {
                self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(change)).await.map(drop)
            }
        };
        match result {
            // It is gone already, or not there yet.
            Err(error) if categorize(&error) == Category::NotFound => Ok(()),
            other => other,
        }
    }

    /// Applies an object, once.
    pub async fn apply(&self, object: &Value) -> Result<(), kube::Error> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let params = PatchParams::apply("chaos").force();
        self.api(text("/kind")).patch(text("/metadata/name"), &params, &Patch::Apply(object)).await.map(drop)
    }

    /// The interface to a kind, in the namespace.
    pub fn api(&self, kind: &str) -> Api<kube::core::DynamicObject> {
        api(&self.run.client, &self.run.namespace, kind)
    }

    /// Waits until everything is as after the clean run, and stays so; how long it took to get there.
    pub async fn converge(&self) -> Result<Duration> {
        let Some(expected) = self.expected else { bail!("there is nothing to compare with") };
        let started = Instant::now();
        let mut since: Option<Instant> = None;
        loop {
            // An API server that does not answer is as good as one that shows something else.
            let differences = match tokio::time::timeout(PATIENCE, self.capture()).await {
                Ok(Ok(found)) => state::differences(expected, &found, 12),
                Ok(Err(error)) => vec![format!("{error:#}")],
                Err(late) => vec![late.to_string()],
            };
            match since {
                _ if !differences.is_empty() => since = None,
                None => since = Some(Instant::now()),
                Some(since) if since.elapsed() >= REST => return Ok(since.duration_since(started)),
                Some(_) => {}
            }
            if started.elapsed() > LONGEST + REST {
                bail!("after {LONGEST:?} not as after the clean run:\n  {}", differences.join("\n  "));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Everything in the namespace.
    pub async fn capture(&self) -> Result<State> {
        state::capture(&self.run.client, &self.run.namespace).await
    }

    /// Writes that were accepted so far.
    pub fn writes(&self) -> usize {
        self.replicas.iter().map(|replica| replica.proxy.writes()).sum()
    }

    /// How often processes have ended so far.
    pub fn ends(&self) -> u32 {
        self.replicas.iter().map(Replica::ends).sum()
    }

    /// Fails where the operator has ended: it was to go through this alive.
    pub fn assert_survived(&self) -> Result<()> {
        if self.ends() > 0 {
            bail!("the operator has ended {} times", self.ends());
        }
        Ok(())
    }

    /// Accepted writes by the API server's account.
    pub fn audit(&self) -> Result<Vec<audit::Entry>> {
        audit::since(&self.run.lab.audit_log(), self.began)
    }

    /// Ends the replicas.
    pub async fn strike(&mut self) -> Result<()> {
        let mut result = Ok(());
        for replica in self.replicas.drain(..) {
            self.logs.push(replica.log().to_owned());
            result = result.and(replica.stop().await);
        }
        result
    }
}

impl Scene<'_> {
    /// Removes the logs: nobody has to look into them.
    pub fn tidy(&self) {
        let files = self.logs.iter().filter(|log| log.is_file());
        files.for_each(|log| drop(std::fs::remove_file(log)));
    }

    /// Where the logs are.
    pub fn logs(&self) -> String {
        let names: Vec<_> = self.logs.iter().map(|log| log.display().to_string()).collect();
        names.join(", ")
    }
}

/// Tries again until it works; not where the API server says that it never will.
pub async fn insist<T>(what: impl AsyncFn() -> Result<T, kube::Error>) -> Result<T> {
    let started = Instant::now();
    loop {
        let error = match tokio::time::timeout(Duration::from_secs(15), what()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => anyhow::Error::from(error),
            Err(late) => late.into(),
        };
        let never =
            matches!(error.downcast_ref(), Some(kube::Error::Api(status)) if matches!(status.code, 400 | 403 | 422));
        if never || started.elapsed() > PATIENCE {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
