//! A page in a browser as an executor: this process serves the page and one WebSocket, over which the
//! same messages go as through the pipes of a child.

mod assets;
mod executor;
mod gate;
mod hub;
mod refusals;
mod server;
mod socket;

pub use executor::BrowserExecutor;
pub use hub::{Ended, Progress};
pub use refusals::Say;
pub use server::BrowserServer;
