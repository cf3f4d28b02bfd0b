//! Shared state between the runner's thread and the connection of the page.
//!
//! At most one page is connected. It gets one request at a time and may send one answer to each. Any other
//! message closes its connection, so that unread messages cannot accumulate here.

use serde::Serialize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Capacity of the queue of messages to a page. If it is full, progress messages are dropped and requests fail
/// instead of blocking the runner; the page gets the current progress when it reconnects.
pub(super) const QUEUE: usize = 64;
/// Number of the latest result rows that are kept, and sent to a page when it connects.
const KEPT_ROWS: usize = 2000;

/// Command for the task that serves the connection.
#[derive(Debug, PartialEq)]
pub(super) enum Order {
    /// Send this message to the page.
    Send(String),
    /// Tell the page to reload itself, and close the connection.
    Reload,
    /// Close the connection because the run is over.
    Over,
}

/// Reason why a page did not answer.
#[derive(Debug, PartialEq)]
pub(super) enum Silence {
    /// The page is no longer connected; the text says why.
    Gone(String),
    /// The page did not answer before the timeout.
    Late,
}

/// Progress of a run, shown on the page.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Progress {
    /// Number of finished rows.
    pub at: usize,
    /// Total number of rows of the run.
    pub total: usize,
    /// Key of the case that is running. `None` if none is.
    pub case: Option<String>,
    /// Device that the case runs on. `None` if no case is running.
    pub device: Option<String>,
}

/// Finished result row, shown on the page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ended {
    /// Key of the case.
    pub case: String,
    /// Device that the case ran on.
    pub device: String,
    /// Status of the row, as in the result file.
    pub status: String,
    /// Time and rate, or the reason why there are none.
    pub text: String,
}

/// Progress message to the page. It is not a request of the protocol and has no answer.
#[derive(Serialize)]
struct News<'a> {
    progress: &'a Progress,
    rows: &'a [Ended],
    /// Whether `rows` replaces all rows on the page; otherwise they are added.
    all: bool,
}

#[derive(Default)]
struct State {
    page: Option<Page>,
    /// Number of pages that have connected so far.
    pages: u32,
    /// The page that disconnected last.
    gone: Option<Gone>,
    progress: Progress,
    rows: Vec<Ended>,
}

struct Gone {
    number: u32,
    why: String,
    /// Its last answer, if the runner has not fetched it yet.
    answer: Option<String>,
}

struct Page {
    number: u32,
    orders: mpsc::Sender<Order>,
    /// Whether a request to the page is still unanswered.
    asked: bool,
    answer: Option<String>,
}

/// Reason given for a page that was told to reload.
const ANEW: &str = "the page was reloaded";

impl State {
    /// Returns the reason why page `number` is no longer connected.
    fn last_words(&self, number: u32) -> String {
        let gone = self.gone.as_ref().filter(|gone| gone.number == number);
        gone.map_or(ANEW, |gone| &gone.why).to_string()
    }
}

/// Shared state of the runner's thread and the connection; see the module documentation.
#[derive(Default)]
pub(super) struct Hub {
    state: Mutex<State>,
    changed: Condvar,
}

impl Hub {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is valid even if another thread panicked: no change is interrupted by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a page is connected.
    pub(super) fn occupied(&self) -> bool {
        self.state().page.is_some()
    }

    /// Whether a page was ever connected.
    pub(super) fn was_occupied(&self) -> bool {
        self.state().pages > 0
    }

    /// Registers a page that connects and returns its number. `None` if another page is connected.
    pub(super) fn join(&self, orders: mpsc::Sender<Order>) -> Option<u32> {
        let mut state = self.state();
        if state.page.is_some() {
            return None;
        }
        state.pages += 1;
        let number = state.pages;
        let _ = orders.try_send(Order::Send(news(&state.progress, &state.rows, true)));
        state.page = Some(Page { number, orders, asked: false, answer: None });
        self.changed.notify_all();
        Some(number)
    }

