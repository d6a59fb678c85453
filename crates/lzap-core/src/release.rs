//! The release information in a published version's description: commit, author, time.

/// The origin of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// The short commit, unless it was built outside a repository.
    pub commit: Option<String>,
    /// The work tree had changes that the commit doesn't have.
    pub dirty: bool,
    /// The commit's author.
    pub author: Option<String>,
    /// When it was deployed: RFC 3339, UTC.
    pub time: String,
}

const SEPARATOR: &str = " | ";
const DIRTY: &str = "+dirty";
const NONE: &str = "-";

impl Release {
    /// The description: `a1b2c3d+dirty | Jane Doe | 2026-11-22T20:01:00Z`, at most 256 characters.
    pub fn render(&self) -> String {
        let commit = self.commit.as_deref().unwrap_or(NONE);
        let dirty = if self.dirty { DIRTY } else { "" };
        let clean =
            |text: &str| text.chars().filter(|c| !c.is_control() && *c != '|').take(100).collect::<String>();
        let author = clean(self.author.as_deref().unwrap_or(NONE));
        format!("{commit}{dirty}{SEPARATOR}{author}{SEPARATOR}{}", self.time)
    }

    /// Reads a description; `None` for one that lzap didn't write.
    pub fn parse(description: &str) -> Option<Self> {
        let mut parts = description.split(SEPARATOR);
        let (commit, author, time) = (parts.next()?, parts.next()?, parts.next()?);
        let (commit, dirty) = commit.strip_suffix(DIRTY).map_or((commit, false), |commit| (commit, true));
        let some = |text: &str| (text != NONE).then(|| text.to_owned());
        Some(Self { commit: some(commit), dirty, author: some(author), time: time.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for release in [
            Release {
                commit: Some("a1b2c3d".to_owned()),
                dirty: true,
                author: Some("Jane Doe".to_owned()),
                time: "2026-11-22T20:01:00Z".to_owned(),
            },
            Release { time: "2026-11-22T20:01:00Z".to_owned(), ..Release::default() },
        ] {
            assert_eq!(Release::parse(&release.render()), Some(release));
        }
        assert_eq!(Release::parse("made by hand"), None);
    }
}
