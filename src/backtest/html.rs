//! An account as a page that needs nothing but a browser.

use std::fmt::Write;

use super::account::{Account, length, shown};
use crate::slo::{
    Severity,
    number::{human_count, percent, round_good, round3},
};

/// Width of a plot's area, in the units of its view box.
const WIDTH: f64 = 960.0;
/// Height of a plot's area.
const HEIGHT: f64 = 170.0;
/// Room for the scale at the left.
const LEFT: f64 = 56.0;
/// Room above the area.
const TOP: f64 = 10.0;
/// Height of one lane of alerts.
const LANE: f64 = 16.0;

const STYLE: &str = include_str!("page.css");

/// The accounts as one page.
pub fn html(accounts: &[Account]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Plimsoll backtest</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Backtest</h1>\n"
    );
    for account in accounts {
        section(account, &mut page);
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn section(account: &Account, page: &mut String) {
    let crate::slo::Identity { namespace, profile, objective } = &account.identity;
    let Some(own) = account.outcomes.first() else { return };
    let _ = writeln!(
        page,
        "<section>\n<h2>{}/{} · {}</h2>\n<p>{} % over {}, from {} to {} (UTC). Measured {} of {}, and {} before it. {} of {} events were bad.</p>",
        escaped(namespace),
        escaped(profile),
        escaped(objective),
        own.target,
        account.span,
        shown(account.from),
        shown(account.until),
        length(account.measured),
        length(account.until - account.from),
        length(account.measured_before),
        human_count(account.bad_events),
        human_count(account.total_events)
    );
    for note in &account.notes {
        let _ = writeln!(page, "<p class=\"note\">{}</p>", escaped(note));
    }
    targets(account, page);
    let curves: Vec<(String, &[Option<f64>])> =
        account.outcomes.iter().map(|outcome| (format!("{} %", outcome.target), outcome.curve.as_slice())).collect();
    plot(account, "Budget left", &curves, &Scale::budget(&curves), page);
    let ratio = [("bad events".to_owned(), account.ratio.as_slice())];
    plot(account, "Share of bad events", &ratio, &Scale::ratio(&account.ratio), page);
    lanes(account, page);
    alerts(account, page);
    page.push_str("</section>\n");
}

fn targets(account: &Account, page: &mut String) {
    page.push_str(
        "<table>\n<tr><th>Target</th><th>Indicator at the end</th><th>Budget left</th><th>Least</th><th>Exhausted</th><th>Pages</th><th>Tickets</th></tr>\n",
    );
    let share =
        |share: Option<f64>| share.map_or("unknown".to_owned(), |share| format!("{} %", percent(round3(share))));
    for (index, outcome) in account.outcomes.iter().enumerate() {
        let _ = writeln!(
            page,
            "<tr><td><span class=\"key c{}\"></span>{} %</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            index.min(4),
            outcome.target,
            outcome.indicator.map_or("unknown".to_owned(), |good| format!("{} %", percent(round_good(good)))),
            share(outcome.remaining),
            outcome.lowest.map_or("unknown".to_owned(), |(left, at)| format!("{} at {}", share(Some(left)), shown(at))),
            outcome.exhausted_at.map_or("never".to_owned(), |at| format!(
                "from {}, for {}",
                shown(at),
                length(outcome.exhausted_for)
            )),
            outcome.count(Severity::Page),
            outcome.count(Severity::Ticket)
        );
    }
    page.push_str("</table>\n");
}

/// The values that a plot reaches from, and to, with the lines at which they are named.
struct Scale {
    low: f64,
    high: f64,
    lines: Vec<f64>,
}

impl Scale {
    /// From 100 % down to what was reached, but not below ten budgets overspent.
    fn budget(curves: &[(String, &[Option<f64>])]) -> Self {
        let least = curves.iter().flat_map(|(_, curve)| curve.iter().flatten()).copied().fold(0.0, f64::min);
        let low = if least < 0.0 { (least * 4.0).floor() / 4.0 } else { 0.0 }.max(-10.0);
        let step = if low < -4.0 {
            2.0
        } else if low < -1.0 {
            1.0
        } else if low < 0.0 {
            0.5
        } else {
            0.25
        };
        let mut lines: Vec<f64> =
            std::iter::successors(Some(1.0), |line| Some(line - step)).take_while(|line| *line >= low).collect();
        lines.reverse();
        Self { low, high: 1.0, lines }
    }

    /// From nothing to a round number over the highest.
    fn ratio(ratio: &[Option<f64>]) -> Self {
        let most = ratio.iter().flatten().copied().fold(0.0, f64::max);
        let high = [0.0001, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
            .into_iter()
            .find(|high| most <= *high)
            .unwrap_or(1.0);
        Self { low: 0.0, high, lines: vec![0.0, high / 2.0, high] }
    }

    fn y(&self, value: f64) -> f64 {
        TOP + HEIGHT * (1.0 - (value.clamp(self.low, self.high) - self.low) / (self.high - self.low))
    }
}

#[allow(clippy::cast_precision_loss)] // Seconds of some months.
fn x(account: &Account, time: i64) -> f64 {
    let whole = (account.until - account.from).max(1) as f64;
    LEFT + WIDTH * ((time - account.from) as f64 / whole).clamp(0.0, 1.0)
}

fn plot(account: &Account, title: &str, curves: &[(String, &[Option<f64>])], scale: &Scale, page: &mut String) {
    let _ = writeln!(
        page,
        "<figure>\n<figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">",
        LEFT + WIDTH + 8.0,
        TOP + HEIGHT + 24.0
    );
    for line in &scale.lines {
        let y = scale.y(*line);
        let class = if *line == 0.0 { "zero" } else { "grid" };
        let _ = writeln!(
            page,
            "<line class=\"{class}\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"scale\" x=\"{:.1}\" y=\"{:.1}\">{} %</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 4.0,
            percent(round3(*line))
        );
    }
    days(account, page);
    for (index, (name, curve)) in curves.iter().enumerate() {
        let _ = writeln!(
            page,
            "<path class=\"curve c{}\" d=\"{}\"><title>{name}</title></path>",
            index.min(4),
            path(account, curve, scale)
        );
    }
    page.push_str("</svg>\n</figure>\n");
}

/// A line, broken where nothing is known.
fn path(account: &Account, curve: &[Option<f64>], scale: &Scale) -> String {
    let mut path = String::new();
    let mut down = false;
    for (bin, value) in curve.iter().enumerate() {
        let Some(value) = value else {
            down = false;
            continue;
        };
        let command = if down { 'L' } else { 'M' };
        let _ = write!(path, "{command}{:.1} {:.1}", x(account, account.time(bin)), scale.y(*value));
        if !down {
            // A point alone is no line.
            path.push_str("h0.1");
        }
        down = true;
    }
    path
}

/// Names of days along the bottom, eight at most.
fn days(account: &Account, page: &mut String) {
    let length = account.until - account.from;
    let step =
        if length > 3 * 86_400 { ((length / 8).div_euclid(86_400) + 1) * 86_400 } else { (length / 8).max(3_600) };
    let mut time = (account.from.div_euclid(step) + 1) * step;
    while time < account.until {
        let text = shown(time);
        let short = if step >= 86_400 { text.get(5..10) } else { text.get(11..16) };
        let at = x(account, time);
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/><text class=\"day\" x=\"{at:.1}\" y=\"{:.1}\">{}</text>",
            TOP + HEIGHT,
            TOP + HEIGHT + 16.0,
            short.unwrap_or_default()
        );
        time += step;
    }
}

/// The alerts of the profile's own target as bands, one lane for each.
fn lanes(account: &Account, page: &mut String) {
    let Some(own) = account.outcomes.first() else { return };
    let mut names: Vec<String> = Vec::new();
    for fired in &own.fired {
        if !names.contains(&fired.name()) {
            names.push(fired.name());
        }
    }
    if names.is_empty() {
        return;
    }
    #[allow(clippy::cast_precision_loss)] // A handful of alerts.
    let y = |lane: usize| lane as f64 * (LANE + 14.0) + 14.0;
    let _ = writeln!(
        page,
        "<figure>\n<figcaption>Alerts with a target of {} %</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Alerts\">",
        own.target,
        LEFT + WIDTH + 8.0,
        y(names.len())
    );
    for (lane, shown_name) in names.iter().enumerate() {
        let _ = writeln!(
            page,
            "<text class=\"lane\" x=\"{LEFT}\" y=\"{:.1}\">{shown_name}</text><rect class=\"lane\" x=\"{LEFT}\" y=\"{:.1}\" width=\"{WIDTH}\" height=\"{LANE}\"/>",
            y(lane) - 3.0,
            y(lane)
        );
        for fired in own.fired.iter().filter(|fired| fired.name() == *shown_name) {
            let (from, until) = (x(account, fired.from), x(account, fired.until.unwrap_or(account.until)));
            let _ = writeln!(
                page,
                "<rect class=\"{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{LANE}\"><title>{shown_name}: from {}, {}</title></rect>",
                super::json::severity(fired.severity),
                y(lane),
                (until - from).max(1.5),
                shown(fired.from),
                fired.until.map_or("still firing".to_owned(), |until| format!("for {}", length(until - fired.from)))
            );
        }
    }
    page.push_str("</svg>\n</figure>\n");
}

fn alerts(account: &Account, page: &mut String) {
    let Some(own) = account.outcomes.first().filter(|own| !own.fired.is_empty()) else {
        page.push_str("<p>No alert would have fired.</p>\n");
        return;
    };
    page.push_str("<details>\n<summary>Every alert</summary>\n<table>\n<tr><th>Alert</th><th>Severity</th><th>From</th><th>For</th></tr>\n");
    for fired in &own.fired {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            fired.name(),
            super::json::severity(fired.severity),
            shown(fired.from),
            fired.until.map_or("still firing".to_owned(), |until| length(until - fired.from))
        );
    }
    page.push_str("</table>\n</details>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backtest::account::Outcome,
        slo::{Identity, replay::Fired},
    };

    fn account() -> Account {
        let fired = Fired {
            alert: "ErrorBudgetBurn",
            tier: Some("page-fast"),
            severity: Severity::Page,
            from: 86_400,
            until: Some(90_000),
        };
        let outcome = Outcome {
            target: "99.9".parse().unwrap(),
            indicator: Some(0.998),
            remaining: Some(-1.0),
            lowest: Some((-1.25, 172_800)),
            exhausted_at: Some(88_200),
            exhausted_for: 7_200,
            fired: vec![fired],
            curve: vec![Some(1.0), None, Some(0.5), Some(-1.25)],
        };
        Account {
            identity: Identity { namespace: "a<b".into(), profile: "p\"&".into(), objective: "o".into() },
            span: "30d".into(),
            from: 0,
            until: 345_600,
            measured: 300_000,
            measured_before: 0,
            total_events: 1_000_000.0,
            bad_events: 2_000.0,
            bin: 86_400,
            ratio: vec![Some(0.0), None, Some(0.5), Some(0.01)],
            outcomes: vec![outcome],
            notes: vec!["<script>".into()],
        }
    }

    #[test]
    fn names_cannot_become_markup_and_nothing_comes_from_elsewhere() {
        let page = html(&[account()]);
        assert!(page.contains("a&lt;b/p&quot;&amp; · o") && page.contains("&lt;script&gt;"), "{page}");
        assert!(!page.contains("<script") && !page.contains("http") && !page.contains("src="));
    }

    #[test]
    fn a_line_is_broken_where_nothing_is_known() {
        let account = account();
        let scale = Scale { low: -2.0, high: 1.0, lines: Vec::new() };
        let drawn = path(&account, &account.outcomes[0].curve, &scale);
        assert_eq!(drawn.matches('M').count(), 2, "{drawn}");
        assert!(drawn.starts_with("M56.0 10.0"), "{drawn}");
    }

    #[test]
    fn the_table_and_the_json_say_the_same() {
        let account = account();
        let text = crate::backtest::table(std::slice::from_ref(&account));
        for part in ["-125 % at 1970-01-03 00:00", "from 1970-01-02 00:30, for 2h", "99.8 %", "pages", "for 1h"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let json = crate::backtest::json(&[account]);
        let outcome = &json["objectives"][0]["outcomes"][0];
        assert_eq!(outcome["exhausted"]["seconds"], 7_200);
        assert_eq!(outcome["alerts"][0]["from"], "1970-01-02T00:00:00Z");
        assert_eq!((&outcome["pages"], &outcome["tickets"]), (&serde_json::json!(1), &serde_json::json!(0)));
    }
}
