//! A template's files under another crate name. Pure.

use toml_edit::{DocumentMut, InlineTable, Item, Value};

use super::lzap_source::LzapSource;
use crate::error::BuildError;
use crate::templates::File;

/// Names that cargo or rustc refuses for a crate, or that break its build later: Rust's keywords, the crates
/// that come with Rust, folders in cargo's target folder (`build`, `deps`, `examples`, `incremental`), and
/// `lzap`, on which the new crate depends.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "lzap",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Fails if cargo would refuse the name.
/// Cargo: <https://doc.rust-lang.org/cargo/reference/manifest.html#the-name-field>
pub(super) fn check_name(name: &str) -> Result<(), BuildError> {
    let refuse = |why: String| Err(BuildError::CrateName { name: name.to_owned(), why });
    let is_allowed = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_');
    match name.chars().next() {
        None => return refuse("it is empty".to_owned()),
        Some(first) if !(first.is_ascii_alphabetic() || first == '_') => {
            return refuse(format!("it begins with `{first}`"));
        }
        _ => {}
    }
    if let Some(other) = name.chars().find(|char| !is_allowed(char)) {
        return refuse(format!("it has a `{other}`"));
    }
    if RESERVED.contains(&name) {
        return refuse("that name is taken by Rust, cargo or lzap itself".to_owned());
    }
    Ok(())
}

/// Returns the files with `old`, the crate's name in the template, replaced wherever it is the crate's name:
/// in the manifest, the lock file, `lzap.toml` and paths of the source. Other files stay as they are.
pub(super) fn rename_crate(
    files: &[File],
    old: &str,
    new: &str,
    lzap: &LzapSource,
) -> Result<Vec<(String, Vec<u8>)>, BuildError> {
    let renamed = files.iter().map(|file| {
        let Ok(text) = std::str::from_utf8(file.bytes) else {
            return Ok((file.name.to_owned(), file.bytes.to_vec()));
        };
        let text = match file.name {
            "Cargo.toml" => rewrite_manifest(text, old, new, lzap)?,
            "Cargo.lock" => rewrite_lock_file(text, old, new),
            "lzap.toml" => text.replace(&format!("app = \"{old}\""), &format!("app = \"{new}\"")),
            name if has_extension(name, "rs") => rewrite_source(text, old, new),
            _ => text.to_owned(),
        };
        Ok((file.name.to_owned(), text.into_bytes()))
    });
    renamed.collect()
}

/// Returns whether the file `name` has this extension.
fn has_extension(name: &str, wanted: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|it| it == wanted)
}

/// Returns the template's `Cargo.toml` with the new name and the dependency on the runtime crate.
fn rewrite_manifest(text: &str, old: &str, new: &str, lzap: &LzapSource) -> Result<String, BuildError> {
    let damaged = |error: toml_edit::TomlError| BuildError::Io {
        action: "read the template's Cargo.toml".to_owned(),
        source: std::io::Error::other(error),
    };
    let mut document: DocumentMut = text.parse().map_err(damaged)?;
    set_text(&mut document["package"]["name"], new);
    if let Some(dependencies) = document.get("dependencies").and_then(Item::as_table_like)
        && dependencies.contains_key(new)
    {
        let why = "the template depends on a crate of that name".to_owned();
        return Err(BuildError::CrateName { name: new.to_owned(), why });
    }
    for kind in ["bin", "lib"] {
        rename_target(&mut document, kind, old, new);
    }
    if let Some(dependency) = document["dependencies"]["lzap"].as_inline_table_mut() {
        point_at_source(dependency, lzap);
    }
    Ok(document.to_string())
}

/// Keeps the comment and the blanks around the value.
fn set_text(item: &mut Item, text: &str) {
    if let Some(value) = item.as_value_mut() {
        let decor = value.decor().clone();
        *value = Value::from(text);
        *value.decor_mut() = decor;
    }
}

/// Renames the targets of one kind that are named after the crate: `my-app`, or `my_app` as in Rust paths.
fn rename_target(document: &mut DocumentMut, kind: &str, old: &str, new: &str) {
    let ident = |name: &str| name.replace('-', "_");
    let rename = |item: &mut Item| match item.as_str() {
        Some(name) if name == old => set_text(item, new),
        Some(name) if name == ident(old) => set_text(item, &ident(new)),
        _ => {}
    };
    match document.get_mut(kind) {
        Some(Item::Table(table)) => table.get_mut("name").into_iter().for_each(rename),
        Some(Item::ArrayOfTables(tables)) => {
            tables.iter_mut().filter_map(|table| table.get_mut("name")).for_each(rename);
        }
        _ => {}
    }
}

