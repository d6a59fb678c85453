//! The alias's description: the versions that were live before this one, newest first.
//!
//! `rollback` goes to the first version that still exists, so two rollbacks go back two versions. A version that was
//! rolled back is left out; a deploy or `rollback --to` adds it again.

use crate::ids::VersionNumber;

/// The direction in which the alias moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A deploy.
    Forward,
    /// A rollback.
    Back,
    /// The version stays: only a canary's share changes.
    Stay,
}

/// The start of the alias's description; version numbers follow.
const PREFIX: &str = "was live:";

/// The versions that were live, newest first; none for a description that lzap didn't write.
pub fn parse(description: &str) -> Vec<VersionNumber> {
    let Some(list) = description.strip_prefix(PREFIX) else {
        return Vec::new();
    };
    list.split_whitespace()
        .filter(|v| v.bytes().all(|b| b.is_ascii_digit()))
        .map(VersionNumber::new)
        .collect()
}

/// The description after traffic moved from `live` to `version`, in either direction.
pub fn moved(
    direction: Direction,
    description: &str,
    live: &VersionNumber,
    version: &VersionNumber,
) -> String {
    match direction {
        Direction::Forward => advance_history(description, live, version),
        Direction::Back => roll_back_history(description, live, version),
        // A canary that ends without a switch was never live.
        Direction::Stay => description.to_owned(),
    }
}

/// The description after traffic went from `live` on to `next`.
fn advance_history(description: &str, live: &VersionNumber, next: &VersionNumber) -> String {
    let mut versions = vec![live.clone()];
    versions.extend(parse(description));
    render_history(versions.into_iter().filter(|version| version != next))
}

/// The description after traffic went back from `live` to `target`.
fn roll_back_history(description: &str, live: &VersionNumber, target: &VersionNumber) -> String {
    let versions = parse(description);
    match versions.iter().position(|version| version == target) {
        Some(at) => render_history(versions.into_iter().skip(at + 1)),
        None => advance_history(description, live, target),
    }
}

/// Writes as many versions as fit AWS's limit, newest first, each once.
fn render_history(versions: impl Iterator<Item = VersionNumber>) -> String {
    let mut text = PREFIX.to_owned();
    let mut seen: Vec<VersionNumber> = Vec::new();
    for version in versions {
        if seen.contains(&version) {
            continue;
        }
        if text.len() + 1 + version.as_str().len() > lzap_wire::limits::DESCRIPTION_CHARS {
            break;
        }
        text.push(' ');
        text.push_str(version.as_str());
        seen.push(version);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> VersionNumber {
        VersionNumber::new(number.to_string())
    }

    #[test]
    fn a_deploy_puts_the_version_that_was_live_in_front() {
        assert_eq!(advance_history("was live: 5 3", &number(6), &number(7)), "was live: 6 5 3");
        assert_eq!(advance_history("something else", &number(1), &number(2)), "was live: 1");
    }

    #[test]
    fn going_back_twice_goes_back_two_versions() {
        let once = roll_back_history("was live: 6 5 3", &number(7), &number(6));
        assert_eq!(once, "was live: 5 3");
        assert_eq!(roll_back_history(&once, &number(6), &number(5)), "was live: 3");
    }

    #[test]
    fn going_to_a_version_that_was_never_live_remembers_where_from() {
        assert_eq!(roll_back_history("was live: 6 5", &number(7), &number(2)), "was live: 7 6 5");
    }

    #[test]
    fn a_long_history_fits_the_limit_and_keeps_the_newest() {
        let mut description = String::new();
        for version in 100_000..100_200_u32 {
            description = advance_history(&description, &number(version), &number(version + 1));
        }
        assert!(description.len() <= lzap_wire::limits::DESCRIPTION_CHARS);
        assert_eq!(parse(&description).first().cloned(), Some(number(100_199)));
    }
}
