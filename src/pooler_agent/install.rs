//! The init container's part: the program is copied to where the main container, of another image, finds it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Copies the running program to `plimsoll` in the directory.
pub fn install(directory: &Path) -> std::io::Result<PathBuf> {
    let program = directory.join("plimsoll");
    let fresh = directory.join("plimsoll.new");
    fs::create_dir_all(directory)?;
    // The name of the running file, also where the path that it was started by is another one by now.
    fs::copy("/proc/self/exe", &fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
    fs::rename(&fresh, &program)?;
    Ok(program)
}
