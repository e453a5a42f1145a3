//! Rule groups as JSON with gaps for the names in them.

use crate::slo::shape::{MARK, Name};

/// A text with gaps.
#[derive(Debug)]
pub struct Mold {
    /// What stands between the gaps, one after the other.
    text: String,
    gaps: Vec<Gap>,
}

#[derive(Debug)]
struct Gap {
    /// How much of the text stands before it, from the last gap.
    after: u32,
    /// What goes into it.
    name: u16,
}

impl Mold {
    /// From a text that shows the marks of names. Nothing where it shows one otherwise than it was given out.
    pub fn new(text: &str, names: &[Name]) -> Option<Self> {
        let mut mold = Self { text: String::with_capacity(text.len()), gaps: Vec::new() };
        let mut rest = text;
        while let Some(at) = rest.find(MARK) {
            let (before, marked) = rest.split_at(at);
            let (number, _) = marked.get(MARK.len()..)?.split_once('_')?;
            let name: u16 = number.parse().ok()?;
            rest = marked.strip_prefix(&*names.get(usize::from(name))?.mark)?;
            mold.text.push_str(before);
            mold.gaps.push(Gap { after: u32::try_from(before.len()).ok()?, name });
        }
        mold.text.push_str(rest);
        mold.text.shrink_to_fit();
        mold.gaps.shrink_to_fit();
        Some(mold)
    }

    /// The text with these names.
    pub fn cast(&self, names: &[Name]) -> String {
        let name = |gap: &Gap| names.get(usize::from(gap.name)).map_or("", |name| &name.text);
        let length = self.text.len() + self.gaps.iter().map(|gap| name(gap).len()).sum::<usize>();
        let mut cast = String::with_capacity(length);
        let mut rest = &*self.text;
        for gap in &self.gaps {
            // Each gap was cut where it stands.
            let Some((before, after)) = rest.split_at_checked(gap.after as usize) else { break };
            cast.push_str(before);
            cast.push_str(name(gap));
            rest = after;
        }
        cast.push_str(rest);
        cast
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::shape::Names;

    fn names(all: &[&str]) -> Names {
        let mut names = Names::default();
        for text in all {
            names.take(&mut (*text).to_owned());
        }
        names
    }

    #[test]
    fn names_go_where_their_marks_were() {
        let text = "plimsoll_name_0_: a plimsoll_name_1_, plimsoll_name_0_ plimsoll_name_10_\u{e9}";
        let eleven = |first| {
            let mut all = vec!["x"; 11];
            all[0] = first;
            names(&all)
        };
        let mold = Mold::new(text, eleven("one").all()).unwrap();
        assert_eq!(mold.cast(eleven("one").all()), "one: a x, one x\u{e9}");
        assert_eq!(mold.cast(eleven("an \"other\"").all()), "an \\\"other\\\": a x, an \\\"other\\\" x\u{e9}");
        assert_eq!(Mold::new("none", &[]).unwrap().cast(&[]), "none");
    }

    #[test]
    fn a_mark_that_nobody_gave_out_makes_no_mold() {
        for text in ["plimsoll_name_1_", "plimsoll_name_x_", "plimsoll_name_", "plimsoll_name_70000_"] {
            assert!(Mold::new(text, names(&["a"]).all()).is_none(), "{text}");
        }
        let mut with_more = Names::default();
        with_more.add("plimsoll_name_0_=\"\"", "a=\"b\"");
        assert!(Mold::new("plimsoll_name_0_", with_more.all()).is_none());
        let mold = Mold::new("{plimsoll_name_0_=\\\"\\\"}", with_more.all()).unwrap();
        assert_eq!(mold.cast(with_more.all()), "{a=\\\"b\\\"}");
    }
}
