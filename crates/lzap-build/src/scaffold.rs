//! New crates from the templates, and the `lzap.toml` of a crate that is there already.
//!
//! The templates are real crates that are built and deployed in the tests; what is changed in them, and how, is in
//! `rewrite`. Not here: asking the user.

mod lzap_source;
mod rewrite;

use std::io::Write;
use std::path::{Path, PathBuf};

use lzap_core::platform::Architecture;
use tempfile::{Builder, NamedTempFile};

use crate::error::BuildError;
use crate::templates::{self, File};
use lzap_source::LzapSource;

pub(crate) use lzap_source::lzap_dependency;

/// The templates of `lzap init --template`; each has an arm in [`find_template`].
const NAMES: &[&str] = &["hello", "csv-group-sum"];

/// Returns the names that [`create_crate`] takes.
pub fn template_names() -> &'static [&'static str] {
    NAMES
}

/// Writes the crate `name` from `template` into `dir`, which is empty or doesn't exist; returns the files. When it fails,
/// nothing is left of it.
///
/// # Errors
/// [`BuildError::UnknownTemplate`], [`BuildError::CrateName`], [`BuildError::NotEmpty`]; [`BuildError::Io`].
pub fn create_crate(template: &str, dir: &Path, name: &str) -> Result<Vec<PathBuf>, BuildError> {
    let files = find_template(template)?;
    rewrite::check_name(name)?;
    check_empty(dir)?;
    // All texts are made in memory before the folder is: a refused name leaves nothing behind.
    let files = rewrite::rename_crate(files, template, name, &LzapSource::find())?;
    let is_new = !dir.exists();
    fs_err::create_dir_all(dir).map_err(BuildError::io("make the crate's folder"))?;
    let written = write_all(dir, &files);
    if written.is_err() && is_new {
        // Empty again, so this can only remove what was made above.
        _ = fs_err::remove_dir(dir);
    }
    written.map_err(BuildError::io("write the crate"))
}

/// Returns the files of the template `template`.
fn find_template(template: &str) -> Result<&'static [File], BuildError> {
    match template {
        "hello" => Ok(templates::HELLO),
        "csv-group-sum" => Ok(templates::CSV_GROUP_SUM),
        _ => Err(BuildError::UnknownTemplate { wanted: template.to_owned(), templates: NAMES }),
    }
}

/// Fails if the folder has entries. A `.git` is allowed, because users start a crate in a new repository.
fn check_empty(dir: &Path) -> Result<(), BuildError> {
    let entries = match fs_err::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(BuildError::io("look into the crate's folder")(error)),
        Ok(entries) => entries,
    };
    // The first by name: a folder has no order of its own, and the message should not change from run to run.
    let found = entries.flatten().map(|entry| entry.file_name()).filter(|name| name != ".git").min();
    match found {
        None => Ok(()),
        Some(name) => {
            Err(BuildError::NotEmpty { dir: dir.to_owned(), found: name.to_string_lossy().into_owned() })
        }
    }
}

/// Writes all files into a hidden folder first, then moves what lies at the top, so that a full disk or a
/// kill leaves no half of a crate. The hidden folder lies in `dir`, since a rename can't leave its file
/// system; it is deleted at the end. Returns the files in their final places.
fn write_all(dir: &Path, files: &[(String, Vec<u8>)]) -> std::io::Result<Vec<PathBuf>> {
    let staging = Builder::new().prefix(".lzap-").tempdir_in(dir)?;
    for (name, bytes) in files {
        let path = staging.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap_or(dir))?;
        fs_err::write(&path, bytes)?;
    }
    let mut moved: Vec<PathBuf> = Vec::new();
    for entry in fs_err::read_dir(staging.path())? {
        let entry = entry?;
        let target = dir.join(entry.file_name());
        if let Err(error) = fs_err::rename(entry.path(), &target) {
            for path in &moved {
                remove_path(path);
            }
            return Err(error);
        }
        moved.push(target);
    }
    Ok(files.iter().map(|(name, _)| dir.join(name)).collect())
}

/// Removes a file or a folder. Ignores errors, because the error that led here is the one to report.
fn remove_path(path: &Path) {
    _ = if path.is_dir() { fs_err::remove_dir_all(path) } else { fs_err::remove_file(path) };
}

/// The answers to the questions of `lzap init`.
#[derive(Clone, Debug)]
pub struct InitAnswers {
    /// The app's name.
    pub app: String,
    /// The region; `None` leaves it to the environment or the profile.
    pub region: Option<String>,
    /// The profile in the AWS config files; `None` leaves it to the environment.
    pub profile: Option<String>,
    /// The architecture of the first stage.
    pub architecture: Architecture,
}

/// Returns the text of an `lzap.toml`, with comments, for these answers. A key without an answer becomes a
/// comment with an example.
pub fn config_text(answers: &InitAnswers) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let line = |key: &str, value: Option<&str>, example: &str| match value {
        Some(value) => format!("{key} = {}", quoted(value)),
        None => format!("# {key} = {}", quoted(example)),
    };
    let template = templates::INIT.iter().find(|file| file.name == "lzap.toml");
    let text = template.map_or_else(String::new, |file| String::from_utf8_lossy(file.bytes).into_owned());
    // The quotes of the placeholder are replaced too: `quoted` brings its own, and escapes what needs it.
    text.replace("\"{{app}}\"", &quoted(&answers.app))
        .replace("{{region_line}}", &line("region", answers.region.as_deref(), "eu-central-1"))
        .replace("{{profile_line}}", &line("profile", answers.profile.as_deref(), "default"))
        .replace("{{architecture}}", answers.architecture.as_str())
}

/// Writes `lzap.toml` into `dir`, all of it or nothing; returns its path. Overwrites one that is there only
/// by `force`. A crash leaves the old file or the new one, because the text is written into another file
/// first.
///
/// # Errors
/// [`BuildError::ConfigExists`]; [`BuildError::Io`].
pub fn write_config(dir: &Path, text: &str, force: bool) -> Result<PathBuf, BuildError> {
    let path = dir.join("lzap.toml");
    let writing = || BuildError::io("write lzap.toml");
    let mut file = Builder::new().permissions_like_a_new_file().tempfile_in(dir).map_err(writing())?;
    file.write_all(text.as_bytes()).map_err(writing())?;
    persist_config(file, &path, force)
}

/// Moves the finished file to `path` in one step. Without `force` it fails if the file exists.
fn persist_config(file: NamedTempFile, path: &Path, force: bool) -> Result<PathBuf, BuildError> {
    // `persist_noclobber` checks and moves in one step: a file that appears meanwhile isn't lost.
    let persisted = if force { file.persist(path) } else { file.persist_noclobber(path) };
    match persisted {
        Ok(_) => Ok(path.to_owned()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(BuildError::ConfigExists { path: path.to_owned() })
        }
        Err(error) => Err(BuildError::io("write lzap.toml")(error.error)),
    }
}

/// Temporary files are private; `lzap.toml` goes into a repository that others may share.
trait Permissions {
    fn permissions_like_a_new_file(&mut self) -> &mut Self;
}

impl Permissions for Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_a_new_file(&mut self) -> &mut Self {
        // The process's umask is applied to it, as to any new file.
        self.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_like_a_new_file(&mut self) -> &mut Self {
        self
    }
}
