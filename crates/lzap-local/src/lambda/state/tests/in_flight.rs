//! Invocations of one environment: single rules first, then random interleavings against a model.

use proptest::prelude::*;

use super::super::in_flight::{InFlight, Poll, StaleAnswer, Ticket, TimeOut};

/// An environment whose process works on invocations with these request ids; their invocation ids are `i0`, `i1`, ….
fn delivered(max_concurrency: u32, request_ids: &[&str]) -> (InFlight, Vec<Ticket>) {
    let mut in_flight = InFlight::new(max_concurrency);
    let deliver = |(number, request_id): (usize, &&str)| {
        let ticket = in_flight.reserve_place().expect("a free place");
        in_flight.queue_event(ticket, request_id);
        let poll = in_flight.begin_poll();
        in_flight.deliver_event(poll, &format!("i{number}")).expect("it is queued")
    };
    let tickets = request_ids.iter().enumerate().map(deliver).collect();
    (in_flight, tickets)
}

#[test]
fn places_are_counted_until_the_caller_is_done() {
    let (mut in_flight, tickets) = delivered(2, &["a", "b"]);
    assert_eq!(in_flight.reserve_place(), None);
    assert_eq!(in_flight.accept_answer("a", Some("i0")), Ok(tickets[0]));
    assert_eq!(in_flight.reserve_place(), None, "the process may still work");
    in_flight.begin_poll();
    assert!(in_flight.is_settled(tickets[0]) && !in_flight.is_settled(tickets[1]));
    assert_eq!(in_flight.reserve_place(), None, "its report isn't written yet");
    in_flight.release_place(tickets[0]);
    assert!(in_flight.reserve_place().is_some());
}

#[test]
fn an_answer_counts_once_and_only_with_the_id_of_its_delivery() {
    let (mut in_flight, tickets) = delivered(2, &["a", "b"]);
    assert_eq!(in_flight.accept_answer("a", Some("i1")), Err(StaleAnswer::TimedOut), "the id of another one");
    assert_eq!(in_flight.accept_answer("c", None), Err(StaleAnswer::Unknown));
    assert_eq!(in_flight.accept_answer("a", Some("i0")), Ok(tickets[0]));
    assert_eq!(in_flight.accept_answer("a", Some("i0")), Err(StaleAnswer::Unknown), "answered before");
    assert_eq!(in_flight.accept_answer("a", None), Err(StaleAnswer::Unknown));
    assert_eq!(in_flight.accept_answer("b", None), Ok(tickets[1]), "a runtime that doesn't know the header");
}

#[test]
fn a_late_answer_to_the_first_attempt_does_not_answer_the_retry() {
    let (mut in_flight, tickets) = delivered(3, &["a", "b"]);
    assert_eq!(in_flight.time_out(tickets[0]), TimeOut::ProcessStays);
    in_flight.release_place(tickets[0]);
    let retry = in_flight.reserve_place().expect("a free place");
    in_flight.queue_event(retry, "a");
    let poll = in_flight.begin_poll();
    assert_eq!(in_flight.deliver_event(poll, "second"), Some(retry));
    assert_eq!(in_flight.accept_answer("a", Some("i0")), Err(StaleAnswer::TimedOut));
    assert_eq!(
        in_flight.accept_answer("a", Some("i0")),
        Err(StaleAnswer::TimedOut),
        "although it is forgotten"
    );
    assert_eq!(in_flight.accept_answer("a", Some("second")), Ok(retry));
}

#[test]
fn a_timeout_ends_the_process_only_where_nothing_else_goes_on() {
    let (mut alone, tickets) = delivered(1, &["a"]);
    assert_eq!(alone.time_out(tickets[0]), TimeOut::EndProcess);
    assert!(alone.is_closed());

    let (mut two, tickets) = delivered(2, &["a", "b"]);
    assert_eq!(two.time_out(tickets[0]), TimeOut::ProcessStays);
    assert!(!two.is_available(), "a task still works on it");
    assert_eq!(two.time_out(tickets[1]), TimeOut::EndProcess, "nothing shows that it will serve again");

    let (mut asking, tickets) = delivered(2, &["a"]);
    asking.begin_poll();
    assert_eq!(asking.time_out(tickets[0]), TimeOut::ProcessStays);
    assert!(asking.is_available());
}

#[test]
fn timed_out_place_is_free_after_late_answer_or_next_poll() {
    let (mut late, tickets) = delivered(2, &["a", "b"]);
    late.time_out(tickets[0]);
    late.release_place(tickets[0]);
    assert_eq!(late.accept_answer("a", None), Err(StaleAnswer::TimedOut));
    assert!(late.is_available());

    let (mut silent, tickets) = delivered(2, &["a", "b"]);
    silent.time_out(tickets[0]);
    silent.release_place(tickets[0]);
    silent.begin_poll();
    assert!(silent.is_available(), "two tasks at most: one of them gave up the invocation");
}

