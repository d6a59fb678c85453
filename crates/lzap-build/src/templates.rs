//! The templates, as `build.rs` embedded them.

/// A file of a template.
pub(crate) struct File {
    /// Its path in the template's folder, `/`-separated.
    pub(crate) name: &'static str,
    /// The content, a part of this program: `lzap init` needs no network and no checkout.
    pub(crate) bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/templates.rs"));
