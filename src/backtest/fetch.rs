//! The rates of the past, from Prometheus.

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    load::Loaded,
    prometheus::{Client, ClientError},
    slo::{
        self,
        replay::{History, STEP},
    },
};

/// Points that one query asks for: Prometheus refuses more than 11,000.
const POINTS: i64 = 7_200;

/// Step of the time before the account, which only fills its windows.
const COARSE: i64 = 300;

/// Queries that are under way at the same time.
const CONCURRENCY: usize = 3;

/// One query: an expression from one time to another, in seconds since 1970.
struct Piece {
    bad: bool,
    start: i64,
    end: i64,
    step: i64,
}

/// The queries that an objective takes.
fn pieces(lead: i64, from: i64, until: i64) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for bad in [false, true] {
        for (mut start, end, step) in [(lead, from - STEP, COARSE), (from, until, STEP)] {
            while start <= end {
                let last = (start + step * (POINTS - 1)).min(end);
                pieces.push(Piece { bad, start, end: last, step });
                start = last - (last - start) % step + step;
            }
        }
    }
    pieces
}

/// How many queries an objective takes.
pub fn queries(lead: i64, from: i64, until: i64) -> usize {
    pieces(lead, from, until).len()
}

/// The history of one objective: a sample each five minutes from `lead` on, and each minute from `from` until `until`. Each
/// answer is told to `progress`.
pub async fn history(
    client: &Client,
    loaded: &Loaded,
    options: &slo::Options,
    [lead, from, until]: [i64; 3],
    progress: &dyn Fn(),
) -> Result<History, ClientError> {
    let slo::replay::Rates { total, bad } = slo::replay::rates(&loaded.objective, options);
    let samples = usize::try_from((until - lead) / STEP + 1).unwrap_or_default();
    let mut history = History { start: lead, total: vec![f64::NAN; samples], bad: vec![f64::NAN; samples] };
    let ask = |piece: Piece| {
        let query = if piece.bad { &bad } else { &total };
        async move {
            let vectors = client.range(query, piece.start, piece.end, piece.step).await?;
            Ok::<_, ClientError>((piece, vectors))
        }
    };
    let answers = stream::iter(pieces(lead, from, until)).map(ask).buffer_unordered(CONCURRENCY);
    let answers: Vec<_> = answers.inspect(|_| progress()).try_collect().await?;
    for (piece, samples) in answers {
        let series = if piece.bad { &mut history.bad } else { &mut history.total };
        for (time, value) in samples {
            // A sample stands for the minutes until the next one.
            let first = usize::try_from((time - lead) / STEP).unwrap_or(usize::MAX);
            let minutes = usize::try_from(piece.step / STEP).unwrap_or(1);
            let before = usize::try_from((from - lead) / STEP).unwrap_or_default();
            let end = if piece.step == STEP { first + 1 } else { (first + minutes).min(before) };
            if let Some(slots) = series.get_mut(first..end) {
                slots.fill(value);
            }
        }
    }
    Ok(history)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_minute_once_and_no_more_than_prometheus_gives() {
        let day = 86_400;
        let (lead, from, until) = (0, 30 * day, 60 * day);
        let pieces = pieces(lead, from, until);
        assert!(pieces.iter().all(|piece| (piece.end - piece.start) / piece.step < 11_000));
        let mut times: Vec<i64> = Vec::new();
        for piece in pieces.iter().filter(|piece| !piece.bad && piece.step == STEP) {
            times.extend((0..=(piece.end - piece.start) / STEP).map(|index| piece.start + index * STEP));
        }
        let expected: Vec<i64> = (0..=30 * 1_440).map(|minute| from + minute * STEP).collect();
        assert_eq!(times, expected);
        let coarse: Vec<i64> = pieces
            .iter()
            .filter(|piece| piece.bad && piece.step == COARSE)
            .flat_map(|piece| (0..=(piece.end - piece.start) / COARSE).map(|index| piece.start + index * COARSE))
            .collect();
        assert_eq!(coarse.len(), 30 * 288);
        assert_eq!(coarse.last(), Some(&(from - COARSE)));
    }
}
