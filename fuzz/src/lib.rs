//! What is fuzzed: each function takes any bytes, and panics where the operator would do something that it must not.
//!
//! The fuzzer calls them with what it makes up, `tests/fuzz_corpus.rs` with what it has found so far.
//!
//! libFuzzer's crate has a hook that ends the process at any panic. Each target takes it away: those of the PromQL parser are caught where
//! it is called (`slo::syntax`), and at one that nobody catches the crate ends the process, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a find")]

use std::path::PathBuf;

use plimsoll::{
    check::{assumed, check_manifests, decode},
    import::{Format, import as import_objectives},
    input::{Manifest, is_profile},
    kube::RuleSource,
    pooler::{
        budget::{ServerLimits, split},
        ini::{Files, Given, Places, render},
        report::ReadsGo,
        rotation::Decision,
        userlist::Userlist,
        version::Version,
        wanted::{AuthQuery, Tls, Wanted},
    },
    profile::{
        Acting, Children, Plan, Settings,
        build::{build, rule_file_text},
        validate::{Part, validate},
    },
    slo::{Expression, Fence, Fenced, MAX_LENGTH, Matchers, Selector, WindowExpression},
    yaml,
};

/// The label of the fence.
const LABEL: &str = "tenant";

fn manifests(text: &str) -> Option<Vec<Manifest>> {
    let documents = yaml::documents(text).ok()?;
    Some(documents.into_iter().map(|document| Manifest { file: PathBuf::from("fuzz.yaml"), document }).collect())
}

/// YAML to profiles to all that is written for them: with and without a fence. Rules are PromQL, and those that read the services'
/// series stay within the fence.
pub fn profile(data: &[u8]) {
    let Some(manifests) = std::str::from_utf8(data).ok().and_then(manifests) else { return };
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    let plain = Settings { at, ..Settings::default() };
    let fenced = Settings { namespace_label: Some(LABEL.to_owned()), ..plain.clone() };
    for settings in [&plain, &fenced] {
        let _ = check_manifests(&manifests, settings);
        for manifest in manifests.iter().filter(|manifest| is_profile(manifest)) {
            let Ok(profile) = decode(manifest) else { continue };
            let checked = validate(&profile, &assumed(&profile, &manifests, settings), settings);
            let Children { rule, pooler, .. } = build(&checked, &Acting::default());
            if let Plan::Apply(rule) = rule {
                yaml::to_string(&*rule).expect("a rule object is YAML");
            }
            if let Plan::Apply(map) = pooler.config {
                yaml::to_string(&*map).expect("a ConfigMap is YAML");
            }
            let Part::Wanted(rules) = &checked.rules else { continue };
            let groups = rules.rules.groups();
            let built = serde_json::to_string(&groups).expect("groups are JSON");
            for _ in 0..3 {
                assert_eq!(rules.rules.json().expect("groups are JSON"), built, "from a mold as if built");
            }
            let text = rule_file_text(&groups).expect("a rule file is YAML");
            assert_eq!(yaml::documents(&text).expect("and reads back").len(), 1);
            let Some(fence) = settings.fence(&profile) else { continue };
            for rule in groups.iter().flat_map(|group| &group.rules) {
                let expr = rule.expr();
                // Numbers that the operator records or measures are selected by the profile's identity instead.
                assert!(expr.contains("plimsoll") || fence.holds_text(expr), "beyond the fence: {expr}");
            }
        }
    }
}

/// PromQL as users write it: what is taken is printed as it was meant, stays within the fence, and twice is once.
pub fn promql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let fence = Fence::new(LABEL.to_owned(), "store".to_owned());
    // What is printed is longer than what was written, and may be longer than what is taken.
    let taken = |printed: &str| printed.len() <= MAX_LENGTH;
    if let Ok(selector) = text.parse::<Selector>() {
        let printed = selector.to_string();
        assert!(!taken(&printed) || printed.parse().as_ref() == Ok(&selector), "a selector reads back: {printed}");
    }
    if let Ok(matchers) = text.parse::<Matchers>() {
        let printed = matchers.to_string();
        assert!(!taken(&printed) || printed.parse().as_ref() == Ok(&matchers), "matchers read back: {printed}");
    }
    within::<Selector>(text, &fence);
    within::<Expression>(text, &fence);
    within::<WindowExpression>(text, &fence);
    if let Ok(matchers) = text.parse::<Matchers>()
        && let Ok(matchers) = matchers.within(&fence)
    {
        let selector = format!("m{{{matchers}}}");
        assert!(fence.holds_text(&selector), "beyond the fence: {selector}");
    }
}

fn within<T>(text: &str, fence: &Fence)
where
    T: std::str::FromStr<Err: std::fmt::Debug> + Fenced + ToString,
{
    let Ok(Ok(fenced)) = text.parse::<T>().map(|read| read.within(fence)) else { return };
    let printed = fenced.to_string();
    assert!(fence.holds_text(&printed.replace("$window", "5m")), "beyond the fence: {printed}");
    if let Ok(again) = printed.parse::<T>() {
        let again = again.within(fence).map(|again| again.to_string());
        assert_eq!(again.as_ref(), Ok(&printed), "twice is not once");
    }
}

