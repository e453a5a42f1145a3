//! The matrix as JSON for programs.

use serde_json::{Value, json};

use super::{
    matrix::{Matrix, Row, Score},
    statistics::Interval,
    summary::{Half, costs, mean_burn, subject, summaries},
};

/// What the matrix says, as a document: `{"cells": […], "summary": {…}}`. Every figure is a mean with half of its interval of
/// 95 %; shares are from 0 to 1, lengths in minutes.
pub fn json(matrix: &Matrix) -> Value {
    let halves = Half::of(matrix).into_iter().map(|half| (half.name().to_owned(), summary(matrix, half)));
    json!({
        "seeds": matrix.seeds,
        "minutes": matrix.minutes,
        "cells": matrix.rows.iter().map(row).collect::<Vec<_>>(),
        "summary": halves.collect::<serde_json::Map<_, _>>(),
    })
}

fn row(row: &Row) -> Value {
    json!({
        "shape": row.cell.shape.name(),
        "fault": row.cell.fault.name(),
        "tuned": row.cell.shape.tuned(),
        "policies": row.scores.iter().map(score).collect::<Vec<_>>(),
    })
}

fn score(score: &Score) -> Value {
    json!({
        "policy": score.policy.name(),
        "badShare": interval(score.bad),
        "burn": interval(score.burn),
        "podHours": interval(score.pod_hours),
        "changes": interval(score.changes),
        "longestBurn": interval(score.recovery),
        "atMax": interval(score.at_max),
        "actions": interval(score.actions),
    })
}

fn summary(matrix: &Matrix, half: Half) -> Value {
    let policies = summaries(matrix, half).into_iter().map(|one| {
        json!({
            "policy": one.policy.name(),
            "cells": one.cells,
            "worst": {"burn": one.worst.0, "cell": one.worst.1},
            "geometricMean": one.geometric,
            "mean": mean_burn(matrix, half, one.policy),
            "missed": one.missed,
            "missedFiveTimes": one.far_missed,
            "podHours": one.pod_hours,
            "changes": one.changes,
        })
    });
    let costs = subject(matrix).map(|policy| {
        let all = costs(matrix, half, policy);
        let one = all.iter().map(|cost| {
            json!({
                "against": cost.against.name(),
                "cells": cost.cells,
                "missed": cost.missed,
                "podHoursRatio": cost.ratio,
            })
        });
        json!({"policy": policy.name(), "whereOthersMeet": one.collect::<Vec<_>>()})
    });
    json!({"policies": policies.collect::<Vec<_>>(), "cost": costs})
}

fn interval(interval: Interval) -> Value {
    json!({"mean": interval.mean, "half": interval.half})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_cells_and_summary() {
        let document = json(&super::super::summary::tests::matrix());
        let cell = &document["cells"][1];
        assert_eq!((&cell["shape"], &cell["fault"], &cell["tuned"]), (&json!("diurnal"), &json!("lie"), &json!(true)));
        assert_eq!(cell["policies"][0]["burn"], json!({"mean": 10.0, "half": 1.0}));
        assert_eq!(document["summary"]["tuned"]["policies"][0]["worst"]["cell"], "diurnal lie");
        assert_eq!(document["summary"]["all"]["cost"]["whereOthersMeet"][0]["missed"], 1);
    }
}
