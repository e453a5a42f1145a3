//! Figures of the objectives' engine, for people to read: nothing here passes or fails.
//!
//! `make bench-slo`. First chance: pages that nobody needs and incidents that nobody hears of. Then cost: samples that
//! Prometheus reads in a minute for one objective.

#![allow(
    missing_docs,
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::format_push_string,
    clippy::similar_names
)]

mod chance;
mod cost;

use plimsoll::slo::{BadEvents, Identity, Indicator, Objective};

fn main() {
    // `cargo test --all-targets` runs benches too, without this.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let only = std::env::args().find(|argument| argument == "chance" || argument == "cost");
    if only.as_deref() != Some("cost") {
        chance::report();
    }
    if only.as_deref() != Some("chance") {
        cost::report();
    }
}

fn objective(indicator: Indicator) -> Objective {
    let identity = Identity { namespace: "shop".into(), profile: "checkout".into(), objective: "availability".into() };
    let window = "30d".parse::<plimsoll::api::Duration>().unwrap().try_into().unwrap();
    Objective::new(identity, "99.9".parse().unwrap(), window, indicator)
}

fn errors() -> Indicator {
    Indicator::Ratio {
        bad: BadEvents::Errors(r#"requests_total{code=~"5.."}"#.parse().unwrap()),
        total: "requests_total".parse().unwrap(),
    }
}
