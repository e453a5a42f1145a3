//! Files of the agent's own making: each is there whole or not at all, and nobody else reads them.

use std::{
    collections::BTreeMap,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use std::io::Write;

/// Files by their places below a directory.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Writes them. A file that is as it should be is left alone.
pub fn write_all(directory: &Path, files: &Files) -> std::io::Result<()> {
    for (name, content) in files {
        let path = directory.join(name);
        if std::fs::read(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        write(&path, content)?;
    }
    Ok(())
}

/// Writes beside the file and renames: a reader sees the old content or the new one.
fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_extension("new");
    // Another mode than ours may be left from before.
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    std::fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_are_replaced_and_are_nobody_elses() {
        let directory = std::env::temp_dir().join(format!("plimsoll-files-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut files = Files::from([("a/tls.key".into(), b"1".to_vec())]);
        write_all(&directory, &files).unwrap();
        files.insert("a/tls.key".into(), b"2".to_vec());
        write_all(&directory, &files).unwrap();
        let path = directory.join("a/tls.key");
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.join("a")).unwrap().count(), 1, "nothing is left beside it");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
