//! `cargo xtask test`: installs the prerequisites of the tests and runs them in stages, the quick ones first.
//!
//! A stage belongs to a tier: `quick` needs no Python and no network, `full` needs what `cargo xtask setup`
//! installs, `exhaustive` takes hours. A run stops at the first stage that fails and prints the command that
//! runs this stage alone. No stage is skipped: if a tool is missing, the stage fails. The tests themselves
//! are beside the code and in `tests/`.

mod commands;
mod stage;
mod stages;
mod timing;

use lzap_testkit::shell::{Failure, Result, Tally};

use self::stage::{Stage, Tier};
use self::stages::STAGES;
use self::timing::{StageTime, Stopwatch};
use crate::setup::{self, PackagePolicy, Scope, disk};

/// Returns the words that the command line accepts: the tiers, then the stages, each name once.
pub(crate) fn list_words() -> Vec<&'static str> {
    let mut words: Vec<&str> = Tier::ALL.iter().map(|tier| tier.word()).collect();
    for stage in STAGES {
        if !words.contains(&stage.name) {
            words.push(stage.name);
        }
    }
    words
}

/// Runs the stages that `words` select, or the quick and the full tier if there are none. Installs their
/// prerequisites first.
pub(crate) fn run(words: &[String]) -> Result {
    let chosen = choose_stages(words)?;
    let is_quick = chosen.iter().all(|stage| stage.tier == Tier::Quick);
    setup::run(if is_quick { Scope::RustOnly } else { Scope::Everything }, PackagePolicy::RootOnly)?;
    run_stages(&chosen)?;
    // A single stage says nothing about the space that its tier needs.
    if chosen.len() > 1 {
        if is_quick { disk::QUICK } else { disk::FULL }.mark_done()?;
    }
    Ok(())
}

/// Returns the stages that `words` select, in the order of [`STAGES`]. Words behind `exhaustive` select
/// stages of that tier; the words before it select stages of the other tiers, because `faults` is in two
/// tiers.
fn choose_stages(words: &[String]) -> Result<Vec<&'static Stage>> {
    if words.is_empty() {
        return Ok(STAGES.iter().filter(|stage| stage.tier != Tier::Exhaustive).collect());
    }
    let exhaustive = words.iter().position(|word| word == Tier::Exhaustive.word());
    let (normal, behind) = match exhaustive {
        Some(at) => (&words[..at], Some(&words[at + 1..])),
        None => (words, None),
    };
    // A mark per stage instead of a list: a stage that is named twice runs once, and the order stays the
    // table's.
    let mut chosen = vec![false; STAGES.len()];
    for word in normal {
        let is_named = |stage: &Stage| {
            stage.tier != Tier::Exhaustive && (stage.name == word || stage.tier.word() == word)
        };
        mark_stages(&mut chosen, word, is_named)?;
    }
    match behind {
        Some([]) => mark_stages(&mut chosen, "exhaustive", |stage| stage.tier == Tier::Exhaustive)?,
        Some(names) => {
            for name in names {
                mark_stages(&mut chosen, name, |stage| stage.tier == Tier::Exhaustive && stage.name == name)?;
            }
        }
        None => {}
    }
    Ok(STAGES.iter().zip(chosen).filter(|(_, is_chosen)| *is_chosen).map(|(stage, _)| stage).collect())
}

/// Marks the stages for which `is_named` holds. It is an error if there are none: `word` belongs to another
/// tier.
fn mark_stages(chosen: &mut [bool], word: &str, is_named: impl Fn(&Stage) -> bool) -> Result {
    let mut found = false;
    for (stage, chosen) in STAGES.iter().zip(chosen) {
        if is_named(stage) {
            (*chosen, found) = (true, true);
        }
    }
    if found {
        return Ok(());
    }
    // The command line accepts only known words, so this one belongs to the other side of `exhaustive`.
    let other = STAGES.iter().find(|stage| stage.name == word).map_or_else(String::new, Stage::command);
    Err(Failure::new(format!("`{word}` belongs to another tier: {other}")))
}

/// Runs `stages` one after the other, prints the time of each, and stops at the first one that fails.
fn run_stages(stages: &[&Stage]) -> Result {
    let mut tally = Tally::default();
    let mut times: Vec<StageTime> = Vec::new();
    let total = Stopwatch::start()?;
    for stage in stages {
        println!("\n==> {}: {}", stage.name, stage.about);
        let watch = Stopwatch::start()?;
        let result = (stage.run)(&mut tally);
        let time = watch.read(stage.name)?;
        let spent = time.to_string();
        times.push(time);
        if let Err(failure) = result {
            println!("\n{}", timing::format_table(&times, &total.read("all")?));
            // A stage that runs no tests, such as clippy, adds nothing to the tally when it fails.
            println!("\n{} passed, {} failed", tally.passed, tally.failed.max(1));
            return Err(Failure::new(format!(
                "stage {} failed ({spent}): {failure}\nto run it alone: {}",
                stage.name,
                stage.command()
            )));
        }
        println!("    {} done ({spent})", stage.name);
    }
    println!("\n{}", timing::format_table(&times, &total.read("all")?));
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_names(words: &[&str]) -> Vec<&'static str> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let chosen = choose_stages(&words).unwrap_or_default();
        chosen.iter().map(|stage| stage.name).collect()
    }

    #[test]
    fn choose_stages_without_words_returns_quick_and_full() {
        assert_eq!(choose_names(&[]), choose_names(&["quick", "full"]));
        assert!(choose_names(&["quick"]).contains(&"unit") && !choose_names(&["quick"]).contains(&"moto"));
        assert!(!choose_names(&[]).contains(&"soak"));
    }

    #[test]
    fn choose_stages_after_exhaustive_returns_that_tier() -> Result {
        let all = choose_names(&["exhaustive"]);
        assert!(all.contains(&"faults") && all.contains(&"soak") && all.contains(&"fuzz"), "{all:?}");
        let words = ["exhaustive", "faults"].map(str::to_owned);
        let chosen = choose_stages(&words)?;
        assert!(chosen.iter().all(|stage| stage.tier == Tier::Exhaustive) && chosen.len() == 1);
        assert_eq!(choose_stages(&["faults".to_owned()])?[0].tier, Tier::Full);
        Ok(())
    }

    #[test]
    fn choose_stages_wrong_tier_fails_with_the_right_command() {
        let error = choose_stages(&["soak".to_owned()]).err().map(|error| error.to_string());
        let expected = "`soak` belongs to another tier: cargo xtask test exhaustive soak";
        assert_eq!(error.as_deref(), Some(expected));
    }

    #[test]
    fn choose_stages_keeps_the_order_of_the_table() {
        assert_eq!(choose_names(&["unit", "fmt"]), ["fmt", "unit"]);
    }

    #[test]
    fn stage_names_are_unique_and_differ_from_tiers() {
        let mut seen = std::collections::BTreeSet::new();
        for stage in STAGES {
            assert!(seen.insert((stage.tier.word(), stage.name)), "{} stands twice", stage.name);
            assert!(Tier::ALL.iter().all(|tier| tier.word() != stage.name), "{}", stage.name);
        }
    }
}
