//! Who is asked about, and how.

/// A question as it came in, with nothing in it that an object's name cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Namespace of the profile.
    pub namespace: String,
    /// Name of the profile.
    pub profile: String,
    /// `unknown=deny`: what is not known is taken for no.
    pub unknown_denies: bool,
    /// `answer=body`: the status is 200 whatever the answer, for tools that take any other for a fault.
    pub in_body: bool,
}

impl Question {
    /// Checks what came in; an error says what is wrong.
    pub fn new(namespace: String, profile: String, query: &str) -> Result<Self, String> {
        if !is_name(&namespace, 63, false) || !is_name(&profile, 253, true) {
            return Err("the path is /gate/NAMESPACE/PROFILE, with names as Kubernetes has them".to_owned());
        }
        let mut question = Self { namespace, profile, unknown_denies: false, in_body: false };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter {
                "unknown=allow" => question.unknown_denies = false,
                "unknown=deny" => question.unknown_denies = true,
                "answer=status" => question.in_body = false,
                "answer=body" => question.in_body = true,
                _ => return Err("the parameters are unknown=allow|deny and answer=status|body".to_owned()),
            }
        }
        Ok(question)
    }
}

/// A DNS label, or with dots a DNS subdomain.
fn is_name(name: &str, longest: usize, dots: bool) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || (dots && c == '.');
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.len() <= longest && name.chars().all(inner) && outer(name.chars().next()) && outer(name.chars().next_back())
}
