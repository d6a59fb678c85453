//! Checks the public API of the runtime crate, as rustdoc describes it in JSON.
//!
//! Users depend on the facade `lzap` alone, which re-exports items of the crates below it. rustdoc writes a re-export as a
//! reference to an item in another crate's JSON, so the checks read the JSON of all these crates.
//!
//! 1. Each public item has an example, or a link to an item that has one (`examples`).
//! 2. Each type of another crate in the API is in a list (`external`). A new version of that crate with other types would
//!    be a breaking change of `lzap`.
//! 3. The table of features on the front page has a row for each feature (`features`).

mod documents;
mod examples;
mod external;
mod features;
mod list;
mod rustdoc;
mod surface;
#[cfg(test)]
mod tests;

use lzap_testkit::shell::{Failure, Result};
use lzap_testkit::workspace;

use crate::packages::{Package, read_packages};

use self::documents::{Documents, Item};
use self::list::List;
use self::surface::PublicItem;

/// The crate whose API is checked.
const FACADE: &str = "lzap";
/// The types of other crates that the API may have.
const EXTERNAL_TYPES: &str = "crates/lzap/external-types.txt";
/// The items that have no example yet.
const WITHOUT_EXAMPLE: &str = "crates/lzap/items-without-example.txt";

/// Writes the JSON and runs all checks. Fails if one finds a violation. Needs no network, because the crates that the
/// runtime crate uses are fetched by `cargo xtask setup`.
pub(crate) fn run() -> Result {
    let documents = rustdoc::document_runtime_crates(FACADE)?;
    let items = surface::list_public_items(&documents, FACADE)?;
    let root = workspace();
    let mut wrong = external::check(&documents, &items, &List::read(&root, EXTERNAL_TYPES)?);
    wrong.extend(examples::check(&documents, &items, &List::read(&root, WITHOUT_EXAMPLE)?));
    wrong.extend(check_feature_table(&documents)?);
    println!("    {}", describe(&documents, &items));
    if wrong.is_empty() {
        return Ok(());
    }
    for line in &wrong {
        println!("  {line}");
    }
    Err(Failure::new(format!("the API of `{FACADE}`: {} found", wrong.len())))
}

/// The number of items, for the output of the stage.
fn describe(documents: &Documents, items: &[PublicItem<'_>]) -> String {
    let documented = items.iter().filter(|item| item.needs_example()).count();
    let types = external::find_external_types(documents, items).len();
    format!("{documented} items with an example or a link to one, {types} types of other crates")
}

/// Returns what is wrong with the front page's table of features.
fn check_feature_table(documents: &Documents) -> Result<Option<String>> {
    let packages = read_packages()?;
    let facade = packages.iter().find(|package| package.name() == FACADE);
    let features = facade.into_iter().flat_map(Package::features).filter(|feature| *feature != "default");
    let docs = documents.root(FACADE).map_or("", Item::docs);
    Ok(features::check(docs, &features.collect::<Vec<_>>()))
}
