//! The Markdown that the reference pages need: tables, inline code, escaped text, anchors. Not a Markdown
//! library.

/// The comment below each page's title. It keeps readers from editing a page that the next run overwrites.
pub(crate) const NOTE: &str = "<!-- Written by `cargo xtask generate`. Edit the source, not this page. -->";

/// Formats a table and omits the columns whose cells are all empty. Each cell of `rows` is finished Markdown
/// in one line; each row has as many cells as `titles`.
pub(crate) fn format_table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let used: Vec<usize> =
        (0..titles.len()).filter(|column| rows.iter().any(|row| !row[*column].is_empty())).collect();
    let line = |cells: Vec<&str>| {
        // GitHub reads `|` as the end of a cell, within code too, unless it is escaped.
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

/// Converts plain text to Markdown: joins its lines, and escapes `<`, which would begin an HTML tag. Text
/// between backticks stays as it is, since Markdown shows a backslash there.
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

/// Formats `text` as inline code. `text` must not contain backticks.
pub(crate) fn format_code(text: &str) -> String {
    format!("`{text}`")
}

/// Returns the anchor that GitHub gives a heading: lowercase, hyphens for spaces, and no
/// punctuation but `-` and `_`.
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