/// Objectives of others to profiles, which are YAML that reads back. The first byte says whose they are.
pub fn import(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Some(manifests) = std::str::from_utf8(rest).ok().and_then(manifests) else { return };
    let format = match first % 3 {
        0 => Format::Openslo,
        1 => Format::Sloth,
        _ => Format::Pyrra,
    };
    for profile in import_objectives(format, &manifests, None).profiles {
        let text = yaml::to_string(&profile).expect("a profile is YAML");
        let read = self::manifests(&text).expect("and reads back");
        assert_eq!(read.len(), 1);
        let _ = check_manifests(&read, &Settings::default());
        decode(&read[0]).expect("as a profile");
    }
}

/// Texts of a tenant in the configuration of `PgBouncer`: each is refused, or the value of the key that it was written for. Texts are
/// divided by the byte 0x1f; the first has a byte of switches.
pub fn pgbouncer(data: &[u8]) {
    if let Ok(users) = Userlist::parse(data) {
        let text = users.text();
        let again = Userlist::parse(text.as_bytes()).expect("a list of users reads back");
        assert!(again.text() == text && again.len() == users.len(), "a list of users reads back as another");
    }
    let Some((switches, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let mut texts = text.split('\u{1f}').map(str::to_owned);
    let mut wanted: Wanted = serde_json::from_str(include_str!("../../tests/pooler/wanted.json")).unwrap();
    let on = |bit: u8| switches & (1 << bit) != 0;
    let mut next = |place: &mut String| {
        if let Some(text) = texts.next().filter(|text| !text.is_empty()) {
            *place = text;
        }
    };
    let (mut key, mut value) = ("server_round_robin".to_owned(), "1".to_owned());
    next(&mut key);
    next(&mut value);
    wanted.settings.parameters.insert(key, value);
    for database in wanted.databases.iter_mut().take(1) {
        next(&mut database.name);
        next(&mut database.dbname);
    }
    next(&mut wanted.primary.host);
    next(&mut wanted.name);
    next(&mut wanted.service);
    next(&mut wanted.namespace);
    next(&mut wanted.settings.pool_mode);
    let mut query = AuthQuery {
        user: "lookup".to_owned(),
        function: "public.user_lookup".to_owned(),
        database: on(0).then(|| "postgres".to_owned()),
        password: on(1),
    };
    next(&mut query.user);
    next(&mut query.function);
    query.database.iter_mut().for_each(&mut next);
    let mut tls = Tls { mode: "verify-full".to_owned(), files: true };
    next(&mut tls.mode);
    wanted.auth.query = on(2).then_some(query);
    wanted.server_tls = on(3).then(|| tls.clone());
    wanted.client_tls = on(4).then_some(tls);
    let reads = if on(5) { ReadsGo::Replicas } else { ReadsGo::Primary };
    if on(6) {
        wanted.replicas.truncate(1);
    }
    let shares = split(&wanted, Some(&ServerLimits::declared(100)));
    let hosts = if reads == ReadsGo::Replicas { wanted.replicas.clone() } else { vec![] };
    let decision = Decision { hosts, reads, seen: vec![] };
    let version = if on(7) { Version::new(1, 25, 0) } else { Version::new(1, 21, 0) };
    let there = Files { client_certificate: true, client_ca: true, server_certificate: true, server_ca: true };
    let places = Places::default();
    let given = Given {
        wanted: &wanted,
        version,
        ordinal: 1,
        shares: &shares,
        reads: &decision,
        files: there,
        places: &places,
    };
    let Ok(rendered) = render(&given) else { return };
    let bare = |c: char| c.is_control() && c != '\n';
    assert!(!rendered.ini.contains(bare), "a control character: {}", rendered.ini);
    let (mut sections, mut keys) = (vec![], vec![]);
    for line in rendered.ini.lines().filter(|line| !line.is_empty() && !line.starts_with(';')) {
        // PgBouncer reads another file at a line that begins with it.
        assert!(!line.trim_start().starts_with('%'), "{line}");
        match line.strip_prefix('[') {
            Some(name) => sections.push(name.trim_end_matches(']').to_owned()),
            None => keys.push((sections.len(), line.split_once(" = ").expect("a key and a value").0.to_owned())),
        }
    }
    assert_eq!(sections, ["databases", "pgbouncer", "peers"]);
    let expect = &rendered.expect;
    let databases = expect.databases.iter().map(|database| (1, database.name.clone()));
    let config = expect.config.keys().map(|key| (2, key.clone()));
    let peers = expect.peers.keys().map(|key| (3, key.to_string()));
    assert_eq!(keys, databases.chain(config).chain(peers).collect::<Vec<_>>());
}
