//! Checks the table of features on the front page of the API documentation.

/// The heading of the table's section.
const HEADING: &str = "# Features";
/// The row of an app that chooses no feature.
const NO_FEATURE: &str = "(none)";

/// Returns what is wrong with the table in `docs`: it must be in one piece, with a row for an app without features and one
/// for each of `features`, in any order. An empty line within a table ends it, and the rest is shown as text.
pub(super) fn check(docs: &str, features: &[&str]) -> Option<String> {
    let section = docs.lines().skip_while(|line| *line != HEADING).skip(1);
    let section: Vec<&str> = section.take_while(|line| !line.starts_with("# ")).collect();
    let tables: Vec<&[&str]> =
        section.split(|line| !line.starts_with('|')).filter(|lines| !lines.is_empty()).collect();
    let [table] = tables.as_slice() else {
        return Some(format!("`{HEADING}` has {} tables instead of one", tables.len()));
    };
    // The first two lines are the head and the line below it.
    let mut rows: Vec<&str> = table.iter().skip(2).map(|row| read_first_cell(row)).collect();
    let mut expected = [&[NO_FEATURE], features].concat();
    rows.sort_unstable();
    expected.sort_unstable();
    (rows != expected).then(|| format!("`{HEADING}` has the rows {rows:?} instead of {expected:?}"))
}

/// The text of a row's first cell, without the marks of code.
fn read_first_cell(row: &str) -> &str {
    row.split('|').nth(1).unwrap_or_default().trim().trim_matches('`')
}

#[cfg(test)]
mod tests {
    use super::check;

    const TABLE: &str =
        "Text\n\n# Features\n\n| feature | adds |\n|---|---|\n| (none) | |\n| `map` | tasks |\n\nMore\n";

    #[test]
    fn check_accepts_one_table_with_all_features() {
        assert_eq!(check(TABLE, &["map"]), None);
    }

    #[test]
    fn check_reports_broken_table_and_other_features() {
        let broken = TABLE.replace("| `map`", "\n| `map`");
        assert_eq!(check(&broken, &["map"]).as_deref(), Some("`# Features` has 2 tables instead of one"));
        assert_eq!(check("", &["map"]).as_deref(), Some("`# Features` has 0 tables instead of one"));
        let rows = check(TABLE, &["map", "tasks"]);
        let expected = r#"`# Features` has the rows ["(none)", "map"] instead of ["(none)", "map", "tasks"]"#;
        assert_eq!(rows.as_deref(), Some(expected));
    }
}
