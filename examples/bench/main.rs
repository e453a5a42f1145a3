//! Figures of the operator at many profiles, against the lab's API server: one table. Nothing here passes or fails.
//!
//!     bench [SIZES] [STEADY-SECONDS]      default 100,1000,5000 and 300
//!
//! Environment: `KUBECONFIG` (an administrator's), `OPERATOR_KUBECONFIG` (the operator's own user, whose reads are in the audit log),
//! `PLIMSOLL` (the release binary), `LAB_AUDIT_LOG`. `tests/bench.sh` sets them.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "figures for people")]

mod audit;
mod converged;
mod objects;
mod operator;
mod report;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kube::{
    Api, Client, Config,
    api::{Patch, PatchParams},
    core::DynamicObject,
};
use operator::Operator;
use report::{Report, Row};
use serde_json::json;

/// Requests at a time: the operator's default for its reconciles, and the bare client's.
const AT_ONCE: usize = 8;

/// Time after which memory and requests have settled.
const SETTLE: Duration = Duration::from_secs(20);

/// Longest wait until nothing is written any more.
const LONGEST_SETTLE: Duration = Duration::from_mins(10);

/// Edits of one profile each, at the largest size.
const EDITS: usize = 50;

struct Bench {
    client: Client,
    binary: String,
    kubeconfig: String,
    audit_log: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set: run `make bench`"));
    let mut arguments = std::env::args().skip(1);
    let sizes = arguments.next().unwrap_or_else(|| "100,1000,5000".to_owned());
    let sizes = sizes
        .split(',')
        .map(|size| size.parse().context("SIZES are numbers with commas"))
        .collect::<Result<Vec<usize>>>()?;
    let steady = Duration::from_secs(
        arguments.next().map_or(Ok(300), |text| text.parse()).context("STEADY-SECONDS is a number")?,
    );
    let mut config = Config::infer().await?;
    // Else this client, not the server, is what the others are measured against.
    config.default_retry = false;
    let bench = Bench {
        client: Client::try_from(config)?,
        binary: variable("PLIMSOLL")?,
        kubeconfig: variable("OPERATOR_KUBECONFIG")?,
        audit_log: variable("LAB_AUDIT_LOG")?,
    };
    let result = bench.run(&sizes, steady).await;
    let cleaned = objects::clean(&bench.client).await;
    objects::remove(&bench.client).await?;
    result.and(cleaned)
}

impl Bench {
    async fn run(&self, sizes: &[usize], steady: Duration) -> Result<()> {
        let mut report = Report::default();
        let largest = sizes.iter().copied().max().unwrap_or(0);
        eprintln!("{largest} workloads");
        objects::workloads(&self.client, largest).await?;
        objects::clean(&self.client).await?;
        for &size in sizes {
            eprintln!("{size} profiles: the operator");
            let operator = self.start().await?;
            tokio::time::sleep(SETTLE / 4).await;
            report.idle.get_or_insert(operator.memory()?.0);
            let row = self.converge(&operator, size).await?;
            let written = objects::written(&self.client, size).await?;
            if size == largest {
                self.at_size(operator, size, steady, &mut report).await?;
            } else {
                operator.stop().await?;
            }
            objects::clean(&self.client).await?;
            eprintln!("{size} profiles: the bare client");
            let (started, cpu) = (Instant::now(), operator::cpu(std::process::id())?);
            objects::bare(&self.client, &written, AT_ONCE).await?;
            report.rows.push(Row { bare: (started.elapsed(), operator::cpu(std::process::id())? - cpu), ..row });
            objects::clean(&self.client).await?;
        }
        print!("{report}");
        Ok(())
    }

    async fn start(&self) -> Result<Operator> {
        Operator::start(&self.binary, &self.kubeconfig, "target/bench-operator.log").await
    }

    /// All profiles at once, until every child is there and every status written.
    async fn converge(&self, operator: &Operator, size: usize) -> Result<Row> {
        let since = audit::Since::now(&self.audit_log);
        let cpu = operator.cpu()?;
        let started = Instant::now();
        let waiting = tokio::spawn(converged::converged(self.client.clone(), size));
        objects::make_profiles(&self.client, 0..size, AT_ONCE).await?;
        let applied = started.elapsed();
        waiting.await??;
        let took = started.elapsed();
        let cpu = operator.cpu()? - cpu;
        // Before an autoscaler's first status comes, which is news.
        let at_once = since.requests()?;
        tokio::time::sleep(SETTLE).await;
        let settled = since.requests()?;
        let (resident, peak) = operator.memory()?;
        eprintln!("  {}", audit::text(&at_once));
        eprintln!("  settled: {}", audit::text(&settled));
        Ok(Row {
            size,
            applied,
            took,
            bare: (Duration::ZERO, 0.0),
            cpu,
            requests: at_once.values().sum::<usize>() as f64 / size as f64,
            settled: settled.values().sum::<usize>() as f64 / size as f64,
            resident,
            peak,
        })
    }

