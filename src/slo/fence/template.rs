//! Templates of alerts, which Prometheus fills in and which can ask it for any series.

/// Whether a template may call `query`.
///
/// Templates are not read as Go reads them: any word `query` behind the first `{{` counts, in a string or a comment too, as long as
/// it is no field (`.query`) or variable (`$query`). Names in Go's templates have no escapes, so no call can hide.
pub fn asks_prometheus(text: &str) -> bool {
    const CALL: &str = "query";
    let Some((_, mut rest)) = text.split_once("{{") else { return false };
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = None;
    while let Some((head, tail)) = rest.split_once(CALL) {
        let last = head.chars().next_back().or(before);
        let starts = !last.is_some_and(|c| part_of_word(c) || c == '.' || c == '$');
        if starts && !tail.starts_with(part_of_word) {
            return true;
        }
        before = CALL.chars().next_back();
        rest = tail;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_seen_and_words_are_not() {
        for text in [
            "{{ query \"up\" }}",
            "{{query `up`}}",
            "{{- with query \"up\" | first }}x{{ end }}",
            "{{ range (query $q) }}{{ end }}",
            "{{ \"up\" | query }}",
            "{{/* \" */}}{{ query \"up\" }}",
            "{{ $query := \"up\" }}{{ query $query }}",
            "queryquery {{ queryquery }}{{ query \"up\" }}",
            "{{ .x }} {{ if true }}{{\nquery\n\"up\" }}{{ end }}",
        ] {
            assert!(asks_prometheus(text), "{text}");
        }
        for text in [
            "a query that is slow",
            "a query: {{ $value }}",
            "{{ $labels.query }}",
            "{{ $query }}",
            "{{ .query }} {{ querys }} {{ subquery }} {{ my_query }}",
            "",
        ] {
            assert!(!asks_prometheus(text), "{text}");
        }
    }
}
