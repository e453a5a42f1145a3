//! The list of users (`userlist.txt`): read strictly, and written anew.
//!
//! `PgBouncer` stops at the first line that it does not understand, without those users that come after it; and it takes a secret in a
//! form that it does not know for a password in plain text. Both are found here, before it reads the file. No message has a secret in it.

use std::{collections::BTreeMap, fmt::Write as _};

mod secret;

pub use secret::Form;

/// Longest name of a user that `PgBouncer` takes, in bytes.
const LONGEST_NAME: usize = 127;
/// Longest secret that every accepted version takes, in bytes.
const LONGEST_SECRET: usize = 995;
/// Most users. A Secret cannot be larger than 1 MiB anyway.
const MOST: usize = 10_000;

/// What is wrong with a list of users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserlistError {
    /// A line that cannot be read.
    #[error("userlist.txt, line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A user is there twice.
    #[error("userlist.txt, line {line}: {user:?} is there already, in line {first}")]
    Double {
        /// The later line.
        line: usize,
        /// The earlier line.
        first: usize,
        /// The user.
        user: String,
    },
    /// There are too many.
    #[error("userlist.txt has more than {MOST} users: look them up in the database (auth.authQuery)")]
    TooMany,
    /// It is no text.
    #[error("userlist.txt is not UTF-8 text")]
    Binary,
    /// The looking-up user's name or password cannot be written.
    #[error("the user who looks up users ({user:?}): {what}")]
    AuthUser {
        /// Its name.
        user: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// A list of users. It is not shown by `Debug`, so that no log has it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Userlist {
    users: BTreeMap<String, (String, Form)>,
}

impl std::fmt::Debug for Userlist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Userlist of {}", self.users.len())
    }
}

impl Userlist {
    /// Reads the file of a Secret.
    pub fn parse(bytes: &[u8]) -> Result<Self, UserlistError> {
        let text = std::str::from_utf8(bytes).map_err(|_| UserlistError::Binary)?;
        let mut users = BTreeMap::new();
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let wrong = |what| UserlistError::Line { line: number, what };
            let line = line.trim();
            if line.is_empty() || line.starts_with(';') {
                continue;
            }
            let (user, secret) = entry(line).map_err(wrong)?;
            check_user(&user).map_err(wrong)?;
            let form = secret::form(&secret).map_err(wrong)?;
            if let Some(&first) = lines.get(&user) {
                return Err(UserlistError::Double { line: number, first, user });
            }
            lines.insert(user.clone(), number);
            users.insert(user, (secret, form));
            if users.len() > MOST {
                return Err(UserlistError::TooMany);
            }
        }
        Ok(Self { users })
    }

    /// Puts the looking-up user in, with the password as mounted: one line's end behind it does not belong to it.
    pub fn with_auth_user(mut self, user: &str, password: &[u8]) -> Result<Self, UserlistError> {
        let wrong = |what| UserlistError::AuthUser { user: user.chars().take(80).collect(), what };
        let password = std::str::from_utf8(password).map_err(|_| wrong("the password is not UTF-8 text"))?;
        let password = password.strip_suffix('\n').unwrap_or(password);
        let password = password.strip_suffix('\r').unwrap_or(password);
        check_user(user).map_err(wrong)?;
        if password.is_empty() {
            return Err(wrong("the password is empty"));
        }
        let form = secret::form(password).map_err(wrong)?;
        self.users.insert(user.to_owned(), (password.to_owned(), form));
        Ok(self)
    }

    /// The text of the file, in the order of the names.
    pub fn text(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        self.users.iter().fold(String::new(), |mut text, (user, (secret, _))| {
            let _ = writeln!(text, "{} {}", quoted(user), quoted(secret));
            text
        })
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether this user is there.
    pub fn contains(&self, user: &str) -> bool {
        self.users.contains_key(user)
    }

    /// The form of a user's secret.
    pub fn form(&self, user: &str) -> Option<Form> {
        self.users.get(user).map(|(_, form)| *form)
    }

    /// Users whose secret is of no use with this `auth_type`, and what to do about it.
    pub fn useless(&self, auth_type: &str) -> Option<String> {
        let useless = |form: Form| match auth_type {
            "scram-sha-256" => matches!(form, Form::Md5 | Form::Empty),
            "md5" => form == Form::Empty,
            _ => false,
        };
        let names: Vec<&str> =
            self.users.iter().filter(|(_, (_, form))| useless(*form)).map(|(user, _)| user.as_str()).collect();
        let first = names.first()?;
        Some(format!(
            "{} of {} users in userlist.txt cannot log in by {auth_type}, among them {first:?}: their secrets have another form. \
             Give them a SCRAM secret (set their password anew under password_encryption = scram-sha-256), or set parameters.auth_type to md5",
            names.len(),
            self.users.len(),
        ))
    }
}

fn check_user(user: &str) -> Result<(), &'static str> {
    if user.is_empty() {
        return Err("the name is empty");
    }
    if user.len() > LONGEST_NAME {
        return Err("the name is longer than 127 bytes");
    }
    if user.chars().any(char::is_control) {
        return Err("the name has a control character");
    }
    Ok(())
}

/// The two parts of a line: `"user" "secret"`.
fn entry(line: &str) -> Result<(String, String), &'static str> {
    const FORM: &str = "a line is \"user\" \"secret\", both in double quotes, a double quote in them doubled";
    let (user, rest) = quoted(line).ok_or(FORM)?;
    let spaced = rest.trim_start();
    if spaced.len() == rest.len() {
        return Err(FORM);
    }
    let (secret, rest) = quoted(spaced).ok_or(FORM)?;
    // PgBouncer passes over what comes then; here it would be a secret that was not quoted as it must be.
    if !rest.trim().is_empty() && rest.trim() != "\"\"" {
        return Err("there is more behind the secret: a double quote in it must be doubled");
    }
    Ok((user, secret))
}

/// What is in double quotes at the beginning, and the rest behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('"')?;
    let mut inside = String::new();
    loop {
        let at = rest.find('"')?;
        let (before, after) = rest.split_at_checked(at)?;
        inside.push_str(before);
        rest = after.strip_prefix('"')?;
        match rest.strip_prefix('"') {
            Some(further) => {
                inside.push('"');
                rest = further;
            }
            None => return Some((inside, rest)),
        }
    }
}

#[cfg(test)]
mod tests;
