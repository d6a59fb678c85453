//! The checks on three small crates, which the real rustdoc documents: a change of its JSON fails here first.

use std::path::Path;
use std::process::Command;

use fs_err as fs;
use lzap_testkit::shell::{Result, quiet_output};
use tempfile::TempDir;

use super::documents::Documents;
use super::list::List;
use super::surface::{PublicItem, list_public_items};
use super::{examples, external, rustdoc};

/// A crate of a registry.
const REGISTRY: &str = "
    pub struct Bytes;
    pub struct Hidden;
    pub trait Body {}
";

/// A crate below the facade.
const INNER: &str = "
    mod private {
        /// ```
        /// let map = 1;
        /// ```
        pub struct Map { pub bytes: Vec<registry::Bytes>, hidden: Option<registry::Hidden> }
        impl Map {
            /// [`Map`] has an example.
            pub fn linked(&self) {}
            /// [`Map::linked`] has none.
            pub fn bare(&self) -> impl Into<Leak> { Leak }
            #[doc(hidden)]
            pub fn internal(&self, _: registry::Hidden) {}
            fn own(&self) -> Option<registry::Hidden> { self.hidden.as_ref().map(|_| registry::Hidden) }
        }
        impl registry::Body for Map {}
        pub struct Leak;
        /// See [`Map`].
        pub enum Kind { One(Map) }
    }
    pub use private::{Kind as State, Map};
";

const FACADE: &str = "
    //! ```
    //! let facade = 1;
    //! ```
    pub use inner::{Map, State};
    /// [`State`] has none of its own.
    pub mod testing { pub use registry::Bytes as Content; }
";

/// Compiles and documents the three crates.
fn document_fixture() -> Result<Documents> {
    let folder = TempDir::new()?;
    let folder = folder.path();
    for (name, source) in [("registry", REGISTRY), ("inner", INNER), ("facade", FACADE)] {
        fs::write(folder.join(format!("{name}.rs")), source)?;
    }
    let mut documents = Documents::default();
    for (name, used) in [("registry", ""), ("inner", "registry"), ("facade", "registry inner")] {
        let rustc = rustdoc::find_rustdoc().with_file_name("rustc");
        let mut compile = prepare(&rustc, name, used, folder);
        quiet_output(compile.args([
            "--crate-type",
            "rlib",
            "--emit",
            "metadata,link",
            "--cap-lints",
            "allow",
        ]))?;
        if name == "registry" {
            continue;
        }
        let mut document = prepare(&rustdoc::find_rustdoc(), name, used, folder);
        quiet_output(document.args(rustdoc::JSON_FLAGS.split(' ')).env("RUSTC_BOOTSTRAP", "1"))?;
        let json = fs::read_to_string(folder.join(format!("doc/{name}.json")))?;
        documents.add(name, serde_json::from_str(&json)?);
    }
    Ok(documents)
}

/// A command of the compiler for the crate `name`, which uses other crates of the folder.
fn prepare(program: &Path, name: &str, used: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).args(["--edition", "2024", "-L", "."]).arg(format!("{name}.rs"));
    for used in used.split_whitespace() {
        command.arg("--extern").arg(format!("{used}=lib{used}.rlib"));
    }
    command
}

#[test]
fn checks_find_what_is_missing_and_what_is_outdated() -> Result {
    let documents = document_fixture()?;
    let items = list_public_items(&documents, "facade")?;
    let paths: Vec<&str> =
        items.iter().filter(|item| item.needs_example()).map(|item| item.path.as_str()).collect();
    let expected = [
        "facade",
        "facade::Map",
        "facade::Map::bare",
        "facade::Map::linked",
        "facade::State",
        "facade::testing",
        "facade::testing::Content",
    ];
    assert_eq!(paths, expected);
    check_external_types(&documents, &items);
    check_examples(&documents, &items);
    Ok(())
}

fn check_external_types(documents: &Documents, items: &[PublicItem<'_>]) {
    let list = "inner::private::Leak # hidden\nregistry::Body #\nregistry::Hidden # no longer";
    let wrong = external::check(documents, items, &List::parse("list.txt", list));
    let expected = [
        "registry::Bytes: in the API (facade::Map::bytes and 1 more), and not in list.txt",
        "registry::Hidden: in list.txt, and no longer in the API",
        "registry::Body: no reason behind a `#` in list.txt",
    ];
    assert_eq!(wrong, expected);
    let found = external::find_external_types(documents, items);
    assert!(found["registry::Body"].contains("<facade::Map as Body>"), "{found:?}");
    assert!(found["inner::private::Leak"].contains("facade::Map::bare"), "{found:?}");
}

fn check_examples(documents: &Documents, items: &[PublicItem<'_>]) {
    let list = "facade::Map # has one\nfacade::testing::Content # the registry's";
    let wrong = examples::check(documents, items, &List::parse("list.txt", list));
    let expected = [
        "facade::Map::bare: its docs have neither an example nor a link to one",
        "facade::testing: its docs have neither an example nor a link to one",
        "facade::Map: in list.txt, and it has an example",
    ];
    assert_eq!(wrong, expected);
}