    /// Records `text` as the answer of page `number`. Fails if no request to it is unanswered.
    pub(super) fn answered(&self, number: u32, text: String) -> Result<(), &'static str> {
        let mut state = self.state();
        let page = state.page.as_mut().filter(|page| page.number == number);
        let page = page.ok_or("an answer that came too late")?;
        if !page.asked {
            return Err("an unexpected message");
        }
        page.asked = false;
        page.answer = Some(text);
        self.changed.notify_all();
        Ok(())
    }

    /// Records that the connection of page `number` has closed, and the reason.
    pub(super) fn left(&self, number: u32, why: String) {
        let mut state = self.state();
        if let Some(page) = state.page.take_if(|page| page.number == number) {
            state.gone = Some(Gone { number, why, answer: page.answer });
            self.changed.notify_all();
        }
    }

    /// Waits for a page to connect and returns its number. `None` if none does within `patience`.
    pub(super) fn wait(&self, patience: Duration) -> Option<u32> {
        let until = Instant::now() + patience;
        let mut state = self.state();
        loop {
            if let Some(page) = &state.page {
                return Some(page.number);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends `text` to page `number` and waits for its answer, for at most `deadline`.
    pub(super) fn ask(&self, number: u32, text: String, deadline: Duration) -> Result<String, Silence> {
        let until = Instant::now() + deadline;
        let mut state = self.state();
        let Some(page) = state.page.as_mut().filter(|page| page.number == number) else {
            return Err(Silence::Gone(state.last_words(number)));
        };
        page.answer = None;
        page.asked = true;
        if page.orders.try_send(Order::Send(text)).is_err() {
            return Err(Silence::Gone("the page takes no messages".into()));
        }
        loop {
            let Some(page) = state.page.as_mut().filter(|page| page.number == number) else {
                let heard = state.gone.as_mut().filter(|gone| gone.number == number);
                return match heard.and_then(|gone| gone.answer.take()) {
                    Some(answer) => Ok(answer),
                    None => Err(Silence::Gone(state.last_words(number))),
                };
            };
            if let Some(answer) = page.answer.take() {
                return Ok(answer);
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else { return Err(Silence::Late) };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Closes the connection of page `number` with `order`, if that page is still connected.
    pub(super) fn dismiss(&self, number: u32, order: Order) {
        let mut state = self.state();
        if let Some(page) = state.page.take_if(|page| page.number == number) {
            // If the queue is full, the connection closes anyway when the sender is dropped.
            let _ = page.orders.try_send(order);
            state.gone = Some(Gone { number, why: ANEW.into(), answer: None });
        }
    }

    /// Sends the page the progress of the run, and the latest row if there is a new one.
    pub(super) fn tell(&self, progress: Progress, row: Option<Ended>) {
        let mut state = self.state();
        let text = news(&progress, row.as_slice(), false);
        state.progress = progress;
        state.rows.extend(row);
        let surplus = state.rows.len().saturating_sub(KEPT_ROWS);
        state.rows.drain(..surplus);
        if let Some(page) = &state.page {
            let _ = page.orders.try_send(Order::Send(text));
        }
    }
}

fn news(progress: &Progress, rows: &[Ended], all: bool) -> String {
    serde_json::to_string(&News { progress, rows, all }).expect("news are plain data")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(20);

    fn joined(hub: &Hub) -> (u32, mpsc::Receiver<Order>) {
        let (send, receive) = mpsc::channel(QUEUE);
        (hub.join(send).unwrap(), receive)
    }

    #[test]
    fn one_page_is_connected_at_a_time_and_each_has_a_number() {
        let hub = Hub::default();
        assert_eq!(hub.wait(SOON), None);
        let (first, _orders) = joined(&hub);
        assert_eq!(hub.wait(SOON), Some(first));
        assert!(hub.join(mpsc::channel(1).0).is_none());
        hub.left(first, "it left".into());
        assert!(!hub.occupied());
        assert_eq!(hub.ask(first, String::new(), SOON), Err(Silence::Gone("it left".into())));
        let (second, _orders) = joined(&hub);
        assert_ne!(first, second);
        hub.left(first, "late".into());
        assert!(hub.occupied());
    }

    #[test]
    fn what_was_not_asked_for_is_no_answer() {
        let hub = Hub::default();
        let (number, _orders) = joined(&hub);
        assert!(hub.answered(number, "early".into()).is_err());
        assert_eq!(hub.ask(number, "hello".into(), SOON), Err(Silence::Late));
        assert!(hub.answered(number, "an answer".into()).is_ok());
        assert!(hub.answered(number, "another".into()).is_err());
        // A new request must not get the answer to the previous one.
        assert_eq!(hub.ask(number, "again".into(), SOON), Err(Silence::Late));
        assert!(hub.answered(number + 1, "of another".into()).is_err());
    }

    #[test]
    fn an_answer_wakes_the_one_who_waits() {
        let hub = Hub::default();
        let (number, mut orders) = joined(&hub);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(
                    matches!(orders.blocking_recv(), Some(Order::Send(text)) if text.contains("progress"))
                );
                assert_eq!(orders.blocking_recv(), Some(Order::Send("question".into())));
                hub.answered(number, "answer".into()).unwrap();
            });
            assert_eq!(hub.ask(number, "question".into(), Duration::from_secs(10)), Ok("answer".into()));
        });
    }

    #[test]
    fn what_a_page_answered_before_it_left_counts() {
        let hub = Hub::default();
        let (number, mut orders) = joined(&hub);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                orders.blocking_recv();
                orders.blocking_recv();
                hub.answered(number, "answer".into()).unwrap();
                hub.left(number, "it left".into());
            });
            assert_eq!(hub.ask(number, "question".into(), Duration::from_secs(10)), Ok("answer".into()));
        });
        assert_eq!(hub.ask(number, "another".into(), SOON), Err(Silence::Gone("it left".into())));
    }

    #[test]
    fn a_page_that_connects_later_learns_of_all_rows() {
        let hub = Hub::default();
        let row = |case: &str| Ended {
            case: case.into(),
            device: "d".into(),
            status: "ok".into(),
            text: "1 s".into(),
        };
        hub.tell(Progress { at: 1, total: 2, ..Progress::default() }, Some(row("first")));
        let (_, mut orders) = joined(&hub);
        hub.tell(Progress { at: 2, total: 2, ..Progress::default() }, Some(row("second")));
        let mut text = || match orders.try_recv().unwrap() {
            Order::Send(text) => text,
            order => panic!("{order:?}"),
        };
        let (all, more) = (text(), text());
        assert!(all.contains("first") && all.contains("\"all\":true"), "{all}");
        assert!(
            more.contains("second") && !more.contains("first") && more.contains("\"all\":false"),
            "{more}"
        );
    }

    #[test]
    fn a_page_that_reads_nothing_does_not_hold_up_the_runner() {
        let hub = Hub::default();
        let (number, _orders) = joined(&hub);
        for _ in 0..10 * QUEUE {
            hub.tell(Progress::default(), None);
        }
        let asked = hub.ask(number, "question".into(), Duration::from_secs(10));
        assert_eq!(asked, Err(Silence::Gone("the page takes no messages".into())));
    }
}
