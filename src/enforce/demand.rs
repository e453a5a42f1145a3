//! The floor that follows what is known beforehand: the measured demand, the clock, and the same hour of past days.

use super::{
    Kind,
    decide::{Turn, Words},
    floor::{DECAY, in_vain, latched, lowered},
    pods, sizing, trust,
};

/// The floor goes up with the demand beyond this dead band.
const DEAD_BAND: f64 = 1.1;

/// Moves the floor towards the demand and the clock.
pub(super) fn follow(turn: &mut Turn<'_>) {
    let (now, min, most) = (turn.now, turn.settings.min, turn.most());
    let measured = turn.settings.scaling
        && turn.settings.feed_forward
        && turn.trusted
        && sizing::confident(turn)
        && turn.sizing.pressure.is_some()
        && !in_vain(turn);
    let demand = turn.sizing.need.filter(|_| measured).unwrap_or(0);
    let (planned, name) = planned(turn);
    let before = turn.memory.demand_floor;
    // Without trusted numbers the demand is not known: what it was stays.
    let dark = !turn.trusted && trust::is_dark(turn);
    // Nor are pods taken away because others would not help.
    let keep = turn.settings.scaling && (dark || in_vain(turn) && !latched(turn) || turn.sizing.partial);
    let wanted = f64::from(demand.max(planned).min(most));
    let up = wanted > f64::from(min) && wanted > before * if planned >= demand { 1.0 } else { DEAD_BAND };
    if up && !turn.paused() && (before > 0.0 || turn.may_begin()) {
        turn.memory.demand_floor = wanted;
    } else if wanted < before && !keep && now >= turn.memory.hold_still_until {
        let next = lowered(before, DECAY, now - turn.memory.looked_at).max(wanted);
        turn.memory.demand_floor = if pods(next) <= min || next < 1.0 { 0.0 } else { next };
    }
    note(turn, demand, planned, &name);
}

/// What is planned for now, and what it is called.
fn planned(turn: &Turn<'_>) -> (i32, String) {
    if !turn.settings.scaling || turn.paused() {
        return (0, String::new());
    }
    let scheduled = turn.signals.scheduled.as_ref();
    let seasonal = turn.signals.seasonal.unwrap_or(0);
    match scheduled {
        Some(floor) if floor.replicas >= seasonal => {
            (floor.replicas, format!("the floor {} is scheduled for now", floor.name))
        }
        _ => (seasonal, "past days needed as much at this hour".to_owned()),
    }
}

fn note(turn: &mut Turn<'_>, demand: i32, planned: i32, name: &str) {
    let (min, most) = (turn.settings.min, turn.most());
    let floor = pods(turn.memory.demand_floor);
    if floor > min && planned > min {
        let words = Words {
            trigger: name.to_owned(),
            evidence: format!("{planned} replicas are planned"),
            bound: format!("at most {most} replicas"),
            expected: format!("at least {} replicas before the load comes", planned.min(most)),
        };
        turn.act(Kind::ScheduledFloor, None, None, words);
    } else if floor <= demand.max(min) {
        turn.finish(Kind::ScheduledFloor, "its time is over");
    }
    if floor > min && demand > planned.max(min) {
        // The words are those of its beginning: numbers that move at every look would be written at every look.
        if turn.memory.open(Kind::FollowDemand).is_none() && !turn.paused() {
            let capacity = turn.sizing.capacity_per_pod.unwrap_or(0.0);
            let words = Words {
                trigger: format!("the demand needs {demand} pods, {min} are declared"),
                evidence: format!("one pod carries {capacity:.0} requests a second well"),
                bound: format!("at most {most} replicas"),
                expected: "as many pods as the demand needs before the budget burns".to_owned(),
            };
            turn.act(Kind::FollowDemand, None, None, words);
        }
    } else if floor <= planned.max(min) {
        turn.finish(Kind::FollowDemand, "the demand needs no more than is declared or planned");
    }
}
