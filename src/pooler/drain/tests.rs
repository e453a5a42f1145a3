use super::*;

const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn client(idle: u64) -> Client {
    Client { linked: false, idle: s(idle), age: s(idle + 60) }
}

/// Steps as the agent does, with clients that leave once they have been idle for longer than allowed. Answers the steps but for waits,
/// each with its time and the clients that were there.
fn drained(
    mut clients: Vec<Client>,
    limit: u64,
    ends: impl Fn(Duration, bool) -> bool,
) -> Vec<(Duration, Step, usize)> {
    let (mut now, mut interrupted, mut steps) = (s(100), false, vec![]);
    let mut drain = Drain::begin(now, ENDPOINTS, s(limit));
    for _ in 0..100_000 {
        let seen = if ends(now, interrupted) { Seen::Ended } else { Seen::Clients(clients.clone()) };
        let step = drain.step(now, &seen);
        if !matches!(step, Step::Wait(_)) {
            steps.push((now, step, clients.len()));
        }
        now += match step {
            // QUIT leaves nothing that could go on.
            Step::Done | Step::Quit => return steps,
            Step::Wait(time) => time,
            Step::Release(idle) => {
                clients.retain(|client| client.linked || client.idle <= idle);
                PASS
            }
            Step::Interrupt => {
                interrupted = true;
                EVERY
            }
        };
    }
    panic!("it does not end: {:?}", steps.last());
}

#[test]
fn nothing_is_done_before_the_endpoints_have_followed() {
    let steps = drained(vec![], 60, |_, interrupted| interrupted);
    assert_eq!(steps, [(s(105), Step::Interrupt, 0), (s(105) + EVERY, Step::Done, 0)]);
}

#[test]
fn clients_go_a_few_at_a_time_and_who_has_rested_longest_goes_first() {
    let clients: Vec<Client> = (0..100).map(|n| client(n + 10)).collect();
    let steps = drained(clients, 60, |_, interrupted| interrupted);
    let left: Vec<usize> = steps.iter().map(|(_, _, left)| *left).collect();
    assert!(left.windows(2).all(|pair| pair[0] - pair[1] <= 2 * FEW), "{left:?}");
    let (at, last, left) = steps[steps.len() - 2];
    assert_eq!((last, left), (Step::Interrupt, 0));
    assert!(at < s(105 + 10), "{at:?}");
}

#[test]
fn clients_without_a_rest_leave_by_the_last_step_or_by_the_signal() {
    let clients = vec![client(0); 30];
    let steps = drained(clients, 60, |_, interrupted| interrupted);
    let releases: Vec<Duration> = steps
        .iter()
        .filter_map(|(_, step, _)| if let Step::Release(idle) = step { Some(*idle) } else { None })
        .collect();
    assert!(releases.windows(2).all(|pair| pair[0] >= pair[1]), "{releases:?}");
    assert_eq!(releases.last(), Some(&ANY));
    assert!(steps.iter().any(|(_, step, _)| *step == Step::Interrupt));
}

#[test]
fn a_transaction_has_until_the_end() {
    let open = Client { linked: true, ..client(0) };
    let steps = drained(vec![open], 60, |_, _| false).into_iter().map(|(at, step, _)| (at, step));
    let signals: Vec<_> = steps.filter(|(_, step)| !matches!(step, Step::Release(_))).collect();
    assert_eq!(signals.len(), 2, "{signals:?}");
    assert_eq!(signals[0].1, Step::Interrupt);
    assert_eq!(signals[1], (s(165), Step::Quit));
}

#[test]
fn while_clients_come_none_is_refused_before_the_deadline() {
    let fresh = Client { linked: true, idle: s(0), age: s(0) };
    let steps = drained(vec![fresh], 60, |_, interrupted| interrupted);
    assert_eq!(steps.iter().find(|(_, step, _)| *step == Step::Interrupt).map(|(at, ..)| *at >= s(155)), Some(true));
}

#[test]
fn a_console_that_does_not_answer_does_not_keep_it() {
    let mut drain = Drain::begin(s(0), ENDPOINTS, s(30));
    assert_eq!(drain.step(s(10), &Seen::Nothing), Step::Wait(EVERY));
    assert_eq!(drain.step(s(25), &Seen::Nothing), Step::Interrupt);
    assert_eq!(drain.step(s(26), &Seen::Nothing), Step::Wait(EVERY));
    assert_eq!(drain.step(s(35), &Seen::Nothing), Step::Quit);
    assert_eq!(drain.step(s(36), &Seen::Nothing), Step::Wait(EVERY), "a second signal would be another thing");
    assert_eq!(drain.step(s(37), &Seen::Ended), Step::Done);
}

#[test]
fn a_limit_is_never_shorter_than_what_endpoints_need() {
    let mut drain = Drain::begin(s(0), ENDPOINTS, s(1));
    assert_eq!(drain.step(s(4), &Seen::Nothing), Step::Wait(EVERY));
    assert_eq!(drain.step(s(5), &Seen::Nothing), Step::Interrupt);
}