#[test]
fn an_answer_that_comes_with_the_timeout_counts() {
    let (mut in_flight, tickets) = delivered(1, &["a"]);
    assert_eq!(in_flight.accept_answer("a", Some("i0")), Ok(tickets[0]));
    assert_eq!(in_flight.time_out(tickets[0]), TimeOut::Answered);
    assert_eq!(in_flight.stop_waiting(tickets[0]), TimeOut::EndProcess, "it never asked for more");
}

#[test]
fn a_process_with_fewer_tasks_gets_no_more_invocations_than_tasks() {
    let mut in_flight = InFlight::new(8);
    let first = in_flight.reserve_place().expect("nothing is known of the process yet");
    let second = in_flight.reserve_place().expect("nothing is known of the process yet");
    in_flight.queue_event(first, "a");
    in_flight.queue_event(second, "b");
    for (ticket, request_id) in [(first, "a"), (second, "b")] {
        let poll = in_flight.begin_poll();
        assert_eq!(in_flight.deliver_event(poll, request_id), Some(ticket));
        assert_eq!(in_flight.accept_answer(request_id, Some(request_id)), Ok(ticket));
    }
    in_flight.begin_poll();
    in_flight.release_place(first);
    in_flight.release_place(second);
    assert!(in_flight.reserve_place().is_some());
    assert_eq!(in_flight.reserve_place(), None, "it has one task");
    in_flight.begin_poll();
    assert!(in_flight.reserve_place().is_some(), "it has another one");
}

#[test]
fn polls_of_a_process_that_was_replaced_get_nothing() {
    let mut in_flight = InFlight::new(2);
    let ticket = in_flight.reserve_place().expect("a free place");
    let old = in_flight.begin_poll();
    in_flight.forget_process();
    let new = in_flight.begin_poll();
    in_flight.queue_event(ticket, "a");
    assert_eq!(in_flight.deliver_event(old, "i0"), None);
    assert_eq!(in_flight.deliver_event(new, "i1"), Some(ticket));
}

/// The state of a task of the modelled process.
#[derive(Clone, Debug)]
enum Task {
    Free,
    Polling(Poll),
    Working(usize),
}

/// One accepted invocation as its caller sees it.
#[derive(Clone, Debug)]
struct Caller {
    ticket: Ticket,
    request_id: String,
    invocation_id: Option<String>,
    is_queued: bool,
    is_over: bool,
}

#[derive(Debug)]
struct Model {
    in_flight: InFlight,
    max_concurrency: usize,
    tasks: Vec<Task>,
    callers: Vec<Caller>,
    deliveries: usize,
}

/// Each step names what happens, and a number that picks where.
type Step = (u8, usize);

impl Model {
    fn new(max_concurrency: u32) -> Self {
        let tasks = vec![Task::Free; max_concurrency as usize];
        let in_flight = InFlight::new(max_concurrency);
        Self { in_flight, max_concurrency: tasks.len(), tasks, callers: Vec::new(), deliveries: 0 }
    }

    fn run(&mut self, (what, pick): Step) {
        match what {
            0 => self.accept(pick),
            1 => self.queue(pick),
            2 => self.poll(pick),
            3 => self.deliver(pick),
            4 => self.answer(pick, true),
            5 => self.answer(pick, false),
            6 => self.answer_again(pick),
            7 => self.time_out(pick),
            8 => self.lose_connection(pick),
            _ if pick == 0 => self.crash(),
            _ => {}
        }
        let open = self.callers.iter().filter(|caller| !caller.is_over).count();
        let working = self.tasks.iter().filter(|task| matches!(task, Task::Working(_))).count();
        assert!(open <= self.max_concurrency && working <= self.max_concurrency);
        assert_eq!(self.in_flight.len(), open);
    }

    /// A retry has the request id of an attempt that is over; no two open ones share theirs.
    fn accept(&mut self, pick: usize) {
        let request_id = format!("r{}", pick % 5);
        if self.callers.iter().any(|caller| caller.request_id == request_id && !caller.is_over) {
            return;
        }
        let was_closed = self.in_flight.is_closed();
        if let Some(ticket) = self.in_flight.reserve_place() {
            assert!(!was_closed);
            self.callers.push(Caller {
                ticket,
                request_id,
                invocation_id: None,
                is_queued: false,
                is_over: false,
            });
        }
    }

    fn queue(&mut self, pick: usize) {
        if let Some(caller) = nth(&mut self.callers, pick, |caller| !caller.is_over && !caller.is_queued) {
            caller.is_queued = true;
            self.in_flight.queue_event(caller.ticket, &caller.request_id);
        }
    }

    fn poll(&mut self, pick: usize) {
        if let Some(task) = nth(&mut self.tasks, pick, |task| matches!(task, Task::Free)) {
            *task = Task::Polling(self.in_flight.begin_poll());
        }
    }

    fn lose_connection(&mut self, pick: usize) {
        if let Some(task) = nth(&mut self.tasks, pick, |task| matches!(task, Task::Polling(_)))
            && let Task::Polling(poll) = *task
        {
            self.in_flight.withdraw_poll(poll);
            *task = Task::Free;
        }
    }

