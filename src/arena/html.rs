//! The matrix as a page that needs nothing but a browser.

use std::fmt::Write;

use super::{
    load::WARM_UP,
    matrix::{Matrix, Row, Score},
    number::length,
    policy::Policy,
    summary::{Half, costs, mean_burn, subject, summaries},
    table::shown,
    world::{BUDGET, RIGHT, pods},
};

/// Width of a plot's area, in the units of its view box.
const WIDTH: f64 = 960.0;
/// Height of a plot's area.
const HEIGHT: f64 = 190.0;
/// Room for the scale at the left.
const LEFT: f64 = 48.0;
/// Room above the area.
const TOP: f64 = 10.0;

const STYLE: &str = include_str!("page.css");

/// What the matrix says, as one page.
pub fn html(matrix: &Matrix) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Plimsoll arena</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>Arena</h1>\n\
         <p>Ways of scaling one service, simulated request by request: {} cells, {} seeds each, {} minutes after {} to settle. \
         Burn is how many times as fast as allowed the error budget was spent: at 1 the objective is just met.</p>\n",
        matrix.rows.len(),
        matrix.seeds,
        matrix.minutes,
        WARM_UP / super::number::MINUTE
    );
    for half in Half::of(matrix) {
        summary(matrix, half, &mut page);
    }
    for half in [Half::Tuned, Half::HeldOut] {
        side_by_side(matrix, half, &mut page);
    }
    page.push_str("<h2>Cells</h2>\n");
    for row in &matrix.rows {
        cell(row, &mut page);
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// What a half of the matrix is.
const fn title(half: Half) -> &'static str {
    match half {
        Half::Tuned => "Loads that were tuned on",
        Half::HeldOut => "Loads that were held out",
        Half::All => "All cells",
    }
}

fn summary(matrix: &Matrix, half: Half, page: &mut String) {
    let all = summaries(matrix, half);
    let Some(first) = all.first() else { return };
    let _ = writeln!(
        page,
        "<h2>{}: {} cells</h2>\n<table>\n<tr><th>Policy</th><th>Worst burn</th><th>in</th><th>Geometric mean</th><th>Mean</th>\
         <th>Burn &gt; 1</th><th>Burn &gt; 5</th><th>Pod-hours</th><th>Changes</th></tr>",
        title(half),
        first.cells
    );
    for one in &all {
        let _ = writeln!(
            page,
            "<tr><td>{}{}</td><td class=\"{}\">{:.2}</td><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{}</td><td>{}</td><td>{:.1}</td><td>{:.0}</td></tr>",
            key(one.policy),
            one.policy.name(),
            heat(one.worst.0),
            one.worst.0,
            one.worst.1,
            one.geometric,
            mean_burn(matrix, half, one.policy),
            one.missed,
            one.far_missed,
            one.pod_hours,
            one.changes
        );
    }
    page.push_str("</table>\n");
    let Some(policy) = subject(matrix) else { return };
    for cost in costs(matrix, half, policy) {
        let _ = writeln!(
            page,
            "<p class=\"note\">Where {} meets the objective ({} cells), {} takes {:+.1} % pod-hours and misses {}.</p>",
            cost.against.name(),
            cost.cells,
            policy.name(),
            (cost.ratio - 1.0) * 100.0,
            cost.missed
        );
    }
}