    /// What is measured only at the largest size: edits, the steady state, a restart.
    async fn at_size(&self, operator: Operator, size: usize, steady: Duration, report: &mut Report) -> Result<()> {
        eprintln!("{EDITS} edits");
        for number in 0..EDITS {
            report.edits.push(self.edit(number * size / EDITS, 11 + i64::try_from(number)?).await?);
        }
        self.settled().await?;
        eprintln!("{} s steady, statuses of autoscalers changing", steady.as_secs());
        let since = audit::Since::now(&self.audit_log);
        let (cpu, reconciles) = (operator.cpu()?, operator.metric("plimsoll_reconciles_total").await?);
        report.status_changes = self.syncs(size, steady).await?;
        report.steady = Some((steady, audit::writes(&since.requests()?), operator.cpu()? - cpu));
        report.reconciles = operator.metric("plimsoll_reconciles_total").await? - reconciles;
        operator.stop().await?;

        eprintln!("restart");
        let since = audit::Since::now(&self.audit_log);
        let started = Instant::now();
        let operator = self.start().await?;
        while operator.metric("plimsoll_reconciles_total").await? < size as f64 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let all = started.elapsed();
        tokio::time::sleep(SETTLE).await;
        let requests = since.requests()?;
        eprintln!("  {}", audit::text(&requests));
        report.restart = Some((operator.ready_after, all, audit::writes(&requests), operator.memory()?));
        operator.stop().await
    }

    /// Waits until nothing has been written for a while: with thousands of autoscalers Kubernetes takes minutes until each has its first status,
    /// which is news.
    async fn settled(&self) -> Result<()> {
        let deadline = Instant::now() + LONGEST_SETTLE;
        loop {
            let since = audit::Since::now(&self.audit_log);
            tokio::time::sleep(SETTLE).await;
            if audit::writes(&since.requests()?) == 0 {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("no rest within {LONGEST_SETTLE:?}");
            }
        }
    }

    /// From the edit of a profile to its autoscaler, as one that watches sees it.
    async fn edit(&self, number: usize, most: i64) -> Result<Duration> {
        let [autoscaler, ..] = objects::children();
        let (namespace, name) = (objects::namespace(number), objects::name(number));
        let seen = converged::autoscaler_with(self.client.clone(), autoscaler, namespace.clone(), name.clone(), most);
        let seen = tokio::spawn(seen);
        // The watch is open by then.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let api = Api::<DynamicObject>::namespaced_with(self.client.clone(), &namespace, &objects::profiles());
        let patch = json!({"spec": {"autoscaling": {"maxReplicas": most}}});
        let started = Instant::now();
        api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        let at =
            tokio::time::timeout(Duration::from_secs(30), seen).await.context("the edit was not followed")???;
        Ok(at - started)
    }

    /// Plays the controller of the autoscalers: every 15 s, Kubernetes' default, each has another measurement.
    async fn syncs(&self, size: usize, during: Duration) -> Result<usize> {
        let [autoscaler, ..] = objects::children();
        let pause = Duration::from_secs(15).div_f64(size as f64);
        let until = Instant::now() + during;
        let mut clock = tokio::time::interval(pause);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut changes = 0;
        let mut running = tokio::task::JoinSet::new();
        while Instant::now() < until {
            clock.tick().await;
            let number = changes % size;
            let api =
                Api::<DynamicObject>::namespaced_with(self.client.clone(), &objects::namespace(number), &autoscaler);
            let resource =
                json!({"name": "cpu", "current": {"averageUtilization": changes % 97, "averageValue": "10m"}});
            let patch = json!({"status": {"currentMetrics": [{"type": "Resource", "resource": resource}]}});
            if running.len() >= AT_ONCE {
                running.join_next().await;
            }
            running.spawn(async move {
                api.patch_status(&objects::name(number), &PatchParams::default(), &Patch::Merge(&patch)).await
            });
            changes += 1;
        }
        running.join_all().await;
        Ok(changes)
    }
}
