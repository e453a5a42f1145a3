use k8s_openapi::api::core::v1::ConfigMap;

use super::*;

fn map(name: &str, version: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("ns".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    }
}

/// Holds versions, and finds them by their first letter.
fn cache() -> Cache<String> {
    Cache::new(|version| version.get(..1).map(ToOwned::to_owned).into_iter().collect())
}

fn note(cache: &Cache<String>, event: Event<ConfigMap>) -> Vec<(Option<String>, Option<String>)> {
    let changed = cache.note(event, |map| map.metadata.resource_version.unwrap_or_default());
    let text = |value: Option<Arc<String>>| value.map(|value| (*value).clone());
    changed.into_iter().map(|changed| (text(changed.before), text(changed.now))).collect()
}

fn pair(before: Option<&str>, now: Option<&str>) -> Vec<(Option<String>, Option<String>)> {
    vec![(before.map(ToOwned::to_owned), now.map(ToOwned::to_owned))]
}

fn held(cache: &Cache<String>, name: &str) -> Option<String> {
    cache.get("ns", name).map(|value| (*value).clone())
}

#[test]
fn events_tell_what_was_and_what_is() {
    let cache = cache();
    assert_eq!(note(&cache, Event::Apply(map("a", "10"))), pair(None, Some("10")));
    assert_eq!(note(&cache, Event::Apply(map("a", "20"))), pair(Some("10"), Some("20")));
    assert!(cache.indexed("ns", "1").is_empty(), "the index forgets what is no more");
    assert_eq!(cache.indexed("ns", "2").len(), 1);
    assert!(cache.indexed("other", "2").is_empty());
    assert!(cache.indexed_beside("ns", "2", "a").is_empty());
    assert_eq!(cache.indexed_beside("ns", "2", "b").len(), 1);
    assert_eq!(note(&cache, Event::Delete(map("a", "30"))), pair(Some("20"), None));
    assert!(cache.all().is_empty() && cache.indexed("ns", "2").is_empty());
}

#[test]
fn an_answer_is_known_before_its_event_and_the_event_is_no_news() {
    let cache = cache();
    note(&cache, Event::Apply(map("a", "10")));
    cache.written(("ns", "a"), Some("20"), "20".to_owned());
    assert_eq!(held(&cache, "a").as_deref(), Some("20"));
    assert!(note(&cache, Event::Apply(map("a", "20"))).is_empty());
    assert_eq!(note(&cache, Event::Apply(map("a", "21"))), pair(Some("20"), Some("21")));
    cache.written(("ns", "a"), Some("20"), "20".to_owned());
    assert_eq!(held(&cache, "a").as_deref(), Some("21"), "an answer that comes late is old");
}

#[test]
fn what_is_gone_does_not_come_back_with_a_late_answer() {
    let cache = cache();
    note(&cache, Event::Delete(map("a", "30")));
    cache.written(("ns", "a"), Some("20"), "20".to_owned());
    assert_eq!(held(&cache, "a"), None);
    cache.written(("ns", "a"), Some("40"), "40".to_owned());
    assert_eq!(held(&cache, "a").as_deref(), Some("40"), "made again");
    assert!(note(&cache, Event::Delete(map("a", "30"))).is_empty(), "the deletion of the one before");
    assert_eq!(held(&cache, "a").as_deref(), Some("40"));
}

#[test]
fn a_list_is_believed_and_what_it_lacks_is_gone() {
    let cache = cache();
    for event in [Event::Init, Event::InitApply(map("a", "10")), Event::InitApply(map("b", "11")), Event::InitDone] {
        note(&cache, event);
    }
    note(&cache, Event::Init);
    // From a backup: older, and still what is there.
    assert_eq!(note(&cache, Event::InitApply(map("a", "5"))), pair(Some("10"), Some("5")));
    cache.written(("ns", "c"), Some("12"), "12".to_owned());
    assert_eq!(note(&cache, Event::InitDone), pair(Some("11"), None), "b went; c was written meanwhile");
    assert_eq!(held(&cache, "c").as_deref(), Some("12"));
}

#[tokio::test]
async fn it_is_ready_after_the_first_list() {
    let cache = cache();
    let waiting = tokio::spawn({
        let cache = cache.clone();
        async move { cache.wait_until_ready().await }
    });
    note(&cache, Event::Init);
    note(&cache, Event::InitDone);
    waiting.await.unwrap();
}