fn side_by_side(matrix: &Matrix, half: Half, page: &mut String) {
    let mut rows = matrix.rows.iter().filter(|row| half.has(row)).peekable();
    let Some(first) = rows.peek() else { return };
    let _ = write!(page, "<h2>{}: burn / pod-hours</h2>\n<table class=\"cells\">\n<tr><th>Cell</th>", title(half));
    for score in &first.scores {
        let _ = write!(page, "<th>{}</th>", score.policy.name());
    }
    page.push_str("</tr>\n");
    for row in rows {
        let _ = write!(page, "<tr><td>{}</td>", row.cell.name());
        for score in &row.scores {
            let _ = write!(
                page,
                "<td class=\"{}\">{:.2} / {:.1}</td>",
                heat(score.burn.mean),
                score.burn.mean,
                score.pod_hours.mean
            );
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

const fn heat(burn: f64) -> &'static str {
    if burn <= 1.0 {
        "met"
    } else if burn <= 5.0 {
        "missed"
    } else {
        "far"
    }
}

fn key(policy: Policy) -> String {
    format!("<span class=\"key p{}\"></span>", color(policy))
}

fn color(policy: Policy) -> usize {
    Policy::ALL.iter().position(|other| *other == policy).unwrap_or_default()
}

fn cell(row: &Row, page: &mut String) {
    let _ = writeln!(
        page,
        "<details>\n<summary>{}</summary>\n<table>\n<tr><th>Policy</th><th>Bad requests</th><th>Burn</th><th>Pod-hours</th>\
         <th>Changes</th><th>Longest burn</th><th>At max</th><th>Actions</th></tr>",
        row.cell.name()
    );
    for score in &row.scores {
        let percent = super::statistics::Interval { mean: score.bad.mean * 100.0, half: score.bad.half * 100.0 };
        let _ = writeln!(
            page,
            "<tr><td>{}{}</td><td>{} %</td><td class=\"{}\">{}</td><td>{}</td><td>{}</td><td>{} min</td><td>{} min</td><td>{}</td></tr>",
            key(score.policy),
            score.policy.name(),
            shown(percent, 2),
            heat(score.burn.mean),
            shown(score.burn, 2),
            shown(score.pod_hours, 2),
            shown(score.changes, 0),
            shown(score.recovery, 1),
            shown(score.at_max, 1),
            shown(score.actions, 0)
        );
    }
    page.push_str("</table>\n");
    let ready: Vec<Curve> = row.scores.iter().map(|score| curve(score, |minute| minute.ready)).collect();
    let needed =
        row.scores.first().map(|score| score.course.iter().map(|minute| pods(minute.rate, 1.0, RIGHT)).collect());
    plot("Pods that serve; dashed: what the load needs in a service without a fault", &ready, needed, page);
    let burn: Vec<Curve> =
        row.scores.iter().map(|score| curve(score, |minute| (minute.bad / BUDGET).min(100.0))).collect();
    plot("Burn, minute by minute", &burn, None, page);
    page.push_str("</details>\n");
}

/// A policy's values, minute by minute.
struct Curve {
    policy: Policy,
    values: Vec<f64>,
}

fn curve(score: &Score, value: impl Fn(&super::matrix::Mean) -> f64) -> Curve {
    Curve { policy: score.policy, values: score.course.iter().map(value).collect() }
}

fn plot(title: &str, curves: &[Curve], dashed: Option<Vec<f64>>, page: &mut String) {
    let dashed = dashed.unwrap_or_default();
    let most = curves.iter().flat_map(|curve| &curve.values).chain(&dashed).copied().fold(0.0, f64::max);
    let high = [2.0, 5.0, 10.0, 20.0, 40.0, 60.0].into_iter().find(|high| most <= *high).unwrap_or(100.0);
    let _ = writeln!(
        page,
        "<figure>\n<figcaption>{title}</figcaption>\n<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{title}\">",
        LEFT + WIDTH + 8.0,
        TOP + HEIGHT + 24.0
    );
    for part in [0.0, 0.5, 1.0] {
        let y = TOP + HEIGHT * (1.0 - part);
        let _ = writeln!(
            page,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"scale\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 4.0,
            high * part
        );
    }
    let minutes = curves.iter().map(|curve| curve.values.len()).max().unwrap_or_default();
    for minute in (0..minutes).step_by((minutes / 6).max(1)) {
        let x = x(minute, minutes);
        let _ = writeln!(page, "<text class=\"day\" x=\"{x:.1}\" y=\"{:.1}\">{minute} min</text>", TOP + HEIGHT + 16.0);
    }
    if !dashed.is_empty() {
        let _ = writeln!(page, "<path class=\"dashed\" d=\"{}\"/>", path(&dashed, high));
    }
    for Curve { policy, values } in curves {
        let _ = writeln!(
            page,
            "<path class=\"curve p{}\" d=\"{}\"><title>{}</title></path>",
            color(*policy),
            path(values, high),
            policy.name()
        );
    }
    page.push_str("</svg>\n</figure>\n");
}

fn x(minute: usize, minutes: usize) -> f64 {
    LEFT + WIDTH * length(minute) / length(minutes.saturating_sub(1)).max(1.0)
}

fn path(values: &[f64], high: f64) -> String {
    let mut path = String::new();
    for (minute, value) in values.iter().enumerate() {
        let y = TOP + HEIGHT * (1.0 - (value / high).clamp(0.0, 1.0));
        let _ = write!(path, "{}{:.0} {y:.1}", if minute == 0 { 'M' } else { 'L' }, x(minute, values.len()));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_all_cells_and_nothing_comes_from_elsewhere() {
        let page = html(&super::super::summary::tests::matrix());
        assert_eq!(page.matches("<details>").count(), 3);
        assert_eq!(page.matches("<path class=\"curve").count(), 3 * 2 * 2);
        assert!(
            page.contains("<td class=\"far\">10.00 / 5.0</td>") && page.contains("<td class=\"met\">0.01 / 5.0</td>")
        );
        assert!(!page.contains("<script") && !page.contains("http") && !page.contains("src="));
    }

    #[test]
    fn a_curve_goes_from_side_to_side() {
        assert_eq!(path(&[0.0, 5.0, 10.0], 10.0), "M48 200.0L528 105.0L1008 10.0");
    }
}
