//! What the README shows is what happens: its transcript is typed again, line by line.

use fs_err as fs;
use lzap_testkit::{LocalCloud, Lzap, TempProject, workspace};

use crate::support::Result;

/// The blocks of a page that begin with these words after their fence.
fn blocks(page: &str, kind: &str) -> Result<Vec<String>> {
    let page = fs::read_to_string(workspace().join(page))?;
    let fence = format!("```{kind}\n");
    let after = page.split(&fence).skip(1);
    Ok(after.map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect())
}

/// The first of them.
fn block(page: &str, kind: &str) -> Result<String> {
    Ok(blocks(page, kind)?.into_iter().next().unwrap_or_default())
}

/// The commands and the output of a page's first `console` block.
fn transcript(page: &str) -> Result<(Vec<String>, Vec<String>)> {
    let block = block(page, "console")?;
    let (commands, output): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("$ "));
    let commands = commands.iter().map(|line| line.trim_start_matches("$ ").to_owned()).collect();
    Ok((commands, output.iter().map(|line| (*line).to_owned()).collect()))
}

/// Numbers, hashes and the spaces before a right-aligned verb differ from run to run.
fn redacted(line: &str) -> String {
    let word = |word: &str| {
        if word.contains('…') || word.contains("://") {
            return "…".to_owned();
        }
        word.chars().filter(|c| !c.is_ascii_digit() && *c != '.').collect()
    };
    line.split_whitespace().map(word).collect::<Vec<String>>().join(" ")
}

/// Whether `shown` is what was `printed`; a line of three dots stands for any number of lines.
fn matches(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((dots, rest)) if dots == "..." => {
            (0..=printed.len()).any(|skip| matches(rest, &printed[skip..]))
        }
        Some((line, rest)) => {
            printed.first().is_some_and(|first| line == first) && matches(rest, &printed[1..])
        }
    }
}

#[test]
fn the_readmes_transcript_is_true() -> Result {
    let cloud = LocalCloud::on_machine(Lzap::new()?.as_shipped());
    repeat("README.md", &TempProject::empty("readme")?, &cloud)
}

/// The guide's app, made of its blocks, does what the guide shows.
#[test]
fn the_guide_to_maps_is_true() -> Result {
    let page = "docs/map.md";
    let lzap = format!("lzap = {{ path = {:?}, features = [\"map\"] }}", workspace().join("crates/lzap"));
    let manifest = block(page, "toml")?;
    let line = manifest.lines().find(|line| line.starts_with("lzap = ")).unwrap_or_default();
    let manifest = manifest.replace(line, &lzap);
    let files = [("Cargo.toml", manifest.as_str()), ("src/main.rs", &block(page, "rust,no_run")?)];
    repeat(page, &TempProject::with_files("primes", &files)?, &LocalCloud::idle()?)
}

/// Its settings are settings: the second of its TOML blocks, after the app's own manifest.
#[test]
fn the_guides_settings_mean_what_it_says() -> Result {
    let settings = blocks("docs/map.md", "toml")?.pop().unwrap_or_default();
    let project =
        TempProject::with_files("settings", &[("lzap.toml", &format!("app = \"primes\"\n{settings}"))])?;
    let args = ["config", "--resolved", "production", "--output", "json"];
    let resolved = Lzap::new()?.run(project.path(), &args)?.expect_success().json().to_string();
    for (key, value) in [("workers.memory_mb", "1769"), ("workers.concurrency", "200")] {
        assert!(resolved.contains(&format!(r#""key":"{key}","value":"{value}""#)), "{key}: {resolved}");
    }
    Ok(())
}

/// Types a page's transcript again, in `folder`, and compares.
fn repeat(page: &str, folder: &TempProject, cloud: &LocalCloud) -> Result {
    let (commands, output) = transcript(page)?;
    assert!(commands.len() >= 3, "{commands:?}");
    // The port is another where 4511 is taken, and curl draws its progress where there is no terminal.
    let url = "$(lzap local status | sed -n 's/^HTTP API *\\([^ ]*\\).*/\\1/p')";
    let script = commands.join("\n").replace("curl ", "curl -s ").replace("http://localhost:4511", url);
    let printed = cloud.lzap().run_script(folder.path(), &script)?;
    let lines = |text: &mut dyn Iterator<Item = String>| -> Vec<String> {
        text.map(|line| if line.trim() == "..." { "...".to_owned() } else { redacted(&line) })
            .filter(|line| !line.is_empty())
            .collect()
    };
    let shown = lines(&mut output.into_iter());
    let happened = lines(&mut printed.lines().map(str::to_owned));
    assert!(matches(&shown, &happened), "{page} shows\n{shown:#?}\nbut this happened\n{printed}");
    Ok(())
}

/// The page that says how AWS behaves names a test for each line; each of them exists.
#[test]
fn the_tests_that_the_page_on_awss_behavior_names_exist() -> Result {
    let mut sources = String::new();
    for folder in ["crates", "tests"] {
        read_rust(&workspace().join(folder), &mut sources)?;
    }
    let page = fs::read_to_string(workspace().join("docs/aws-behaviour.md"))?;
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| AWS"));
    let mut named = 0;
    for row in rows {
        let tests = row.rsplit_once(" | ").map_or("", |(_, tests)| tests);
        // A test's name is a sentence; paths and modules aren't.
        let words = tests.split('`').skip(1).step_by(2);
        for name in words.filter(|word| word.matches('_').count() > 2 && !word.contains('/')) {
            assert!(sources.contains(&format!("fn {name}(")), "no test is called `{name}`");
            named += 1;
        }
    }
    assert!(named > 30, "only {named} tests are named");
    Ok(())
}

fn read_rust(folder: &std::path::Path, text: &mut String) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_rust(&path, text)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(path)?);
        }
    }
    Ok(())
}
