//! The load generator: requests at a constant rate, sent when they are due and not when the last one is answered.

mod client;
mod control;
mod latencies;
mod pacer;
mod tally;

use crate::signals::Termination;
use anyhow::{Context, ensure};
use client::{Behaviour, Sender};
use control::{Control, checked_rate};
use jiff::{SignedDuration, Timestamp};
use pacer::Pacer;
use prometheus_http_query::reqwest::Url;
use std::future::{IntoFuture, pending};
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};

const REPORT_INTERVAL: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Args {
    /// Where the service is, for example `http://auth.demo`
    #[arg(long, env = "LOAD_URL")]
    url: Url,
    /// Requests per second, at most 5000; PUT /rate changes it
    #[arg(long, env = "LOAD_RATE", default_value_t = 50.0)]
    rate: f64,
    /// Share of the requests that log in, from 0 to 1; the others read a profile
    #[arg(long, env = "LOAD_LOGIN_SHARE", default_value_t = 0.2)]
    login_share: f64,
    /// Requests after which a connection is closed, on average: only new connections reach new pods
    #[arg(long, env = "LOAD_REQUESTS_PER_CONNECTION", default_value = "10")]
    requests_per_connection: NonZero<u32>,
    /// Time after which a request is given up, for example 2s
    #[arg(long, env = "LOAD_TIMEOUT", default_value = "2s", value_parser = duration)]
    timeout: Duration,
    /// Requests that may wait for their answer; what is due beyond that is dropped and counted
    #[arg(long, env = "LOAD_MAX_IN_FLIGHT", default_value = "1000")]
    max_in_flight: NonZero<u16>,
    /// Time after which the generator stops by itself, for example 10m; without it, at SIGTERM
    #[arg(long, env = "LOAD_DURATION", value_parser = duration)]
    duration: Option<Duration>,
    /// Address of the generator's own interface
    #[arg(long, env = "LOAD_LISTEN", default_value = "0.0.0.0:8081")]
    listen: SocketAddr,
    /// The password of the accounts
    #[arg(long, env = "SAMPLE_PASSWORD", default_value = "demo", hide_env_values = true)]
    password: String,
}

/// Sends requests until the duration is over or SIGTERM comes.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let mut termination = Termination::listen()?;
    ensure!(args.url.scheme() == "http", "the URL {} is not a http:// one", args.url);
    ensure!((0.0..=1.0).contains(&args.login_share), "the login share {} is not between 0 and 1", args.login_share);
    let rate = checked_rate("rate", args.rate)?;
    let behaviour = Behaviour {
        timeout: args.timeout,
        password: args.password,
        login_share: args.login_share,
        requests_per_connection: args.requests_per_connection.get(),
    };
    let generator = Generator {
        sender: Arc::new(Sender::new(&args.url, behaviour)?),
        tally: Arc::new(Tally::new()),
        in_flight: Arc::new(Semaphore::new(args.max_in_flight.get().into())),
    };
    let (sender, rate) = watch::channel(rate);
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let control = control::router(Control { rate: sender, tally: Arc::clone(&generator.tally) });

    tokio::select! {
        ended = axum::serve(listener, control).into_future() => ended?,
        () = generator.send(rate) => {}
        () = generator.report() => {}
        () = termination.received() => {}
        () = async { match args.duration { Some(duration) => sleep(duration).await, None => pending().await } } => {}
    }
    // What is in flight still counts; nothing is longer in flight than the timeout.
    let _ = timeout(
        args.timeout + Duration::from_secs(1),
        generator.in_flight.acquire_many(args.max_in_flight.get().into()),
    )
    .await;
    println!("{:.0} total {}", Timestamp::now(), generator.tally.whole().line());
    Ok(())
}

struct Generator {
    sender: Arc<Sender>,
    tally: Arc<Tally>,
    in_flight: Arc<Semaphore>,
}

impl Generator {
    async fn send(&self, mut rate: watch::Receiver<f64>) {
        let start = Instant::now();
        let now = || start.elapsed().as_secs_f64();
        let mut pacer = Pacer::new(*rate.borrow_and_update(), now());
        loop {
            self.tally.target_rate.set(*rate.borrow());
            self.tally.dropped(pacer.give_up(now()));
            while let Some(due) = pacer.take(now()) {
                self.start(start + Duration::from_secs_f64(due));
            }
            let due = pacer.due().map(|due| start + Duration::from_secs_f64(due));
            tokio::select! {
                changed = rate.changed() => match changed {
                    Ok(()) => pacer.set_rate(*rate.borrow_and_update(), now()),
                    Err(_) => return,
                },
                () = async { match due { Some(due) => sleep_until(due).await, None => pending().await } } => {}
            }
        }
    }

    /// Latency counts from when the request was due: a generator that fell behind must not make the service look faster.
    fn start(&self, due: Instant) {
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else { return self.tally.dropped(1) };
        let (sender, tally) = (Arc::clone(&self.sender), Arc::clone(&self.tally));
        tally.sent();
        tokio::spawn(async move {
            let outcome = sender.send().await;
            tally.finished(&outcome, due.elapsed());
            drop(permit);
        });
    }

    async fn report(&self) {
        let mut ticks = interval_at(Instant::now() + REPORT_INTERVAL, REPORT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            println!("{:.0} {}", Timestamp::now(), self.tally.interval().line());
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let duration: SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    let duration = Duration::try_from(duration).map_err(|_| "a duration is not negative".to_owned())?;
    if duration.is_zero() { Err("a duration of zero".to_owned()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_mins(90)));
        for text in ["", "5", "-5s", "0s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
