use proptest::prelude::*;

use super::{super::wanted::*, *};

fn limits(max_connections: u32, direct: u32) -> ServerLimits {
    ServerLimits { max_connections, superuser_reserved: 3, reserved: 0, direct }
}

fn wanted(instances: u32, databases: &[(&str, Option<u32>)]) -> Wanted {
    let mut wanted = super::super::ini::sample();
    wanted.instances = instances;
    wanted.databases = databases
        .iter()
        .map(|(name, pool_size)| Database {
            name: (*name).to_owned(),
            dbname: (*name).to_owned(),
            pool_size: *pool_size,
        })
        .collect();
    wanted.replicas.clear();
    wanted
}

#[test]
fn the_arithmetic_is_that_of_the_book() {
    let shares = split(&wanted(3, &[("azora", None)]), Some(&limits(100, 5)));
    let split = shares.split.clone().unwrap();
    // (100 − 3 − 5) = 92, 90 % is 82, a third 27, less the agent's 26; 30 are declared.
    assert_eq!((split.per_instance, split.declared, split.shrunk), (26, 30, true));
    assert_eq!(
        shares.databases["azora"],
        DatabaseShare { max_connections: Some(26), pool_size: 22, reserve_pool_size: 4, spill: None }
    );
    assert_eq!((split.pool_size, split.reserve_pool_size), (22, 4));
    assert_eq!(
        shares.sentence,
        "max_connections 100 − 3 reserved − 5 others = 92, 90 % of it 82, by 3 poolers 27, less 1 for the agent: 26 of each pooler for its \
         databases; 30 are declared for one user, so pools are made smaller: pool_size 22 instead of 25, reserve_pool_size 4 instead of 5"
    );
    assert!(!shares.oversubscribed);
}

#[test]
fn what_fits_is_left_as_declared_and_may_use_the_whole_budget() {
    let shares = split(&wanted(2, &[("azora", None)]), Some(&limits(200, 7)));
    let split = shares.split.unwrap();
    assert_eq!((split.per_instance, split.pool_size, split.reserve_pool_size, split.shrunk), (84, 25, 5, false));
    assert_eq!(shares.databases["azora"].max_connections, Some(84), "two users have room");
    assert!(shares.sentence.ends_with("30 are declared for one user: they fit"), "{}", shares.sentence);
}

#[test]
fn databases_share_by_what_they_declare() {
    let shares = split(&wanted(2, &[("big", Some(45)), ("small", Some(5))]), Some(&limits(100, 0)));
    let caps = |name: &str| shares.databases[name].max_connections.unwrap();
    // 97 × 90 % = 87, 43 each, 42 without the agent's: one each, and 40 by 50 to 10.
    assert_eq!((caps("big"), caps("small")), (34, 8));
    assert_eq!(shares.databases["small"].pool_size, 4);
}

#[test]
fn reads_that_may_fall_back_have_their_part() {
    let mut wanted = wanted(2, &[("azora", None)]);
    wanted.replicas = vec![Endpoint { host: "r1".to_owned(), port: 5432 }];
    let shares = split(&wanted, Some(&limits(60, 0)));
    let share = shares.databases["azora"];
    assert_eq!(shares.most(&wanted), Some(shares.split.unwrap().per_instance));
    assert!(share.spill.is_some_and(|spill| (1..=5).contains(&spill)), "{share:?}");
    wanted.lag.when_none = WhenNone::Stale;
    assert_eq!(split(&wanted, Some(&limits(60, 0))).databases["azora"].spill, None);
}

#[test]
fn looking_up_users_has_its_own() {
    let mut wanted = wanted(2, &[("a", None), ("b", None)]);
    let query = |database: Option<&str>| {
        Some(AuthQuery {
            user: "u".to_owned(),
            function: "f.g".to_owned(),
            database: database.map(str::to_owned),
            password: false,
        })
    };
    let per_instance = |wanted: &Wanted| split(wanted, Some(&limits(100, 0))).split.unwrap().per_instance;
    let most = |wanted: &Wanted| split(wanted, Some(&limits(100, 0))).most(wanted).unwrap();
    for (database, looking_up) in [(None, 2), (Some("b"), 1), (Some("auth"), 2)] {
        wanted.auth.query = query(database);
        assert_eq!(Sum::of(&limits(100, 0), 90, 2, looking_up).for_claims, 42 - looking_up);
        assert_eq!((per_instance(&wanted), most(&wanted)), (42, 42), "{database:?}");
    }
    let entry = |wanted: &Wanted| auth_entry(wanted).map(|entry| (entry.name, entry.separate)).unwrap();
    assert_eq!(entry(&wanted), ("auth".to_owned(), true));
    // It is named as the server names it, and a client's name for another database is not taken.
    wanted.databases[0].dbname = "auth".to_owned();
    assert_eq!(entry(&wanted), ("a".to_owned(), false));
    wanted.databases[0] = Database { name: "auth".to_owned(), dbname: "other".to_owned(), pool_size: None };
    assert_eq!(entry(&wanted), ("auth_lookup".to_owned(), true));
}