/// Replaces the template's relative path to `lzap`, which is wrong in another folder. The new key stands
/// first.
fn point_at_source(dependency: &mut InlineTable, lzap: &LzapSource) {
    dependency.remove("path");
    dependency.remove("version");
    let (key, value) = match lzap {
        LzapSource::Path(path) => ("path", path.to_string_lossy().into_owned()),
        LzapSource::Version(version) => ("version", (*version).to_owned()),
    };
    let rest: Vec<_> = dependency.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    dependency.clear();
    dependency.insert(key, Value::from(value));
    dependency.extend(rest);
    dependency.fmt();
}

/// Renames the package in the lock file, and sorts the packages: cargo would write an unsorted file again,
/// and `--locked` would fail.
fn rewrite_lock_file(text: &str, old: &str, new: &str) -> String {
    const START: &str = "[[package]]\n";
    let mut parts = text.split(START);
    let head = parts.next().unwrap_or_default();
    let named = |name: &str| format!("name = \"{name}\"\n");
    let mut packages: Vec<String> = parts
        .map(|part| format!("{}\n", part.trim_end()))
        .map(|part| {
            // A package with a source is from the registry, and keeps its name even if it is called like
            // the template.
            if part.contains("\nsource = ") { part } else { part.replacen(&named(old), &named(new), 1) }
        })
        .collect();
    // By name alone: same names are in the order of their versions already, and the sort is stable.
    packages.sort_by(|a, b| a.lines().next().cmp(&b.lines().next()));
    format!("{head}{START}{}", packages.join(&format!("\n{START}")))
}

/// Renames the crate in paths (`csv_group_sum::router()`), where a template with a library names it. The same
/// word in comments and strings, or as a part of another name, stays.
fn rewrite_source(text: &str, old: &str, new: &str) -> String {
    let (old, new) = (old.replace('-', "_"), new.replace('-', "_"));
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(&old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        let is_path = after.starts_with("::") && !before.ends_with(is_word) && !before.ends_with("::");
        renamed.push_str(before);
        renamed.push_str(if is_path { &new } else { &old });
        rest = after;
    }
    renamed + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_cargos_rules() {
        for good in ["shop", "my-app2", "_x", "A"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "2d", "-x", "my app", "über", "a.b", "self", "test", "lzap"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_lock_file_stays_in_order() {
        let old = "version = 4\n\n[[package]]\nname = \"bytes\"\nversion = \"1.0.0\"\nsource = \"registry\"\n\n\
                   [[package]]\nname = \"hello\"\nversion = \"0.1.0\"\ndependencies = [\n \"bytes\",\n]\n";
        let new = "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\ndependencies = [\n \"bytes\",\n]\n\n\
                   [[package]]\nname = \"bytes\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        assert_eq!(rewrite_lock_file(old, "hello", "app"), new);
        assert_eq!(rewrite_lock_file(new, "app", "hello"), old);
    }

    #[test]
    fn only_paths_of_the_crate_are_renamed() {
        let old =
            "use csv_group_sum::router;\nlet my_csv_group_sum::x = a::csv_group_sum::b; // csv_group_sum";
        let new = "use shop::router;\nlet my_csv_group_sum::x = a::csv_group_sum::b; // csv_group_sum";
        assert_eq!(rewrite_source(old, "csv-group-sum", "shop"), new);
    }

    #[test]
    fn the_dependency_keeps_its_features() {
        let text = "[package]\nname = \"hello\" # mine\n\n[dependencies]\nlzap = { path = \"../x\", features = [\"tasks\"] }\n";
        let renamed =
            rewrite_manifest(text, "hello", "shop", &LzapSource::Version("1.2.3")).expect("a good manifest");
        assert_eq!(
            renamed,
            "[package]\nname = \"shop\" # mine\n\n[dependencies]\nlzap = { version = \"1.2.3\", features = [\"tasks\"] }\n"
        );
    }
}
