//! An account as a table for people.

use std::fmt::Write;

use super::account::{Account, Outcome, length, shown};
use crate::{
    explain::aligned,
    slo::{
        Severity,
        number::{human_count, percent, round_good, round3},
    },
};

/// Times that an alert fired which are listed for each objective.
const LISTED: usize = 40;

/// The accounts as text.
pub fn table(accounts: &[Account]) -> String {
    let mut text = String::new();
    for account in accounts {
        if !text.is_empty() {
            text.push('\n');
        }
        one(account, &mut text);
    }
    text
}

fn one(account: &Account, text: &mut String) {
    let crate::slo::Identity { namespace, profile, objective } = &account.identity;
    let _ = writeln!(text, "{namespace}/{profile}, objective {objective}: {} over {}", targets(account), account.span);
    let _ = writeln!(text, "  from {} to {} (UTC)", shown(account.from), shown(account.until));
    let _ = writeln!(
        text,
        "  measured {} of {}, and {} before it; {} of {} events were bad",
        length(account.measured),
        length(account.until - account.from),
        length(account.measured_before),
        human_count(account.bad_events),
        human_count(account.total_events)
    );
    for note in &account.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text.push('\n');
    text.push_str(&aligned(&summary(account)));
    let Some(own) = account.outcomes.first() else { return };
    let _ = writeln!(text, "\n  Alerts with a target of {} %", own.target);
    if own.fired.is_empty() {
        text.push_str("  none\n");
    }
    text.push_str(&aligned(&alerts(own)));
    if own.fired.len() > LISTED {
        let _ = writeln!(text, "  and {} more: --output json lists all", own.fired.len() - LISTED);
    }
}

fn targets(account: &Account) -> String {
    account.outcomes.first().map(|own| format!("{} %", own.target)).unwrap_or_default()
}

fn summary(account: &Account) -> Vec<Vec<String>> {
    let row = |name: &str, of: &dyn Fn(&Outcome) -> String| -> Vec<String> {
        [name.to_owned()].into_iter().chain(account.outcomes.iter().map(of)).collect()
    };
    let unknown = || "unknown".to_owned();
    let share = |share: f64| format!("{} %", percent(round3(share)));
    vec![
        row("target", &|outcome| format!("{} %", outcome.target)),
        row("indicator at the end", &|outcome| {
            outcome.indicator.map_or_else(unknown, |good| format!("{} %", percent(round_good(good))))
        }),
        row("budget left at the end", &|outcome| outcome.remaining.map_or_else(unknown, share)),
        row("least that was left", &|outcome| {
            outcome.lowest.map_or_else(unknown, |(left, at)| format!("{} at {}", share(left), shown(at)))
        }),
        row("exhausted", &|outcome| match outcome.exhausted_at {
            Some(at) => format!("from {}, for {}", shown(at), length(outcome.exhausted_for)),
            None => "never".to_owned(),
        }),
        row("pages", &|outcome| outcome.count(Severity::Page).to_string()),
        row("tickets", &|outcome| outcome.count(Severity::Ticket).to_string()),
    ]
}

fn alerts(outcome: &Outcome) -> Vec<Vec<String>> {
    outcome
        .fired
        .iter()
        .take(LISTED)
        .map(|fired| {
            vec![
                fired.name(),
                super::json::severity(fired.severity).to_owned(),
                shown(fired.from),
                fired
                    .until
                    .map_or_else(|| "still firing".to_owned(), |until| format!("for {}", length(until - fired.from))),
            ]
        })
        .collect()
}
