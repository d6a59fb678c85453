//! The little Markdown that the pages need.

/// Below each page's title: that it isn't to be edited.
pub(crate) const NOTE: &str = "<!-- Written by `cargo xtask generate`. Edit the source, not this page. -->";

/// A table; a column whose cells are all empty is left out. `cells` hold finished Markdown in one line.
pub(crate) fn format_table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let used: Vec<usize> =
        (0..titles.len()).filter(|column| rows.iter().any(|row| !row[*column].is_empty())).collect();
    let line = |cells: Vec<&str>| {
        let cells: Vec<String> = cells.iter().map(|cell| format!(" {}", cell.replace('|', "\\|"))).collect();
        format!("|{} |\n", cells.join(" |"))
    };
    let mut text = line(used.iter().map(|column| titles[*column]).collect());
    text += "|";
    text += &"---|".repeat(used.len());
    text += "\n";
    for row in rows {
        text += &line(used.iter().map(|column| row[*column].as_str()).collect());
    }
    text
}

/// Plain text as Markdown: in one line, and no tags in it.
pub(crate) fn escape_prose(text: &str) -> String {
    let mut in_code = false;
    let mut prose = String::new();
    for character in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        in_code ^= character == '`';
        if character == '<' && !in_code {
            prose.push('\\');
        }
        prose.push(character);
    }
    prose
}

/// `text` as code.
pub(crate) fn format_code(text: &str) -> String {
    format!("`{text}`")
}

/// The anchor that a heading gets.
pub(crate) fn make_anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn format_table_omits_empty_columns() {
        let rows = [vec!["a|b".to_owned(), String::new(), "c".to_owned()]];
        assert_eq!(format_table(&["x", "y", "z"], &rows), "| x | z |\n|---|---|\n| a\\|b | c |\n");
    }

    #[test]
    fn escape_prose_leaves_code_unchanged() {
        assert_eq!(escape_prose("a <b>\n  `<c>`"), "a \\<b> `<c>`");
    }
}
