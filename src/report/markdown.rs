//! Texts as Markdown, so that they are shown as they are (<https://github.github.com/gfm/>).

use super::text::on_one_line;

/// What may mean something in a line of Markdown; a backslash before it takes the meaning away.
const MEANINGFUL: &[char] = &['\\', '`', '*', '_', '[', ']', '<', '>', '&', '|', '~', '#', '$', '@'];

/// A text inside a line or a cell of a table.
pub fn inline(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in on_one_line(text).chars() {
        if MEANINGFUL.contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// A text inside an element of HTML.
pub fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A table: its heading, how its columns are aligned (`:--` or `--:`), and its rows of escaped cells; nothing where there
/// is no row.
pub fn table<const N: usize>(heading: [&str; N], aligned: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let line = |cells: &[&str]| format!("| {} |", cells.join(" | "));
    let rows = rows.iter().map(|row| line(&row.each_ref().map(String::as_str)));
    [line(&heading), line(&aligned)].into_iter().chain(rows).collect()
}

/// Lines as they are, folded under a title.
pub fn folded(title: &str, lines: &[String]) -> Vec<String> {
    // The empty line ends the first block of HTML; that of `pre` goes on over empty lines until its end.
    let head = [format!("<details><summary>{}</summary>", html(&on_one_line(title))), String::new()];
    let body = format!("<pre>{}</pre>", html(&lines.join("\n")));
    head.into_iter().chain([body, "</details>".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_means_nothing() {
        for (text, shown) in [
            ("Deployment saleor-api: 1 of 2 (50%)", "Deployment saleor-api: 1 of 2 (50%)"),
            ("a|b `c` <img src=x> &lt;", "a\\|b \\`c\\` \\<img src=x\\> \\&lt;"),
            (
                "[x](y) ![z] **b** _i_ ~~s~~ $m$ @all",
                "\\[x\\](y) !\\[z\\] \\*\\*b\\*\\* \\_i\\_ \\~\\~s\\~\\~ \\$m\\$ \\@all",
            ),
            ("one\n# two\\|", "one \\# two\\\\\\|"),
        ] {
            assert_eq!(inline(text), shown);
        }
        let lines = folded("<b>", &["</pre><script>".to_owned(), String::new(), "a & b".to_owned()]).join("\n");
        let expected =
            "<details><summary>&lt;b&gt;</summary>\n\n<pre>&lt;/pre&gt;&lt;script&gt;\n\na &amp; b</pre>\n</details>";
        assert_eq!(lines, expected);
    }
}
