//! Specifications in the forms of others, as their public examples have them: what becomes of each is a golden text, and
//! `plimsoll check` has nothing against any profile that comes out.
//!
//! `UPDATE_GOLDEN=1 cargo test --test import` writes the texts anew; read the difference before you commit it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]

mod common;

#[test]
fn examples_become_profiles_and_what_does_not_is_said() {
    let mut differences = Vec::new();
    let mut inputs = 0;
    for form in ["openslo", "pyrra", "sloth"] {
        for file in common::files(&format!("tests/import/{form}"), "yaml") {
            inputs += 1;
            let text = common::text(&file);
            let mut command = common::plimsoll();
            let output = common::run(command.args(["import", "--from", form, "-"]), &text);
            let (profiles, notes) = common::streams(&output);
            let code = output.status.code().expect("an exit code");
            assert!(code <= 1, "{}: {notes}", file.display());
            // Each objective of the input comes out or is named as one that could not.
            assert_eq!(code == 1, notes.contains("not imported:"), "{}: {notes}", file.display());
            if !profiles.is_empty() {
                let checked = common::run(common::plimsoll().args(["check", "-"]), &profiles);
                let (found, summary) = common::streams(&checked);
                assert!(checked.status.success(), "{}: {found}{summary}", file.display());
            }
            let golden = file.with_extension("golden");
            let now = format!("exit code {code}\n--- standard error\n{notes}--- standard output\n{profiles}");
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&golden, &now).expect("a file");
            }
            if std::fs::read_to_string(&golden).unwrap_or_default() != now {
                differences.push(format!("{}:\n{now}", golden.display()));
            }
        }
    }
    assert!(inputs >= 14, "only {inputs} inputs");
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