    fn deliver(&mut self, pick: usize) {
        let Some(task) = nth(&mut self.tasks, pick, |task| matches!(task, Task::Polling(_))) else { return };
        let Task::Polling(poll) = *task else { return };
        let id = format!("i{}", self.deliveries);
        let waiting = |caller: &Caller| caller.is_queued && !caller.is_over && caller.invocation_id.is_none();
        match self.in_flight.deliver_event(poll, &id) {
            Some(ticket) => {
                let found = self.callers.iter().position(|caller| caller.ticket == ticket && waiting(caller));
                let index = found.expect("an open invocation that was not delivered before");
                self.callers[index].invocation_id = Some(id);
                self.deliveries += 1;
                *task = Task::Working(index);
            }
            None => assert!(!self.callers.iter().any(waiting), "an invocation was lost"),
        }
    }

    /// A task answers; without the id only where no retry of the request is open.
    fn answer(&mut self, pick: usize, with_id: bool) {
        let Some(task) = nth(&mut self.tasks, pick, |task| matches!(task, Task::Working(_))) else { return };
        let Task::Working(index) = *task else { return };
        let caller = self.callers[index].clone();
        let has_retry = self.callers[index + 1..].iter().any(|later| later.request_id == caller.request_id);
        if !with_id && has_retry {
            return;
        }
        *task = Task::Free;
        let id = caller.invocation_id.as_deref().filter(|_| with_id);
        let answered = self.in_flight.accept_answer(&caller.request_id, id);
        if caller.is_over {
            assert!(answered.is_err(), "a stale answer was accepted");
        } else {
            assert_eq!(answered, Ok(caller.ticket));
            assert_eq!(self.in_flight.time_out(caller.ticket), TimeOut::Answered);
            self.in_flight.begin_poll();
            self.finish(index);
        }
    }

    /// Whatever was delivered and is over is answered once more.
    fn answer_again(&mut self, pick: usize) {
        let over = |caller: &Caller| caller.is_over && caller.invocation_id.is_some();
        let working = |index: usize| {
            self.tasks.iter().any(|task| matches!(task, Task::Working(current) if *current == index))
        };
        let candidates: Vec<usize> =
            (0..self.callers.len()).filter(|index| over(&self.callers[*index]) && !working(*index)).collect();
        if let Some(index) = candidates.get(pick % candidates.len().max(1)) {
            let caller = &self.callers[*index];
            let id = caller.invocation_id.as_deref();
            assert!(self.in_flight.accept_answer(&caller.request_id, id).is_err(), "answered twice");
        }
    }

    fn time_out(&mut self, pick: usize) {
        let open: Vec<usize> =
            (0..self.callers.len()).filter(|index| !self.callers[*index].is_over).collect();
        let Some(index) = open.get(pick % open.len().max(1)) else { return };
        let is_alone = open.len() == 1;
        let ended = self.in_flight.time_out(self.callers[*index].ticket) == TimeOut::EndProcess;
        let is_asking = self.tasks.iter().any(|task| matches!(task, Task::Polling(_)));
        assert!(!ended || self.max_concurrency == 1 || (is_alone && !is_asking));
        self.finish(*index);
        if ended {
            // The process is killed: what its tasks do can't be seen any more.
            self.tasks.fill(Task::Free);
            assert!(self.in_flight.is_closed());
        }
    }

    /// The process ends, and each of its invocations learns of it.
    fn crash(&mut self) {
        self.in_flight.close();
        for index in 0..self.callers.len() {
            if !self.callers[index].is_over {
                self.finish(index);
            }
        }
        self.tasks.fill(Task::Free);
        assert!(self.in_flight.len() == 0 && self.in_flight.reserve_place().is_none());
    }

    fn finish(&mut self, index: usize) {
        self.callers[index].is_over = true;
        self.in_flight.release_place(self.callers[index].ticket);
    }
}

/// The `pick`-th of those that are fit, counted around.
fn nth<T>(items: &mut [T], pick: usize, is_fit: impl Fn(&T) -> bool) -> Option<&mut T> {
    let fit: Vec<usize> = (0..items.len()).filter(|index| is_fit(&items[*index])).collect();
    let index = *fit.get(pick % fit.len().max(1))?;
    items.get_mut(index)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_interleaving_loses_or_answers_twice(
        max_concurrency in 1_u32..5,
        steps in prop::collection::vec((0_u8..10, 0_usize..20), 0..120),
    ) {
        let mut model = Model::new(max_concurrency);
        for step in steps {
            model.run(step);
        }
        // Every invocation that is still open is delivered and answered when the process goes on.
        if !model.in_flight.is_closed() {
            for step in [1, 2, 3, 4].into_iter().cycle().take(4 * 4 * model.max_concurrency) {
                model.run((step, 0));
            }
            prop_assert!(model.callers.iter().all(|caller| caller.is_over));
        }
    }
}
