//! The simulated executor as a process, which hangs, ends and writes what is no answer.

use super::service::{Fake, Reaction};
use crate::protocol::{Request, Response};
use crate::serve::{Service, write_response};
use std::io::{self, Write};
use std::time::Duration;

/// Line on stdout that imitates debug output of a driver.
const GARBAGE: &[u8] = b"}MESA: debug output\n";

impl Service for Fake {
    fn handle(&mut self, request: Request) -> Response {
        match self.reaction(request) {
            Reaction::Answer(response) | Reaction::Garbage(response) | Reaction::HalfLine(response) => {
                response
            }
            Reaction::Late(response, time) => {
                std::thread::sleep(time);
                response
            }
            Reaction::Hang => hang(),
            Reaction::Exit => std::process::exit(3),
            Reaction::Abort => std::process::abort(),
        }
    }

    fn answer(&mut self, request: Request, writer: &mut dyn Write) -> io::Result<()> {
        match self.reaction(request) {
            Reaction::Answer(response) => write_response(&response, writer),
            Reaction::Late(response, time) => {
                std::thread::sleep(time);
                write_response(&response, writer)
            }
            Reaction::Garbage(response) => {
                writer.write_all(GARBAGE)?;
                write_response(&response, writer)
            }
            Reaction::HalfLine(response) => {
                let line = serde_json::to_vec(&response)?;
                writer.write_all(&line[..line.len() / 2])?;
                writer.flush()?;
                Err(io::Error::other("ended within a line, as the script says"))
            }
            Reaction::Hang => hang(),
            Reaction::Exit => std::process::exit(3),
            Reaction::Abort => std::process::abort(),
        }
    }
}

fn hang() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