#[test]
fn too_little_is_said_and_nothing_is_zero() {
    let shares = split(&wanted(6, &[("a", None), ("b", None), ("c", None)]), Some(&limits(20, 4)));
    assert!(shares.oversubscribed);
    assert!(
        shares
            .databases
            .values()
            .all(|share| (share.max_connections, share.pool_size, share.reserve_pool_size) == (Some(1), 1, 0))
    );
    assert!(shares.sentence.contains("less than one for each of 3 databases"), "{}", shares.sentence);
    assert!(split(&wanted(1, &[("a", None)]), Some(&limits(10, 500))).oversubscribed, "more are taken than there are");
}

#[test]
fn without_limits_nothing_is_shrunk() {
    let shares = split(&wanted(3, &[("azora", None)]), None);
    assert_eq!(shares.split, None);
    assert_eq!(
        shares.databases["azora"],
        DatabaseShare { max_connections: None, pool_size: 25, reserve_pool_size: 5, spill: None }
    );
    assert!(
        shares.sentence.contains("30 connections are declared for one user of one pooler, 90 for 3 poolers"),
        "{}",
        shares.sentence
    );
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    let database = (1u32..400, any::<bool>());
    let query = proptest::option::of(proptest::option::of(0usize..6));
    (
        (0u32..40, 0u32..200, 0u32..60, 1u32..=100),
        proptest::collection::vec(database, 1..6),
        (any::<bool>(), 0u32..30, query),
    )
        .prop_map(|((instances, pool, reserve, share), databases, (replicas, spill, query))| {
            let named: Vec<_> =
                databases.iter().enumerate().map(|(n, (size, own))| (format!("d{n}"), own.then_some(*size))).collect();
            let named: Vec<_> = named.iter().map(|(name, size)| (name.as_str(), *size)).collect();
            let mut wanted = wanted(instances, &named);
            wanted.settings.default_pool_size = pool;
            wanted.settings.reserve_pool_size = reserve;
            wanted.budget.share_percent = share;
            if replicas {
                wanted.replicas = vec![Endpoint { host: "r".to_owned(), port: 1 }];
            }
            wanted.lag.spill_connections = spill;
            wanted.auth.query = query.map(|database| AuthQuery {
                user: "u".to_owned(),
                function: "f".to_owned(),
                database: database.map(|n| format!("d{n}")),
                password: true,
            });
            wanted
        })
}

proptest! {
    #[test]
    fn all_poolers_together_stay_within_the_budget(wanted in any_wanted(), max in 0u32..3_000, reserved in 0u32..20, direct in 0u32..1_000) {
        let limits = ServerLimits { max_connections: max, superuser_reserved: 3, reserved, direct };
        let shares = split(&wanted, Some(&limits));
        let most = shares.most(&wanted).unwrap();
        let budget = u64::from(max.saturating_sub(3 + reserved + direct)) * u64::from(wanted.budget.share_percent) / 100;
        if !shares.oversubscribed {
            // Each pooler's own and its agent's.
            prop_assert!(u64::from(wanted.instances.max(1)) * u64::from(most + 1) <= budget, "{}", shares.sentence);
            prop_assert_eq!(most, shares.split.unwrap().per_instance, "all of it is given away");
        }
        for share in shares.databases.values() {
            prop_assert!(share.max_connections.unwrap() >= 1 && share.pool_size >= 1, "0 would mean unlimited");
            prop_assert!(share.pool_size + share.reserve_pool_size <= share.max_connections.unwrap());
            prop_assert!(share.spill.is_none_or(|spill| (1..=wanted.lag.spill_connections.max(1) + 1).contains(&spill)));
        }
    }

    #[test]
    fn more_poolers_never_get_more_each(wanted in any_wanted(), max in 20u32..3_000) {
        let more = Wanted { instances: wanted.instances + 1, ..wanted.clone() };
        let limits = ServerLimits::declared(max);
        prop_assert!(split(&more, Some(&limits)).split.unwrap().per_instance <= split(&wanted, Some(&limits)).split.unwrap().per_instance);
    }
}
