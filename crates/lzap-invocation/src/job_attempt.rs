//! One attempt of a job, with the temporary objects in S3 that the job deletes when it is done.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One attempt of a job. All code that runs in the attempt shares it.
#[derive(Debug)]
pub struct JobAttempt {
    id: String,
    number: u32,
    notes: Mutex<Notes>,
}

/// Changed under one lock, because a job may run several maps concurrently.
#[derive(Debug, Default)]
struct Notes {
    /// The number of uses of each name. A map's name is its digest, which equal maps share.
    uses: HashMap<String, usize>,
    /// Keys below the stage's prefix, to delete when the job is done.
    objects: Vec<String>,
}

impl JobAttempt {
    /// The attempt `number`, counted from 1, of the job with this id.
    pub fn new(id: &str, number: u32) -> Self {
        Self { id: id.to_owned(), number, notes: Mutex::default() }
    }

    /// The job's id, 32 hex digits.
    pub fn job_id(&self) -> &str {
        &self.id
    }

    /// From 1. Above that, an earlier attempt may have left results.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Counts a use of `name` and returns its number, from 1. Another attempt that does the same in the same order gets the
    /// same numbers, and so finds what this attempt stored under them.
    pub fn count_use(&self, name: &str) -> usize {
        let mut notes = self.lock_notes();
        let uses = notes.uses.entry(name.to_owned()).or_default();
        *uses += 1;
        *uses
    }

    /// Adds the keys of objects to delete when the job is done.
    pub fn add_objects(&self, keys: impl IntoIterator<Item = String>) {
        self.lock_notes().objects.extend(keys);
    }

    /// Empties the list, so that no object is deleted twice.
    pub fn take_objects(&self) -> Vec<String> {
        std::mem::take(&mut self.lock_notes().objects)
    }

    /// Each use of the lock leaves the notes whole, so a panic elsewhere doesn't matter.
    fn lock_notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_use_of_a_name_has_the_number_two() {
        let attempt = JobAttempt::new("0a", 1);
        assert_eq!([attempt.count_use("a"), attempt.count_use("b"), attempt.count_use("a")], [1, 1, 2]);
    }

    #[test]
    fn take_objects_returns_each_key_once() {
        let attempt = JobAttempt::new("0a", 1);
        attempt.add_objects(["one".to_owned()]);
        assert_eq!(attempt.take_objects(), ["one"]);
        assert!(attempt.take_objects().is_empty());
    }
}
